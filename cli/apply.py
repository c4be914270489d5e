"""``ml3zoo apply``: would it help me?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig, read_config
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.zoo.names import locate

from .output import Json, Name, say, show_json, talk

if TYPE_CHECKING:
    from ml3zoo.apply.environment import EnvironmentReport
    from ml3zoo.apply.table import TableReport


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
    missing: Annotated[
        list[str] | None,
        typer.Option(
            help="A text in DATA that means a missing value, such as NA; may be repeated. An empty cell always does.",
            show_default=False,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="A column of DATA to leave out; may be repeated.", show_default=False)
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="A column of DATA to learn from though it seems to name the rows; may be repeated.",
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
    missing, drop, keep = missing or [], drop or [], keep or []
    of_tables: dict[str, object] = {"DATA": data, "--target": target, "--test": test, "--baselines": baselines}
    of_tables |= {"--missing": missing, "--drop": drop, "--keep": keep}
    of_environments = {"--env": env, "--policy": policy, "--record": record}
    report: TableReport | EnvironmentReport
    if find_problem_type(config.problem_type).acting:
        environment = config.environment.id if config.environment else "ID"
        _check_usage(config, f"in an environment: --env {shlex.quote(environment)}", {"--env": env}, of_tables)
        assert env is not None
        from ml3zoo.apply.environment import POLICY, apply_in_environment

        shape = POLICY if policy is None else policy
        report = apply_in_environment(pinned, env, policy=shape, steps=steps, seeds=seeds, out=out, record=record)
    else:
        _check_usage(config, "on a table: DATA --target COLUMN", {"DATA": data, "--target": target}, of_environments)
        assert data is not None
        assert target is not None
        _check_files(data, test, target, *drop, *keep)
        from ml3zoo.apply.table import apply_loss

        report = apply_loss(
            pinned,
            data,
            target,
            test=test,
            missing=missing,
            drop=drop,
            keep=keep,
            baselines=baselines,
            steps=steps,
            seeds=seeds,
            out=out,
        )
    if json:
        show_json(report.as_dict())
        return
    for line in report.lines():
        say(line)
    if out is not None:
        talk(f"saved in {out}")


def _check_usage(config: LossConfig, use: str, needed: Mapping[str, object], unsuitable: Mapping[str, object]) -> None:
    """Refuse options that do not suit the loss.

    Raises:
        InputError: one belongs to the other way of applying a loss, or one is missing.
    """
    wrong = [option for option, value in unsuitable.items() if value]
    missing = [option for option, value in needed.items() if not value]
    if wrong or missing:
        fault = f"{' and '.join(wrong)} cannot be used with it" if wrong else f"{' and '.join(missing)} is missing"
        fault = fault.replace(" is ", " are ") if not wrong and len(missing) > 1 else fault
        raise InputError(f"{config.name} is a {config.problem_type} loss, to be applied {use}; {fault}.")


def _check_files(data: Path, test: Path | None, target: str, *columns: str) -> None:
    """See that tables and columns are there, before much is imported.

    Raises:
        DataError: one is not.
    """
    from ml3zoo.apply.files import TableFile

    TableFile.open(data).check_has(target, *columns)
    if test is not None:
        TableFile.open(test).check_has(target)
