"""How much a meta-training depends on its seed: the share of seeds that end within 10 % of the best.

Each seed is a meta-training of its own, of fewer updates than the recipe's, measured on the recipe's first setup at the
recommended learning rate. Takes about six minutes a seed and core; runs lie in ``runs/stability/<commit>`` and go on
where they were interrupted.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
UPDATES = 200
MARGIN = 1.1


def run(*, quick: bool) -> None:
    """Print the errors of all seeds and the share."""
    seeds = range(2 if quick else 10)
    with ThreadPoolExecutor(PROCESSES) as pool:
        errors = sorted(pool.map(partial(_in_a_process, quick=quick), seeds))
    share = sum(error <= MARGIN * errors[0] for error in errors) / len(errors)
    told = ", ".join(f"{error:.4f}" for error in errors)
    length = "the quick recipe" if quick else f"{UPDATES} updates"
    print(f"{NAME}, {len(errors)} meta-seeds, {length}: {told}; within 10 % of the best: {share:.0%}")


def _in_a_process(seed: int, *, quick: bool) -> float:
    code = f"from tests.benchmarks.stability import measure; measure({seed}, quick={quick})"
    return printed([sys.executable, "-c", code])


def measure(seed: int, *, quick: bool) -> None:
    """What each process does."""
    recipe = find_recipe(NAME)
    recipe = recipe.quick() if quick else replace(recipe, training=replace(recipe.training, iterations=UPDATES))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True).stdout
    folder = make_folder(FOLDER / commit.strip() / ("quick" if quick else "full") / f"seed-{seed}")
    with reproducible_compute():
        loss = recipe.fresh_loss(seed)
        meta_train(loss, replace(recipe.training, seed=seed), folder, resume=True)
        print(recipe.at_recommended(loss.requires_grad_(False))["mean"])
