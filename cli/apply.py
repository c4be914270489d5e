"""``ml3zoo apply``: would it help me?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig, read_config
from ml3zoo.format.optimizers import OptimizerName
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.zoo.names import locate

from .output import Json, say, show_json, talk

TABLE_FILES = (".csv", ".parquet")

if TYPE_CHECKING:
    from ml3zoo.apply.environment import EnvironmentReport
    from ml3zoo.apply.table import TableReport


def apply(
    name: Annotated[
        str | None, typer.Argument(help="A loss; left out, all that fit DATA are compared.", show_default=False)
    ] = None,
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
            help="Compare with the best of many ordinary losses, robust ones among them; in regression by absolute "
            "instead of squared error.",
        ),
    ] = False,
    problem_type: Annotated[
        str | None,
        typer.Option(help="regression or classification; not given: what the column looks like.", show_default=False),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="error_rate, balanced_error_rate, rmse or mae.", show_default=False),
    ] = None,
    optimizer: Annotated[OptimizerName, typer.Option(help="Of networks on a table; sgd has momentum 0.9.")] = "adamw",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="On a table; not given: 40, or 400 to 1,000 steps.", show_default=False)
    ] = None,
    splits: Annotated[int, typer.Option(min=2, help="Of a table into training, validation and test rows.")] = 10,
    rows: Annotated[int, typer.Option(min=10, help="Of a larger table, so many are drawn.")] = 10_000,
    time_limit: Annotated[
        float | None,
        typer.Option(help="Seconds, after which no more losses are tried on a table.", show_default=False),
    ] = None,
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
        typer.Option(min=1, help="Gradient steps in ENV; not given: what the loss was made for.", show_default=False),
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings per loss in ENV.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Save what was trained, the report and pictures here.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """See whether a loss helps on your problem, or which one does.

    On a table, trains networks as people do, under the learned loss and under squared error (for numbers) or
    cross-entropy (for classes), and compares them on test rows of many splits. Without a loss, all that fit the table
    take part: ml3zoo apply DATA --target COLUMN. In an environment, trains policies under the learned loss, by a
    policy gradient and by random search, with as many episodes each.
    """
    if data is None and name is not None and (file := Path(name)).suffix.lower() in TABLE_FILES:
        name, data = None, file
    of_tables = {"DATA": data, "--target": target, "--test": test, "--baselines": baselines, "--metric": metric}
    of_environments = {"--env": env, "--policy": policy, "--record": record, "--steps": steps}
    report: TableReport | EnvironmentReport
    config = None
    if name is not None:
        folder, source = locate(name)
        config, name = read_config(folder), str(source) if source else name
    if config is not None and find_problem_type(config.problem_type).acting:
        environment = config.environment.id if config.environment else "ID"
        _check_usage(config, f"in an environment: --env {shlex.quote(environment)}", {"--env": env}, of_tables)
        assert env is not None
        assert name is not None
        from ml3zoo.apply.environment import POLICY, apply_in_environment

        shape = POLICY if policy is None else policy
        report = apply_in_environment(name, env, policy=shape, steps=steps, seeds=seeds, out=out, record=record)
    else:
        _check_usage(config, "on a table: DATA --target COLUMN", {"DATA": data, "--target": target}, of_environments)
        assert data is not None
        assert target is not None
        from ml3zoo.apply.table import apply_loss

        report = apply_loss(
            name,
            data,
            target,
            problem_type=problem_type,
            test=test,
            baselines=baselines,
            metric=metric,
            optimizer=optimizer,
            epochs=epochs,
            splits=splits,
            rows=rows,
            time_limit=time_limit,
            out=out,
            tell=talk,
        )
    if json:
        show_json(report.as_dict())
        return
    for line in report.lines():
        say(line)
    if out is not None:
        talk(f"saved in {out}")


def _check_usage(
    config: LossConfig | None, use: str, needed: Mapping[str, object], unsuitable: Mapping[str, object]
) -> None:
    """Refuse options that do not suit the loss, or all losses if there is none.

    Raises:
        InputError: one is missing, or belongs to the other way of applying a loss.
    """
    missing = [f"{option} is missing" for option, value in needed.items() if not value]
    wrong = [f"{option} does not go with that" for option, value in unsuitable.items() if value]
    if missing or wrong:
        what = "without a loss, all are" if config is None else f"{config.name} is a {config.problem_type} loss, to be"
        raise InputError(f"{what} applied {use}; {', '.join(missing + wrong)}.")
