"""Recipes as users write them: what works, and what is refused by name before anything is trained."""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from ml3zoo.cli import app
from ml3zoo.errors import CheckpointError, InputError, OutputError, UnknownNameError
from ml3zoo.meta.outer import meta_train
from ml3zoo.recipe import Recipe, find_recipe, rehearse
from ml3zoo.recipe.recipe import quick_evaluation

RECIPE = """\
from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from ml3zoo.evaluate import Baseline, Evaluation, Setup
from ml3zoo.format.config import SignalConfig
from ml3zoo.meta.estimators import Objective, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.base import TaskFamily, Tasks


@dataclass(frozen=True)
class Line(TaskFamily):
    slope: float = 2.0
    network: nn.Module = field(default_factory=lambda: nn.Linear(1, 1), repr=False, compare=False)

    def sample(self, generator, n, split):
        x = torch.randn(n, 8, 1, generator=generator)
        network = dict(self.network.named_parameters())
        return Tasks({"x": x, "y": self.slope * x}, {k: torch.zeros(n, *p.shape) for k, p in network.items()})

    def loss_arguments(self, params, data):
        return {"input": functional_call(self.network, params, (data["x"],)), "target": data["y"]}

    def objective(self, params, data):
        return (functional_call(self.network, params, (data["x"],)) - data["y"]).square().mean()


def evaluation(config):
    setup = Setup("line", FAMILY, FAMILY, SGD(), 0.1, 0.1, 4)
    return Evaluation((setup,), BASELINES)


FAMILY = Line()
BASELINES = (Baseline("MSE", nn.MSELoss),)
EXAMPLE = "x = y = torch.rand(4, 1)\\nmodel = torch.nn.Linear(1, 1)"
SIGNALS = (SignalConfig(signal="error", transforms=("abs",)),)
PICTURES = None
# here a user writes otherwise
BASE = find_recipe("sine-regression")
RECIPE = replace(
    BASE,
    config=BASE.config.replace(name="line", signals=SIGNALS, architecture={"hidden": []}),
    init=(1.0,) * len(SIGNALS),
    training=MetaTraining((TrainingConfig(FAMILY, InnerRun(SGD(), 0.1, 4)),), Unrolled(), 2, 2, 0.01),
    evaluation=evaluation,
    example=EXAMPLE,
    pictures=PICTURES,
)
"""
CONFIG = find_recipe("sine-regression").config
_HERE = "# here a user writes otherwise\n"


def write(folder: Path, otherwise: str = "", name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(RECIPE.replace(_HERE, otherwise + "\n"), encoding="utf-8")
    return path


def own(folder: Path, otherwise: str = "") -> Recipe:
    return find_recipe(str(write(folder, otherwise)))


def test_a_recipe_with_dataclasses_and_files_beside_it(tmp_path):
    (tmp_path / "a_helper_of_mine.py").write_text("SLOPE = 3.0\n")
    with pytest.warns(UserWarning, match=r"mine\.py needs a_helper_of_mine\.py beside it"):
        recipe = own(tmp_path, "from a_helper_of_mine import SLOPE\nFAMILY = Line(SLOPE)")
    assert recipe.training.training_configs[0].family.slope == 3.0
    assert ast.dump(ast.parse(recipe.source)) == ast.dump(ast.parse((tmp_path / "mine.py").read_text()))
    assert "Line" in inspect.getsource(type(recipe.training.training_configs[0].family))
    rehearse(recipe)


LAYER = "FAMILY = Line(network=nn.Sequential(nn.Linear(1, 4), {}, nn.Linear(4, 1)))"


@pytest.mark.parametrize(
    ("otherwise", "named"),
    {
        "an array in a family": (
            "@dataclass(frozen=True)\nclass Heavy(Line):\n    grid: np.ndarray = field(default_factory=lambda: "
            "np.ones(3))\nFAMILY = Heavy()",
            r"Heavy.*unhashable.*eq=False",
        ),
        "dropout": (LAYER.format("nn.Dropout(0.5)"), r"training config 1.*Line.*1 is Dropout.*p=0"),
        "batch norm": (LAYER.format("nn.BatchNorm1d(4)"), r"training config 1.*BatchNorm1d.*Tasks\.buffers"),
        "a baseline called otherwise": (
            'BASELINES += (Baseline("Poisson", nn.PoissonNLLLoss),)',
            r"baseline 'Poisson'.*input",
        ),
        "a baseline of classes": ('BASELINES += (Baseline("CE", nn.NLLLoss, "a = 1"),)', r"baseline 'CE', a = 1"),
        "a golden value out of its domain": (
            'SIGNALS = (SignalConfig(signal="target", transforms=("log1p",)),)',
            r"golden.*NaN or infinity.*another transform\. Nothing",
        ),
        "a picture": ("def PICTURES(loss):\n    raise KeyError('omega')", r"pictures.*KeyError: 'omega'"),
        "no figure": ("PICTURES = lambda loss: {'a': 1}", r"pictures.*'int'"),
        "an example": ("EXAMPLE = 'x = ='", r"example for the card.*SyntaxError"),
        "an evaluation": ("def evaluation(config):\n    return 1 / 0", r"evaluation.*ZeroDivisionError"),
        "no tensors": (
            "class Plain(Line):\n    def sample(self, generator, n, split):\n"
            "        return Tasks({'x': np.ones((n, 8, 1))}, {'weight': np.ones((n, 1, 1))})\nFAMILY = Plain()",
            r"training config 1.*Plain: sample\(\) gives Tasks\.data\['x'\], a numpy\.ndarray: a tensor",
        ),
        "a number of numpy": (
            "def evaluation(config):\n    setup = Setup('line', FAMILY, FAMILY, SGD(), np.float64(0.1), 0.1, 4)\n"
            "    return Evaluation((setup,), BASELINES)",
            r"results.*numpy\.float64",
        ),
        "a grid of numpy": (
            "def evaluation(config):\n    setup = Setup('line', FAMILY, FAMILY, SGD(), 0.1, 0.1, 4)\n"
            "    return Evaluation((setup,), BASELINES, grid=tuple(np.logspace(-1, 1, 3)))",
            r"results.*numpy\.float64",
        ),
        "no baselines": ("BASELINES = ()", r"evaluation.*without baselines"),
        "an objective of each point": (
            "class Each(Line):\n    def objective(self, params, data):\n"
            "        return data['y'].square()\nFAMILY = Each()",
            r"training config 1.*Each.*objective\(\) gives numbers of shape \(8, 1\)",
        ),
        "a signal that nobody gives": (
            'SIGNALS = (SignalConfig(signal="feature"), SignalConfig(signal="error"))',
            r"training config 1.*looks at a feature",
        ),
        "an objective that is NaN": (
            "class Nan(Line):\n    def objective(self, params, data):\n"
            "        return super().objective(params, data) * torch.nan\nFAMILY = Nan()",
            r"objective\(\) is nan for networks that are not trained",
        ),
        "a later setup": (
            "def evaluation(config):\n    setup = Setup('line', FAMILY, FAMILY, SGD(), 0.1, 0.1, 4)\n"
            "    return Evaluation((setup, replace(setup, steps=-4)), BASELINES)",
            r"the setup 'line under SGD, -4 steps'.*steps must be at least 1",
        ),
        "a number out of a tensor": (
            "class Item(Line):\n    def objective(self, params, data):\n"
            "        return torch.tensor(super().objective(params, data).item())\nFAMILY = Item()",
            r"Item: it turns a tensor into a number of Python",
        ),
    }.values(),
    ids=lambda value: value[:24],
)
def test_what_would_fail_is_named_before_anything_is_trained(tmp_path, otherwise, named):
    recipe = own(tmp_path, otherwise)
    with pytest.raises(InputError, match=f"(?s){named}") as refused:
        rehearse(recipe)
    assert "Nothing was trained yet" in str(refused.value)


def test_training_tries_a_recipe_of_ones_own_first(tmp_path, monkeypatch):
    path = write(tmp_path, LAYER.format("nn.Dropout(0.5)"))
    monkeypatch.setattr(Recipe, "run", lambda *arguments, **more: pytest.fail("trained"))
    with pytest.raises(InputError, match="1 is Dropout"):
        app(["train", str(path)], standalone_mode=False)
    with pytest.raises(pytest.fail.Exception, match="trained"):
        app(["train", "sine-regression"], standalone_mode=False)


def test_names_with_spaces_and_dashes_and_a_package_beside_it(tmp_path):
    (tmp_path / "a_package_of_mine").mkdir()
    (tmp_path / "a_package_of_mine" / "families.py").write_text("SLOPE = 4.0\n")
    path = write(tmp_path, "from a_package_of_mine.families import SLOPE\nFAMILY = Line(SLOPE)", "my recipe-v2.py")
    with pytest.warns(UserWarning, match=r"needs families\.py beside it"):
        assert find_recipe(str(path)).training.training_configs[0].family.slope == 4.0


def test_a_grid_of_two_is_enough_for_a_quick_run():
    evaluation = quick_evaluation(replace(find_recipe("sine-regression").evaluation(CONFIG), grid=(0.1, 1.0)))
    assert evaluation.grid == (0.1, 1.0)


def test_a_recipe_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(("# -*- coding: latin-1 -*-\n" + RECIPE + "# ä\n").encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        find_recipe(str(path))


def test_a_file_without_a_recipe_is_named(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    with pytest.raises(InputError, match=r"mine\.py defines no RECIPE"):
        find_recipe(str(tmp_path / "mine.py"))


PLAIN = """
class Plain(TaskFamily):
    def __init__(self):
        self.network = nn.Linear(1, 1)
    sample = Line.sample
    slope = 2.0
    loss_arguments = Line.loss_arguments
    def objective(self, params, data):
        # the error
        return (functional_call(self.network, params, (data["x"],)) - data["y"]).square().mean()
FAMILY = Plain()
"""


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("# the error", "# the mean error\n", None),
        (".square().mean()\nFAMILY", ".abs().mean()\nFAMILY", r"family\.objective\(\) changed"),
        ("slope = 2.0", "slope = 3.0", r"family\.slope was 2\.0, is 3\.0"),
    ],
)
def test_a_plain_family_resumes_and_an_edited_one_does_not(tmp_path, old, new, named):
    def train(otherwise: str) -> None:
        recipe = own(tmp_path, otherwise)
        meta_train(recipe.fresh_loss(0), recipe.training, tmp_path, resume=True)

    train(PLAIN)
    if named is None:
        train(PLAIN.replace(old, new))
        return
    with pytest.raises(CheckpointError, match=named):
        train(PLAIN.replace(old, new))


def test_a_name_without_its_ending_finds_the_file(tmp_path, monkeypatch):
    write(tmp_path, name="mine.py")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match=r"Did you mean \./mine\.py\?"):
        find_recipe("mine")


@pytest.mark.parametrize("text", ["import sys\nsys.exit()", "import no_such_helper", "1 / 0", "RECIPE ="])
def test_a_file_that_cannot_be_run_leaves_nothing_behind(tmp_path, text):
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(InputError, match="cannot be run"):
        find_recipe(str(tmp_path / "broken.py"))
    assert "recipe_broken" not in sys.modules


def test_a_card_that_cannot_be_written_costs_no_training(tmp_path, monkeypatch):
    recipe = own(tmp_path)
    monkeypatch.setattr(Recipe, "_write", lambda *arguments: {}["omega"])
    with pytest.raises(OutputError, match=r"KeyError: 'omega'.*card\.training.*--resume"):
        recipe._written(Kept(tmp_path / "card.training" / "seed-0"), [], None, tmp_path / "card")


class Kept(NamedTuple):
    """What one seed left."""

    folder: Path
