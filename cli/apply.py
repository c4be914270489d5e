"""``ml3zoo apply``: would it help me?"""

from __future__ import annotations

import json as jsons
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig, read_config
from ml3zoo.zoo.names import locate

from .output import Json, Name, fail, say, show_json, talk

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
        run: applies the loss of that name.
    """

    use: Callable[[LossConfig], str]
    needs: Sequence[str]
    takes: Sequence[str]
    run: Callable[[str, Given], Report]


def _to_a_table(name: str, given: Given) -> Report:
    from ml3zoo.apply.table import apply_loss

    return apply_loss(name, given["DATA"], given["--target"], **_named(given, "--test", "--baselines", *_ALWAYS))


def _in_an_environment(name: str, given: Given) -> Report:
    from ml3zoo.apply.environment import apply_in_environment

    return apply_in_environment(name, given["--env"], **_named(given, "--policy", "--record", *_ALWAYS))


def _to_agents(name: str, given: Given) -> Report:
    from ml3zoo.apply.agents import apply_to_agents

    hyper = _hyper_parameters(given.get("--hyper", ()))
    more = _named(given, "--normalise", "--record", *_ALWAYS)
    try:
        return apply_to_agents(name, given["--env"], hyper=hyper, **more)
    except KeyboardInterrupt:
        if "--out" not in given:
            raise
        fail("interrupted; the same command goes on with the agents that are finished")


def _environment_of(config: LossConfig) -> str:
    return f"in an environment: --env {shlex.quote(config.environment.id if config.environment else 'ID')}"


_ALWAYS = ("--steps", "--seeds", "--out")
_TABLE = Way(
    lambda config: "on a table: DATA --target COLUMN", ("DATA", "--target"), ("--test", "--baselines"), _to_a_table
)
_WAYS = {
    "trajectory": Way(_environment_of, ("--env",), ("--policy", "--record"), _in_an_environment),
    "policy-gradient": Way(_environment_of, ("--env",), ("--hyper", "--normalise", "--record"), _to_agents),
}
"""By problem type; all others are applied to a table."""


def apply(
    name: Name,
    data: Annotated[
        Path | None,
        typer.Argument(help="A CSV or Parquet file, for a loss that tables are used with.", show_default=False),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column of DATA to predict.", show_default=False)] = None,
    test: Annotated[
        Path | None,
        typer.Option(
            help="Another file with the same columns to test on, say with clean labels; all of DATA is then trained "
            "and tuned on.",
            show_default=False,
        ),
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help="Compare with the best of several ordinary losses, robust ones among them. In regression all are "
            "then tuned and compared by absolute instead of squared error, which wrong rows sway less.",
        ),
    ] = False,
    env: Annotated[
        str | None,
        typer.Option(
            help="Id of a Gymnasium environment, for a loss of trajectories or of policy gradients.", show_default=False
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help='Hidden layers of the policies in ENV and the activation between them; not given: "64 tanh".',
            show_default=False,
        ),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Also save a film of episodes in ENV to OUT.")] = False,
    hyper: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE, a hyper-parameter of PPO in ENV, such as n_steps=512; may be repeated. Not given: "
            "the defaults of stable-baselines3.",
            show_default=False,
        ),
    ] = None,
    normalise: Annotated[
        bool, typer.Option("--normalise", help="Normalise observations and rewards in ENV, for PPO.")
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Gradient steps; not given: what the loss was made for. Of agents steps in ENV; not given: 200000.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Trainings per loss; not given: 5, of agents 3.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Save what was trained, the report and pictures here.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """See whether a loss helps on your problem.

    On a table, trains a network under the learned loss and under squared error (for numbers) or cross-entropy (for
    classes), all tuned on validation rows, and compares them on test rows. In an environment, trains policies under
    the learned loss, by a policy gradient and by random search, with as many episodes each; or, for a loss of policy
    gradients, agents by PPO with and without it.
    """
    folder, source = locate(name)
    config = read_config(folder)
    options = {
        "DATA": data,
        "--target": target,
        "--test": test,
        "--baselines": baselines,
        "--env": env,
        "--policy": policy,
        "--hyper": hyper,
        "--normalise": normalise,
        "--record": record,
        "--steps": steps,
        "--seeds": seeds,
        "--out": out,
    }
    given = {option: value for option, value in options.items() if value}
    way = _WAYS.get(config.problem_type, _TABLE)
    _check_usage(config, way, given)
    report = way.run(str(source) if source else name, given)
    if json:
        show_json(report.as_dict())
        return
    for line in report.lines():
        say(line)
    if out is not None:
        talk(f"saved in {out}")


def _named(given: Given, *options: str) -> dict[str, Any]:
    """Those of the options that were given, as arguments of the same names."""
    return {option.removeprefix("--"): given[option] for option in options if option in given}


def _check_usage(config: LossConfig, way: Way, given: Given) -> None:
    """Refuse options that do not suit the loss.

    Raises:
        InputError: one is missing, or belongs to another way of applying a loss.
    """
    missing = [f"{option} is missing" for option in way.needs if option not in given]
    suitable = {*way.needs, *way.takes, *_ALWAYS}
    wrong = [f"{option} does not go with that" for option in given if option not in suitable]
    if missing or wrong:
        raise InputError(
            f"{config.name} is a {config.problem_type} loss, to be applied {way.use(config)}; "
            f"{', '.join(missing + wrong)}."
        )


def _hyper_parameters(given: Sequence[str]) -> dict[str, float | bool]:
    """From ``NAME=VALUE`` each.

    Raises:
        InputError: one is none.
    """
    found: dict[str, float | bool] = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            number = jsons.loads(value)
        except ValueError:
            number = None
        if not isinstance(number, int | float):
            raise InputError(
                f"--hyper {text} is none: NAME=VALUE was expected, a number or true or false, such as n_steps=512."
            )
        found[name] = number
    return found
