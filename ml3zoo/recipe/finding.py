"""A name or a path -> a recipe."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ml3zoo.errors import InputError, UnknownNameError, did_you_mean
from ml3zoo.recipe.recipe import Recipe


def list_recipes() -> list[str]:
    """Names of all recipes, sorted."""
    return sorted(_modules())


def _modules() -> dict[str, str]:
    """The module of each recipe of ml3zoo, by its name."""
    package = importlib.import_module("ml3zoo.training")
    modules = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return {each.name.rpartition(".")[2].replace("_", "-"): each.name for each in modules if not each.ispkg}


def find_recipe(name: str) -> Recipe:
    """A recipe of ml3zoo by its name, or one of your own by the path of its file (``./my_recipe.py``).

    A recipe is Python code and is run, as ``python my_recipe.py`` would: it can import the files beside it. Read a
    stranger's before you use it.

    Raises:
        UnknownNameError: there is none.
        InputError: the file cannot be run, or defines no ``RECIPE``.
    """
    if name.endswith(".py") or "/" in name:
        return _recipe_of(_run(Path(name)))
    modules = _modules()
    if name not in modules:
        raise UnknownNameError(
            f"no recipe named {name!r}; there are {', '.join(sorted(modules))}.{_hint(name, modules)} "
            "A recipe is a file in training/."
        )
    return _recipe_of(importlib.import_module(modules[name]))


def _hint(name: str, known: Iterable[str]) -> str:
    beside = Path(f"{name}.py")
    return f" Did you mean ./{beside}?" if beside.is_file() else did_you_mean(name, sorted(known))


def _run(path: Path) -> ModuleType:
    """The module of a file, as Python's own ``import`` would leave it: known by its name, its folder on the path."""
    if not path.is_file():
        raise UnknownNameError(f"no file {path}: the path of a recipe was expected, such as ./my_recipe.py.")
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file. A recipe is a .py file that defines RECIPE.")
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    known = set(sys.modules)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        said = f"{type(error).__name__}: {error}".rstrip(" .:")
        raise InputError(f"{path} cannot be run ({said}). Correct it first.") from error
    files = (getattr(sys.modules[name], "__file__", None) for name in sys.modules.keys() - known - {spec.name})
    beside = sorted(Path(file).name for file in files if file and file.startswith(f"{folder}{os.sep}"))
    if beside:
        warnings.warn(
            f"{path} needs {', '.join(beside)} beside it. A card holds the recipe alone: whoever publishes it puts all "
            "of that code into one file first.",
            stacklevel=4,
        )
    return module


def _recipe_of(module: ModuleType) -> Recipe:
    recipe = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe) or module.__file__ is None:
        where = module.__file__ or module.__name__
        raise InputError(f"{where} defines no RECIPE (a ml3zoo.recipe.Recipe). See training/ for examples.")
    try:
        return replace(recipe, source=Path(module.__file__).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{module.__file__} is not UTF-8 ({error}), as recipes are published. Save it as UTF-8."
        ) from error
