"""How much a meta-training depends on its seed: the share of seeds that end within 10 % of the best.

Each seed is a meta-training of its own, of fewer updates than the recipe's, measured on the recipe's first setup at the
recommended learning rate. Takes about six minutes a seed and core; runs lie in ``runs/stability/<commit>`` and go on
where they were interrupted.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ml3zoo.format.files import make_folder
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.outer import meta_train
from ml3zoo.recipe import find_recipe
from tests.benchmarks.timing import printed

NAME = "sine-regression-momentum"
FOLDER = Path("runs/stability")
PROCESSES = 2
MARGIN = 1.1


@dataclass(frozen=True)
class Sizes:
    """How much is trained and measured.

    Attributes:
        seeds: meta-trainings.
        updates: of the loss, per seed.
        validation_tasks: of each training config.
        test_tasks: that the result is measured on.
    """

    seeds: int = 10
    updates: int = 200
    validation_tasks: int = find_recipe(NAME).training.validation_tasks
    test_tasks: int = find_recipe(NAME).evaluation(find_recipe(NAME).config).test_tasks


FULL = Sizes()
SMALL = Sizes(seeds=2, updates=1, validation_tasks=2, test_tasks=4)


def run(sizes: Sizes) -> None:
    """Print the errors of all seeds and the share."""
    with ThreadPoolExecutor(PROCESSES) as pool:
        errors = sorted(pool.map(partial(_in_a_process, sizes=sizes), range(sizes.seeds)))
    share = sum(error <= MARGIN * errors[0] for error in errors) / len(errors)
    listed = ", ".join(f"{error:.4f}" for error in errors)
    print(f"{NAME}, {sizes.seeds} meta-seeds, {sizes.updates} updates: {listed}; within 10 % of the best: {share:.0%}")


def _in_a_process(seed: int, sizes: Sizes) -> float:
    code = f"from tests.benchmarks.stability import Sizes, measure; measure({seed}, {sizes!r})"
    return printed([sys.executable, "-c", code])


def measure(seed: int, sizes: Sizes) -> None:
    """What each process does."""
    recipe = find_recipe(NAME)
    training = replace(recipe.training, seed=seed, iterations=sizes.updates, validation_tasks=sizes.validation_tasks)
    protocol = recipe.evaluation
    recipe = replace(recipe, evaluation=lambda config: replace(protocol(config), test_tasks=sizes.test_tasks))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True, cwd=Path(__file__).parent
    ).stdout
    folder = make_folder(FOLDER / commit.strip() / f"{sizes.updates}-updates" / f"seed-{seed}")
    with reproducible_compute():
        loss = recipe.fresh_loss(seed)
        meta_train(loss, training, folder, resume=True)
        print(recipe.at_recommended(loss.requires_grad_(False)).mean)
