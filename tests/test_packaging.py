"""What an installation puts on a machine, and what it calls it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import ml3zoo

ROOT = Path(__file__).parent.parent
INSTALLED_AS = {"ml3zoo": "ml3zoo", "cli": "ml3zoo/cli", "training": "ml3zoo/training"}


def modules() -> dict[str, str]:
    """Every module of the repository, with its place in the wheel."""
    found = [path.relative_to(ROOT) for top in INSTALLED_AS for path in ROOT.glob(f"{top}/**/*.py")]
    return {path.as_posix(): "/".join([INSTALLED_AS[path.parts[0]], *path.parts[1:]]) for path in found}


def test_public_names():
    assert ml3zoo.__all__ == [
        "LearnedLoss",
        "LossConfig",
        "Ml3zooError",
        "Recipe",
        "__version__",
        "apply_in_environment",
        "apply_loss",
        "list_losses",
        "load_loss",
        "publish_loss",
        "roll_out",
        "save_loss",
    ]
    for name in ml3zoo.__all__:
        assert hasattr(ml3zoo, name), name
        assert name in dir(ml3zoo)


def test_importing_ml3zoo_costs_nothing():
    code = "import sys, ml3zoo; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name for name in done.stdout.split() if name.split(".")[0] in {"ml3zoo", "torch", "numpy", "msgspec"}}
    assert imported == {"ml3zoo", "ml3zoo.__version__"}


def test_every_folder_of_modules_is_listed_as_a_package():
    """setuptools cannot find packages that are renamed on the way, so pyproject.toml lists them by hand."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {place.rpartition("/")[0].replace("/", ".") for place in modules().values()} | {"ml3zoo.cards"}
    missing, surplus = sorted(folders - set(listed)), sorted(set(listed) - folders)
    assert not missing, f"add to packages in pyproject.toml: {missing}"
    assert not surplus, f"take out of packages in pyproject.toml: {surplus}"
    assert len(listed) == len(set(listed))
    for place in modules().values():
        package = place.rpartition("/")[0]
        assert f"{package}/__init__.py" in modules().values(), f"{package} needs an __init__.py"


@pytest.mark.slow
def test_the_wheel_holds_ml3zoo_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"ml3zoo", f"ml3zoo-{ml3zoo.__version__}.dist-info"}
    assert {name for name in names if name.endswith(".py") and "/cards/" not in name} == set(modules().values())
    templates = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("ml3zoo/**/templates/*")}
    cards = {f"ml3zoo/{path.relative_to(ROOT)}" for path in ROOT.glob("cards/*/*.*") if path.is_file()}
    assert templates
    assert cards
    missing = (templates | cards | {"ml3zoo/py.typed"}) - names
    assert not missing, f"not in the wheel: {sorted(missing)}"
