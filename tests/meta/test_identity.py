"""What decides a meta-training: values and a user's code, never addresses; and what an edit of a recipe changes."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ml3zoo.errors import CheckpointError
from ml3zoo.evaluate.cache import _fingerprint
from ml3zoo.meta.checkpoint import load_checkpoint, save_checkpoint
from ml3zoo.meta.identity import identity_of
from ml3zoo.meta.outer import identity
from ml3zoo.recipe import find_recipe

FAMILY = '''
from __future__ import annotations
from dataclasses import dataclass
from functools import partial
import torch
from torch import nn
import a_sibling

POWER = 2
def error(x, power=1.0):
    return (x.abs() ** POWER).mean() * power
class Robust(nn.Module):
    def forward(self, input, target):
        return a_sibling.robust(input - target)
class Family:
    rows = ("x",)
    def __init__(self, width):
        self.width, self.weights = width, torch.arange(3.0)
        self.network = nn.Linear(width, 1)
    def objective(self, params, data):
        """The error."""
        # what it is
        return error(params["x"] - data["y"])
    metric = lambda self, params, data: -1.0 * self.objective(params, data)
@dataclass(frozen=True)
class Frozen:
    lr: float = 0.1
    def sample(self):
        return self.lr
THINGS = (Family(3), Frozen(), Robust, Robust(), partial(error, power=2.0))
'''
SIBLING = "def robust(x):\n    return x.abs().mean()\n"


def module(folder: Path, text: str, sibling: str = SIBLING) -> ModuleType:
    for name, content in (("a_sibling", sibling), ("a_recipe", text)):
        made = ModuleType(name)
        made.__file__ = str(folder / f"{name}.py")
        sys.modules[name] = made
        exec(compile(content, made.__file__, "exec"), vars(made))
    return made


@pytest.fixture
def things(tmp_path) -> Callable[..., Any]:
    yield lambda *texts: identity_of(things=module(tmp_path, *texts).THINGS)
    for name in ("a_sibling", "a_recipe"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# what it is", "# what it is not\n\n"),
        ('"""The error."""', '"""The mean error of a run."""'),
        ("\nclass Robust", "\n\nUNUSED = 3\n\nclass Robust"),
        ("lr: float = 0.1", "lr: float = 0.1\n    more: int = 3"),
        ("", ""),
    ],
)
def test_what_does_not_matter_changes_nothing(things, old, new):
    before = things(FAMILY)
    assert things(FAMILY.replace(old, new, 1)).changes(before.values) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("- data", "+ data", "things[0].objective()"),
        ("POWER = 2", "POWER = 3", "things[0].objective()"),
        ("x.abs() **", "x **", "things[4]()"),
        ("-1.0 * self", "-2.0 * self", "things[0].metric()"),
        ("Family(3)", "Family(4)", "things[0].width was 3, is 4"),
        ("arange(3.0)", "arange(1.0, 4.0)", "things[0].weights was"),
        ('rows = ("x",)', 'rows = ("y",)', "things[0].rows[0] was 'x', is 'y'"),
        ("return self.lr", "return 2 * self.lr", "things[1].sample()"),
        ("lr: float = 0.1", "lr: float = 0.2", "things[1].lr was 0.1, is 0.2"),
        ("lr: float = 0.1", "rate: float = 0.1", "things[1].lr was 0.1, is not there"),
        ("power=2.0", "power=3.0", "things[4].keywords['power'] was 2.0, is 3.0"),
        ("input - target", "target - input", "things[2].forward()"),
    ],
)
def test_what_matters_is_named(things, old, new, where):
    before = things(FAMILY)
    assert old in FAMILY
    assert any(where in change for change in things(FAMILY.replace(old, new)).changes(before.values))


def test_a_function_of_a_file_beside_it_counts(things):
    before = things(FAMILY)
    changed = things(FAMILY, SIBLING.replace("mean", "sum")).changes(before.values)
    assert any("forward()" in change for change in changed)


def test_an_added_field_counts_unless_it_holds_its_default(things):
    before = things(FAMILY)
    more = FAMILY.replace("lr: float = 0.1", "lr: float = 0.1\n    more: int = 3")
    assert things(more.replace("Frozen()", "Frozen(more=4)")).changes(before.values) == [
        "things[1].more was not there, is 4"
    ]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(values, values)
def test_equal_values_and_no_others_have_equal_identities(one, other):
    same = repr(one) == repr(other)
    assert (identity_of(value=one) == identity_of(value=other)) is same or one == other
    assert (identity_of(value=one).changes(identity_of(value=other).values) == []) is same or one == other


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.arange(5000.0),
        lambda: torch.arange(5000.0, dtype=torch.bfloat16),
        lambda: nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.1)),
        object,
        lambda: functools.partial(nn.HuberLoss, delta=0.5),
        lambda: torch.Generator().manual_seed(3),
        lambda: {"a", "b", "c"},
    ],
)
def test_no_addresses(make):
    assert identity_of(value=make()) == identity_of(value=make())
    assert " at 0x" not in str(identity_of(value=make()))


def test_every_number_of_an_array_counts():
    array = np.arange(5000.0)
    array[2500] += 1
    assert identity_of(value=array) != identity_of(value=np.arange(5000.0))


def test_an_object_within_itself():
    own: list[Any] = []
    own.append(own)
    assert identity_of(value=own).values == {"value": "list of 1", "value[0]": "itself"}


def test_a_checkpoint_names_what_changed(tmp_path):
    path = tmp_path / "checkpoint"
    save_checkpoint(path, identity_of(lr=0.1, steps=3), {}, {"a": torch.zeros(1)})
    assert load_checkpoint(path, lambda tensors: identity_of(lr=0.1, steps=3))[0] == {}
    with pytest.raises(CheckpointError, match=r"another recipe.*lr was 0\.1, is 0\.2\. Undo"):
        load_checkpoint(path, lambda tensors: identity_of(lr=0.2, steps=3))


def test_measured_setups_are_of_a_baselines_code_too():
    recipe = find_recipe("sine-regression")
    loss = recipe.fresh_loss(0)
    evaluation = recipe.evaluation(recipe.config)
    makes = [lambda: nn.HuberLoss(delta=0.3), lambda: nn.HuberLoss(delta=0.4)]
    found = []
    for make in makes:
        baseline = dataclasses.replace(evaluation.baselines[0], make=make)
        found.append(_fingerprint(loss, dataclasses.replace(evaluation, baselines=(baseline,)), None))
    assert found[0] != found[1]


@pytest.mark.parametrize("name", ["label-noise", "reacher", "sine-regression"])
def test_of_bundled_recipes_the_version_stands_for_the_code(name):
    recipe = find_recipe(name)
    found = [identity(recipe.fresh_loss(seed), recipe.training) for seed in (0, 1)]
    assert found[0] == found[1]
    assert not [place for place in found[0].values if place.endswith("()")]
