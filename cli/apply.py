"""``ml3zoo apply``: would it help me?"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml3zoo.errors import InputError, UnsavedError
from ml3zoo.format.config import LossConfig, read_config
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.zoo.names import locate

from .output import Json, Name, say, show_json, talk

if TYPE_CHECKING:
    from ml3zoo.apply.report import Report


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
        typer.Option(help="Id of a Gymnasium environment, for a loss of trajectories.", show_default=False),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help='Hidden layers of the policies in ENV and the activation between them; not given: "64 tanh".',
            show_default=False,
        ),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Also save a film of episodes in ENV to OUT.")] = False,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Gradient steps; not given: what the loss was made for.", show_default=False),
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings per loss.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Save what was trained, the report and pictures here.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """See whether a loss helps on your problem.

    On a table, trains a network under the learned loss and under squared error (for numbers) or cross-entropy (for
    classes), all tuned on validation rows, and compares them on test rows. In an environment, trains policies under
    the learned loss, by a policy gradient and by random search, with as many episodes each.
    """
    folder, source = locate(name)
    config = read_config(folder)
    pinned = str(source) if source else name
    of_tables = {"DATA": data, "--target": target, "--test": test, "--baselines": baselines}
    of_environments = {"--env": env, "--policy": policy, "--record": record}
    report: Report
    with _shown_if_unsaved(json):
        if find_problem_type(config.problem_type).acting:
            environment = config.environment.id if config.environment else "ID"
            _check_usage(config, f"in an environment: --env {shlex.quote(environment)}", {"--env": env}, of_tables)
            assert env is not None
            from ml3zoo.apply.environment import POLICY, apply_in_environment

            if ":" in env and str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))  # module:Name-v0 is found here, as by python -m
            shape = POLICY if policy is None else policy
            report = apply_in_environment(pinned, env, policy=shape, steps=steps, seeds=seeds, out=out, record=record)
        else:
            _check_usage(
                config, "on a table: DATA --target COLUMN", {"DATA": data, "--target": target}, of_environments
            )
            assert data is not None
            assert target is not None
            from ml3zoo.apply.table import apply_loss

            report = apply_loss(pinned, data, target, test=test, baselines=baselines, steps=steps, seeds=seeds, out=out)
    _show(report, json)
    if out is not None and not json:
        talk(f"saved in {out}")


@contextmanager
def _shown_if_unsaved(json: bool) -> Iterator[None]:
    """Show a report that could not be saved before saying so: it took long to make."""
    try:
        yield
    except UnsavedError as error:
        _show(error.report, json)
        raise


def _show(report: Report, json: bool) -> None:
    if json:
        show_json(report.as_dict())
        return
    for line in report.lines():
        say(line)


def _check_usage(config: LossConfig, use: str, needed: Mapping[str, object], unsuitable: Mapping[str, object]) -> None:
    """Refuse options that do not suit the loss.

    Raises:
        InputError: one is missing, or belongs to the other way of applying a loss.
    """
    missing = [f"{option} is missing" for option, value in needed.items() if not value]
    wrong = [f"{option} does not go with that" for option, value in unsuitable.items() if value]
    if missing or wrong:
        raise InputError(
            f"{config.name} is a {config.problem_type} loss, to be applied {use}; {', '.join(missing + wrong)}."
        )
