"""The card that readers on the Hub get, and what is told of quick runs there."""

from __future__ import annotations

import re
import shutil

import pytest
from huggingface_hub.hf_api import ModelInfo

from ml3zoo.format.config import read_config
from ml3zoo.format.results import read_results, write_results
from ml3zoo.zoo.card import QUICK, render_card
from ml3zoo.zoo.hub.addressed import address_in, address_of, published
from ml3zoo.zoo.hub.publish import check_publishable
from ml3zoo.zoo.hub.reference import HubReference
from ml3zoo.zoo.hub.search import _entry
from ml3zoo.zoo.names import bundled_zoo, list_losses
from ml3zoo.zoo.store import seal, verify
from tests.machines import Machine

THEIRS = HubReference("me/their-loss", "a" * 40)


@pytest.mark.parametrize("name", list_losses())
def test_a_published_card_loads_from_its_repository(name):
    folder = bundled_zoo() / name
    card = (folder / "README.md").read_text(encoding="utf-8")
    made = render_card(read_config(folder), read_results(folder), folder, address=address_in(name, THEIRS))
    assert 'loss = load_loss("hf://me/their-loss", total_steps=steps' in made
    assert made.index("pip install ml3zoo") < made.index("from ml3zoo import load_loss")
    assert "`ml3zoo bench hf://me/their-loss --recipe ./recipe.py`, the " in made
    assert " with `ml3zoo train ./recipe.py`; the recipe " in made
    assert "outside ml3zoo's own zoo" not in made
    assert f'load_loss("{name}"' not in made
    assert (address_of(card), address_of(made)) == ("", "hf://me/their-loss")
    assert address_in(name, HubReference(f"ml3zoo/{name}")) == "", "the official zoo's are known by their names"
    code = re.findall(r"```python\n(.*?)```", made, re.DOTALL)[0]
    compile(code, "card", "exec")


def test_a_copy_is_published_and_may_be_published_again(tmp_path):
    folder = shutil.copytree(bundled_zoo() / "sine-regression", tmp_path / "card")
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    results = check_publishable(folder)
    with published(folder, results, THEIRS) as (copy, config):
        verify(copy)
        assert config == read_config(copy)
        assert check_publishable(copy) == results, "what was pulled can be published elsewhere"
        pulled = shutil.copytree(copy, tmp_path / "pulled")
    assert before == {path: path.read_bytes() for path in folder.rglob("*.*")}
    (pulled / "README.md").write_text((pulled / "README.md").read_text(encoding="utf-8") + "More.\n", encoding="utf-8")
    seal(pulled, read_config(pulled))
    with pytest.raises(Exception, match="not the card its results give"):
        check_publishable(pulled)


@pytest.fixture
def quick(tmp_path):
    folder = shutil.copytree(bundled_zoo() / "sine-regression", tmp_path / "my-loss")
    config, results = read_config(folder), read_results(folder).replace(quick=True)
    write_results(results, folder)
    (folder / "README.md").write_text(render_card(config, results, folder), encoding="utf-8")
    seal(folder, config)
    return folder


def test_a_quick_run_is_marked_wherever_it_is_published_and_found(quick, hub, tmp_path):
    alice = Machine(tmp_path / "alice", hub.endpoint, "hf_alice")
    done = alice.ml3zoo("publish", quick, "--repo", "ml3zoo/my-loss")
    assert done.returncode == 0, done.stderr
    assert "numbers mean nothing" in done.stderr
    (entry,) = alice.json("list", "--hub", "my-loss")
    assert entry["quick"] is True
    assert entry["headline"].startswith("A quick run, its numbers mean nothing.")


@pytest.mark.parametrize("tags", [["ml3zoo"], ["ml3zoo", QUICK]])
def test_only_quick_runs_are_marked(tags):
    entry = _entry(ModelInfo(id="me/a", tags=tags, downloads=0))
    assert entry.quick is entry.headline.startswith("A quick run") is (QUICK in tags)
