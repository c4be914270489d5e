"""Every loss that ships: whole, reproducible, and its card the very text its results give."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from ml3zoo import list_losses, load_loss
from ml3zoo.format.config import read_config
from ml3zoo.recipe import list_recipes
from ml3zoo.zoo.card import headline, render_card, verdict
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.results import read_results
from ml3zoo.zoo.store import verify

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
    assert results["headline"] == headline(results)
    assert (folder / "README.md").read_text(encoding="utf-8") == render_card(config, results, folder)


@pytest.mark.parametrize("name", LOSSES)
def test_a_card_says_in_its_first_lines_where_the_loss_does_not_win(name):
    folder = resolve(name)
    results = read_results(folder)
    opening = (folder / "README.md").read_text(encoding="utf-8").split("## Use it")[0]
    for setup in results["setups"]:
        for method in setup["against_baseline"]:
            if verdict(setup, method) != "better":
                assert f"on {setup['name']}**" in opening


@pytest.mark.parametrize("name", LOSSES)
def test_protocol_minimums(name):
    results = read_results(resolve(name))
    protocol = results["protocol"]
    assert protocol["test_tasks_per_seed"] >= 100
    assert protocol["seeds"] >= 5
    assert protocol["learning_rates"] >= 7
    assert protocol["decades"] >= 3
    unseen = Counter(setup["unseen"] for setup in results["setups"])
    assert unseen["architecture"] >= 3 or (unseen["architecture"] == 0 and unseen["data"] >= 4)  # sin(ωx) has one form
    assert sum(setup["unseen"] == "optimizer" for setup in results["setups"]) >= 2


@pytest.mark.parametrize("name", LOSSES)
def test_the_cards_snippet_runs(name):
    text = (resolve(name) / "README.md").read_text(encoding="utf-8")
    snippet = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippet
    scope: dict[str, object] = {}
    exec(snippet[1], scope)
    assert scope["loss"].progress == (1.0 if load_loss(name).uses_progress else 0.0)


def test_the_headline_win_and_the_papers_loss():
    main = read_results(resolve("sine-regression"))["setups"][0]
    assert main["against_baseline"]["learned"]["difference"]["high"] < 0
    paper = json.loads((resolve("sine-regression-paper") / "results.json").read_text())
    assert paper["headline"].startswith("Loses to careful")
