"""The ways to apply a loss: which options each needs and takes, and the call of the library that it is."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig

from .output import fail, talk

if TYPE_CHECKING:
    from ml3zoo.apply.report import Report

Given = Mapping[str, Any]
"""Options that were given, by name."""


class Way(NamedTuple):
    """One way to apply a loss.

    Attributes:
        use: how, for messages, given the loss's config.
        needs: options that must be given.
        takes: options that may be.
        run: applies the loss of that name, or all that fit if there is none.
    """

    use: Callable[[LossConfig | None], str]
    needs: Sequence[str]
    takes: Sequence[str]
    run: Callable[[str | None, Given], Report]

    def check(self, config: LossConfig | None, given: Given) -> None:
        """Refuse options that do not suit the loss, or all losses if there is none.

        Raises:
            InputError: one belongs to another way of applying a loss, or one is missing.
        """
        wrong = [option for option in given if option not in (*self.needs, *self.takes)]
        missing = [option for option in self.needs if option not in given]
        if not wrong and not missing:
            return
        be = "is" if len(missing) == 1 else "are"
        fault = f"{' and '.join(wrong)} cannot be used with it" if wrong else f"{' and '.join(missing)} {be} missing"
        what = f"{config.name} is a {config.problem_type} loss, to be" if config else "without a loss, all that fit are"
        raise InputError(f"{what} applied {self.use(config)}; {fault}.")


def way_of(config: LossConfig | None) -> Way:
    """How a loss is applied; without one, to a table."""
    return _WAYS.get(config.problem_type, _TABLE) if config else _TABLE


def _to_a_table(name: str | None, given: Given) -> Report:
    from ml3zoo.apply.files import TableFile

    target, test = given["--target"], given.get("--test")
    TableFile.open(given["DATA"]).check_has(target, *given.get("--drop", ()), *given.get("--keep", ()))
    if test is not None:
        TableFile.open(test).check_has(target)
    from ml3zoo.apply.table import apply_loss

    return apply_loss(name, given["DATA"], target, tell=talk, **_named(given, *_TABLE.takes))


def _in_an_environment(name: str | None, given: Given) -> Report:
    from ml3zoo.apply.environment import apply_in_environment

    assert name is not None
    _find_modules_here(given["--env"])
    return apply_in_environment(name, given["--env"], **_named(given, *_ENVIRONMENT.takes))


def _to_agents(name: str | None, given: Given) -> Report:
    from ml3zoo.apply.agents import apply_to_agents

    assert name is not None
    _find_modules_here(given["--env"])
    options = _named(given, *_AGENTS.takes) | {"hyper": _hyper_parameters(given.get("--hyper", ()))}
    try:
        return apply_to_agents(name, given["--env"], **options)
    except KeyboardInterrupt:
        if "--out" not in given:
            raise
        fail("interrupted; the same command goes on with the agents that are finished")


def _find_modules_here(env: str) -> None:
    """``module:Name-v0`` is found in the current folder, as by ``python -m``."""
    if ":" in env and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def _named(given: Given, *options: str) -> dict[str, Any]:
    """Those of the options that were given, as arguments of the same names."""
    return {option[2:].replace("-", "_"): given[option] for option in options if option in given}


def _hyper_parameters(given: Sequence[str]) -> dict[str, float | bool]:
    """From ``NAME=VALUE`` each.

    Raises:
        InputError: one is none.
    """
    found: dict[str, float | bool] = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            number = json.loads(value)
        except ValueError:
            number = None
        if not isinstance(number, int | float):
            raise InputError(
                f"--hyper {text} is none: NAME=VALUE was expected, a number or true or false, such as n_steps=512."
            )
        found[name] = number
    return found


def _environment_of(config: LossConfig | None) -> str:
    environment = config.environment if config else None
    return f"in an environment: --env {shlex.quote(environment.id if environment else 'ID')}"


_READING = ("--missing", "--drop", "--keep")
_TRAINING = ("--optimizer", "--epochs", "--splits", "--rows", "--time-limit")
_TABLE = Way(
    lambda config: "on a table: DATA --target COLUMN",
    ("DATA", "--target"),
    ("--test", *_READING, "--problem-type", "--baselines", "--metric", *_TRAINING, "--out"),
    _to_a_table,
)
_OF_ENVIRONMENTS = ("--record", "--steps", "--seeds", "--out")
_ENVIRONMENT = Way(_environment_of, ("--env",), ("--policy", *_OF_ENVIRONMENTS), _in_an_environment)
_AGENTS = Way(_environment_of, ("--env",), ("--hyper", "--normalise", *_OF_ENVIRONMENTS), _to_agents)
_WAYS = {"trajectory": _ENVIRONMENT, "policy-gradient": _AGENTS}
"""By problem type; all others are applied to a table."""
