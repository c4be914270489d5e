"""docs/publish.md's "Publish your own", line by line, against a loopback Hub; only what takes long is made quick."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.loopback import loopback_hub
from tests.machines import Machine
from tests.pages import marked


@pytest.mark.slow
def test_a_loss_of_ones_own_reaches_another_machine(tmp_path: Path):
    (tmp_path / "my_recipe.py").write_text(marked("my_recipe.py"))
    login, rehearse, train, pull = (shlex.split(line, comments=True) for line in marked("tutorial").splitlines())
    with loopback_hub() as hub:
        mine, other = (Machine(tmp_path / home, hub.endpoint) for home in ("mine", "other"))
        early = mine.run(*train, cwd=tmp_path)
        assert early.returncode == 1
        assert "not logged in" in early.stderr
        assert not (tmp_path / "runs").exists(), "rights must be checked before training"
        for command in ([*login, "--token", "hf_me"], rehearse, [*train, "--quick"]):
            done = mine.run(*command, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        pinned = done.stdout.split()[-1]
        assert pinned.startswith("hf://me/my-loss@")
        assert other.run(*pull).returncode == 0
        assert other.digest("hf://me/my-loss") == other.digest(pinned) == mine.digest(str(tmp_path / "runs/my-loss"))
