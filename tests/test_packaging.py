"""What an installation puts on a machine."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ml3zoo

ROOT = Path(__file__).parent.parent


def test_public_names():
    assert ml3zoo.__all__ == [
        "LearnedLoss",
        "LossConfig",
        "Ml3zooError",
        "list_losses",
        "load_loss",
        "publish_loss",
        "save_loss",
    ]
    assert all(hasattr(ml3zoo, name) for name in ml3zoo.__all__)


@pytest.mark.slow
def test_the_wheel_holds_ml3zoo_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"ml3zoo", "ml3zoo-0.1.0.dist-info"}
    for path in [*ROOT.glob("ml3zoo/**/*.py"), *ROOT.glob("cli/*.py"), *ROOT.glob("training/*.py")]:
        place = path.relative_to(ROOT).as_posix()
        assert (place if place.startswith("ml3zoo/") else f"ml3zoo/{place}") in names
    for expected in ("cards/sine-regression/model.safetensors", "cli/__init__.py", "templates/card.md.j2", "py.typed"):
        assert f"ml3zoo/{expected}" in names
