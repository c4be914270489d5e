"""``ml3zoo apply``: would it help me, and which one?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml3zoo.errors import UnsavedError
from ml3zoo.format.config import read_config
from ml3zoo.format.optimizers import OptimizerName
from ml3zoo.zoo.hub.reference import SCHEME
from ml3zoo.zoo.names import list_losses, locate

from .output import Json, say, show_json, talk
from .ways import way_of

if TYPE_CHECKING:
    from ml3zoo.apply.report import Report


def apply(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A loss of the zoo, hf://org/name@revision, or a folder. Left out, all that fit DATA are compared.",
            show_default=False,
        ),
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
    problem_type: Annotated[
        str | None,
        typer.Option(
            help="regression or classification, where no loss says it; not given: what the column looks like.",
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
    metric: Annotated[
        str | None,
        typer.Option(
            help="What losses are compared by: error_rate or balanced_error_rate, rmse or mae.", show_default=False
        ),
    ] = None,
    optimizer: Annotated[
        OptimizerName | None,
        typer.Option(help="Of networks on DATA, sgd with momentum 0.9; not given: adamw.", show_default=False),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Through DATA; not given: 40, but 400 to 1,000 steps.", show_default=False),
    ] = None,
    splits: Annotated[
        int | None,
        typer.Option(
            min=2, help="Of DATA into rows to train, validate and test on; not given: 10.", show_default=False
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=10, help="If DATA has more, so many are drawn; not given: 10,000.", show_default=False),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds, after which no more losses are tried on DATA.", show_default=False),
    ] = None,
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
            help="Gradient steps in ENV; not given: what the loss was made for. Of agents steps of ENV itself; not "
            "given: 200000.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Trainings per loss in ENV; not given: 15, of agents 3.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Save what was trained, the report and pictures here.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """See which loss helps on your problem.

    On a table, trains networks as people do, under the learned loss and under squared error (for numbers) or
    cross-entropy (for classes), and compares them on the test rows of many splits. Without a loss, all that fit the
    table take part: ml3zoo apply DATA --target COLUMN. In an environment, trains policies under the learned loss, by a
    policy gradient and by random search, with as many episodes each; or, for a loss of policy gradients, agents by PPO
    with and without it.
    """
    if data is None and name is not None and (target is not None or Path(name).is_file()) and not _names_a_loss(name):
        data, name = Path(name), None
    options = {
        "DATA": data,
        "--target": target,
        "--test": test,
        "--missing": missing,
        "--drop": drop,
        "--keep": keep,
        "--problem-type": problem_type,
        "--baselines": baselines,
        "--metric": metric,
        "--optimizer": optimizer,
        "--epochs": epochs,
        "--splits": splits,
        "--rows": rows,
        "--time-limit": time_limit,
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
    config = None
    if name is not None:
        folder, source = locate(name)
        config, name = read_config(folder), str(source) if source else name
    way = way_of(config)
    way.check(config, given)
    with _shown_if_unsaved(json):
        report = way.run(name, given)
    _show(report, json)
    if out is not None and not json:
        talk(f"saved in {out}")


def _names_a_loss(name: str) -> bool:
    return name in list_losses() or name.startswith(SCHEME)


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
