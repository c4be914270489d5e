"""The commit in a card is ml3zoo's own, or none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ml3zoo.recipe import recipe


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for words in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a", "--allow-empty"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


@pytest.mark.parametrize("place", ["env/lib/python3/site-packages", "vendor", "src/ml3zoo-0.1"])
def test_not_that_of_a_repository_around_it(tmp_path, monkeypatch, place):
    file = repository(tmp_path / "theirs") / place / "ml3zoo" / "recipe" / "recipe.py"
    file.parent.mkdir(parents=True)
    monkeypatch.setattr(recipe, "__file__", str(file))
    assert recipe._commit() is None


@pytest.mark.parametrize("told", [{}, {"GIT_DIR": "{theirs}/.git", "GIT_WORK_TREE": "{theirs}"}])
def test_its_own_whatever_git_was_told(tmp_path, monkeypatch, told):
    theirs, ours = repository(tmp_path / "theirs"), repository(tmp_path / "ours")
    head = subprocess.run(["git", "-C", str(ours), "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    for name, value in told.items():
        monkeypatch.setenv(name, value.format(theirs=theirs))
    file = ours / "ml3zoo" / "recipe" / "recipe.py"
    file.parent.mkdir(parents=True)
    monkeypatch.setattr(recipe, "__file__", str(file))
    assert recipe._commit() == head


def test_without_git_there_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert recipe._commit() is None
