"""Every loss that ships: whole, reproducible, and its card the very text its results give."""

from __future__ import annotations

import copy
import itertools
import re
from collections import Counter
from typing import NamedTuple

import pytest
import torch

import ml3zoo
from ml3zoo import list_losses, load_loss, roll_out
from ml3zoo.format.config import read_config
from ml3zoo.format.results import read_results
from ml3zoo.recipe import list_recipes
from ml3zoo.zoo.card import render_card
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.store import verify
from ml3zoo.zoo.verdicts import headline

LOSSES = list_losses()


def test_every_recipe_has_a_card_and_every_card_a_recipe():
    assert list_recipes() == LOSSES


@pytest.mark.parametrize("name", LOSSES)
def test_files_hold_and_golden_tensors_replay(name):
    assert verify(resolve(name))


@pytest.mark.parametrize("name", LOSSES)
def test_cards_are_rendered_from_their_results(name):
    folder = resolve(name)
    config, results = read_config(folder), read_results(folder)
    assert results.headline == headline(results)
    assert results.formula == load_loss(name).formula()
    assert (folder / "README.md").read_text(encoding="utf-8") == render_card(config, results, folder)


def differences(results, use):
    """Intervals of the differences to the baseline in every setup where the loss was used so."""
    learned = [m for s in results.setups for m in s.methods if m.role == "learned" and m.use == use]
    return [method.comparison.difference for method in learned]


@pytest.mark.parametrize("name", LOSSES)
def test_a_card_says_where_the_loss_does_not_win_and_first_where_it_is_worse(name):
    folder = resolve(name)
    results = read_results(folder)
    text = (folder / "README.md").read_text(encoding="utf-8")
    opening = text.split("## Use it")[0]
    baselines = {*results.protocol.baselines}
    best = "the best ordinary loss" if len(baselines) > 1 else f"tuned {baselines.pop()}"
    expected = {f"Worse than {best} in ": [], "No clear difference in ": []}
    rows = sum(level.difference.low > 0 for ranking in results.rankings[:1] for level in ranking.learned.levels)
    ways = {"swapped in": "swapped in", "recommended": "at the recommended rate", "tuned": "when tuned"}
    for use, way in ways.items():
        found = differences(results, use)
        worse = sum(each.low > 0 for each in found)
        unclear = sum(each.low <= 0 <= each.high for each in found)
        rows += worse if use != "recommended" or not results.rankings else 0
        for parts, number in zip(expected.values(), (worse, unclear), strict=True):
            if number:
                parts.append(f"{number} of {len(found)}{'' if parts else ' setups'} {way}")
    for (begins, parts), where in zip(expected.items(), (opening, text), strict=True):
        assert where.count(begins) == bool(parts)
        assert begins + ", ".join(parts) + "." in where or not parts
    assert text.count(", **worse** |") == rows


@pytest.mark.parametrize("name", LOSSES)
def test_a_cards_first_table_marks_every_row_that_is_lost(name):
    folder = resolve(name)
    results = read_results(folder)
    text = (folder / "README.md").read_text(encoding="utf-8")
    table = re.search(r"\n((?:\|.*\n)+)", text.partition("## What was measured\n")[2])[1]
    rows = table.splitlines()[2:]
    shown = [setup.shown.comparison.difference for setup in results.setups]
    if results.rankings:
        shown = [level.difference for level in results.rankings[0].learned.levels]
    assert ["**worse**" in row for row in rows] == [each.low > 0 for each in shown]


@pytest.mark.parametrize("name", LOSSES)
def test_the_first_screen_of_a_card_holds_gain_loss_picture_and_snippet(name):
    text = (resolve(name) / "README.md").read_text(encoding="utf-8").split("\n---\n", 1)[1]
    opening, _, after = text.partition("```python\n")
    assert len(opening.split()) < 190
    assert "![What it brings](plots/gain.png)" in opening
    assert "**Use it for** " in opening
    assert after.startswith("import torch\n")
    assert (resolve(name) / "plots" / "gain.png").is_file()


@pytest.mark.parametrize("name", LOSSES)
def test_a_card_says_in_its_first_lines_whether_runs_diverge(name):
    folder = resolve(name)
    opening = (folder / "README.md").read_text(encoding="utf-8").split("## Use it")[0]
    learned = [
        m for s in read_results(folder).setups for m in s.methods if (m.role, m.use) == ("learned", "recommended")
    ]
    diverged = sum(method.diverged.mean > 0 for method in learned)
    assert (f"runs diverge in {diverged} of {len(learned)} setups" in opening) == (diverged > 0)
    assert ("diverge" in opening) == (diverged > 0)


class Minimums(NamedTuple):
    """What an evaluation has at least; data sets, runs and optimisers are asked of those with a ranking."""

    rates: int
    decades: float
    data_sets: int
    runs: int
    optimizers: int


USUAL = Minimums(rates=7, decades=3, data_sets=8, runs=5, optimizers=2)
MINIMUMS = {"policy-gradient": Minimums(rates=5, decades=0, data_sets=3, runs=5, optimizers=1)}
"""By problem type, else the usual ones. A data set of agents is an environment, PPO has one optimiser."""


@pytest.mark.parametrize("name", LOSSES)
def test_protocol_minimums(name):
    folder = resolve(name)
    results, least = read_results(folder), MINIMUMS.get(read_config(folder).problem_type, USUAL)
    protocol = results.protocol
    assert protocol.learning_rates >= least.rates
    assert protocol.decades >= least.decades
    if results.rankings:
        assert results.rankings[0].data_sets >= least.data_sets
        assert protocol.test_tasks_per_seed * protocol.seeds >= least.runs
        assert len({measured.setup.optimizer for measured in results.setups}) >= least.optimizers
        return
    assert protocol.test_tasks_per_seed >= 100
    assert protocol.seeds >= 5
    unseen = Counter(measured.setup.unseen for measured in results.setups)
    assert unseen["architecture"] >= 3 or (unseen["architecture"] == 0 and unseen["data"] >= 4)  # sin(ωx) has one form
    assert unseen["optimizer"] >= 2


BLIND = {"shaped-sine-unshaped"}
"""Shown for comparison: by their own cards they miss nearly every task."""


@torch.no_grad()
def error(scope, model):
    """What the snippet is about: distance of the last state from its goal, share of wrong labels, or squared error."""
    config = scope["loss"].config
    if config.environment is not None:
        scope["model"] = model
        states, goals = scope["play"]()
        offset = config.environment.offset_at
        return (states[-1, list(offset)] if offset else states[-1, : goals.shape[-1]] - goals[-1]).norm()
    output = model(scope["x"])
    if config.problem_type == "classification":
        return (output.argmax(-1) != scope.get("labels", scope["y"])).double().mean()
    return (output - scope["y"]).square().mean()


@pytest.mark.parametrize("name", LOSSES)
def test_the_cards_snippet_learns(name, monkeypatch):
    seeds = itertools.count()  # else an episode's start would be by chance
    monkeypatch.setattr(ml3zoo, "roll_out", lambda *given, **more: roll_out(*given, **({"seed": next(seeds)} | more)))
    text = (resolve(name) / "README.md").read_text(encoding="utf-8")
    snippet = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippet
    start = "for _ in range(steps):\n"
    assert snippet[1].count(start) == 1
    scope: dict[str, object] = {"keep": copy.deepcopy}
    torch.manual_seed(0)
    exec(snippet[1].replace(start, f"fresh = keep(model)\n{start}"), scope)
    assert scope["loss"].progress == (1.0 if load_loss(name).uses_progress else 0.0)
    fresh, trained = scope["fresh"], scope["model"]
    assert not all(map(torch.equal, fresh.parameters(), trained.parameters()))
    assert (error(scope, trained) < error(scope, fresh)) == (name not in BLIND)


def test_the_headline_win_and_the_papers_loss():
    (ours, _), (paper, text) = (
        (read_results(resolve(name)).setups[0].verdict("recommended"), read_results(resolve(name)).headline)
        for name in ("sine-regression", "sine-regression-paper")
    )
    assert (ours, paper) == ("better", "worse")
    assert text.startswith("Loses to tuned")
