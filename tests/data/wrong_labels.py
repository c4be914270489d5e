"""Makes the digits whose labels are partly wrong, in this folder: ``python -m tests.data.wrong_labels``.

Of scikit-learn's 1,797 images of digits 600 go to ``digits_wrong.csv``, where each label is replaced by one of the nine
others with probability 0.3, and 600 others to ``digits_right.csv``, all labels right. The generator's seed is 0. No
loss of the zoo was meta-trained on these images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

FOLDER = Path(__file__).parent
ROWS, WRONG, SEED = 600, 0.3, 0


def tables() -> dict[str, pd.DataFrame]:
    """Both tables by the names of their files: 64 columns of pixels from 0 to 16, and ``digit``."""
    pixels, digits = load_digits(return_X_y=True)
    generator = np.random.default_rng(SEED)
    order = generator.permutation(len(digits))
    train, test = order[:ROWS], order[ROWS : 2 * ROWS]
    wrong = generator.random(ROWS) < WRONG
    given = digits[train].copy()
    given[wrong] = (given[wrong] + generator.integers(1, 10, wrong.sum())) % 10
    return {"digits_wrong.csv": _frame(pixels[train], given), "digits_right.csv": _frame(pixels[test], digits[test])}


def _frame(pixels: np.ndarray, digits: np.ndarray) -> pd.DataFrame:
    columns = [f"pixel{at}" for at in range(pixels.shape[1])]
    return pd.DataFrame(pixels.astype(int), columns=columns).assign(digit=digits)


if __name__ == "__main__":
    for name, table in tables().items():
        table.to_csv(FOLDER / name, index=False)
