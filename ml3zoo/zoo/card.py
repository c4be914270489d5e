"""results.json + config.json -> README.md, the card. No number in a card is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment

from ml3zoo.format.config import LossConfig
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.format.results import Interval, Results, SetupResult, StepsToReach, Use, Verdict
from ml3zoo.zoo.templating import templates_of
from ml3zoo.zoo.verdicts import FACETS, changes, count_of, facets, is_lost, recommend

QUICK = "quick-run"
"""The tag of a card whose numbers mean nothing."""
_OUTCOMES: dict[Verdict, str] = {"better": "better", "no clear difference": "alike", "worse": "**worse**"}


def render_card(config: LossConfig, results: Results, folder: Path, *, address: str = "") -> str:
    """The card as markdown with the Hub's front matter.

    Args:
        config: of the loss.
        results: what was measured of it.
        folder: pictures in its ``plots`` are shown.
        address: a repository on the Hub, by which readers of the card are to load the loss; its name alone if empty.
    """
    template = _environment().get_template("card.md.j2")
    others = [setup for setup in results.setups if not setup.learned("swapped in")]
    return template.render(
        front_matter=_front_matter(config, results).to_yaml(),
        config=config,
        address=address,
        problem_type=find_problem_type(config.problem_type),
        results=results,
        recommendation=recommend(config, results),
        unclear=count_of(results, "no clear difference"),
        diverging=list(_diverging(results)),
        main=results.setups[0],
        ours=results.setups[0].shown.name,
        ordinary=[setup for setup in results.setups if setup.learned("swapped in")],
        others=others,
        columns=_varying(others),
        changes=changes(results),
        lost_by_level=_lost_by_level(results),
        plots=sorted({path.stem for path in (folder / "plots").glob("*.png")} - {"gain"}),
    )


def _diverging(results: Results) -> Iterator[str]:
    """In how many setups runs diverge, a sentence for each way to use the loss without tuning it."""
    ways: tuple[tuple[Use, str], ...] = (("swapped in", "Swapped in"), ("recommended", "At the recommended rate"))
    for use, way in ways:
        learned = [method for setup in results.setups if (method := setup.learned(use))]
        diverged = [method.diverged.mean for method in learned if method.diverged.mean > 0]
        if diverged:
            share = f"at most {_percent(max(diverged))} % of them"
            yield f"{way}, runs diverge in {len(diverged)} of {len(learned)} setups, {share}."


def _varying(setups: Sequence[SetupResult]) -> list[tuple[str, list[str]]]:
    """The columns that tell setups apart: each a title, and a cell for each setup."""
    columns = zip(FACETS, zip(*(facets(each.setup) for each in setups), strict=True), strict=False)
    return [(title, [cell or "–" for cell in cells]) for title, cells in columns if len(set(cells)) > 1]


def _lost_by_level(results: Results) -> dict[str, str]:
    """In how many setups of each level of noise the loss, used as its headline says, is clearly worse."""
    lost: dict[str, list[bool]] = {}
    for setup in results.setups:
        lost.setdefault(setup.setup.noise, []).append(is_lost(setup))
    return {level: f"{sum(of_level)} of {len(of_level)}" for level, of_level in lost.items()}


def _environment() -> Environment:
    environment = templates_of("ml3zoo.zoo", escaped=False)
    environment.filters |= {
        "outcome": _OUTCOMES.__getitem__,
        "figure": lambda value: f"{value:.3f}",
        "interval": _interval,
        "rank_interval": _rank_interval,
        "steps_interval": _steps_interval,
        "percent_interval": _percent_interval,
    }
    return environment


def _interval(value: Interval) -> str:
    return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"


def _rank_interval(value: Interval) -> str:
    return f"{value.mean:.1f} [{value.low:.1f}, {value.high:.1f}]"


def _steps_interval(value: StepsToReach) -> str:
    steps, low, high = ("never" if each is None else each for each in (value.steps, value.low, value.high))
    return f"{steps} [{low}, {high}]"


def _percent_interval(value: Interval) -> str:
    return f"{_percent(value.mean)} % [{_percent(value.low)}, {_percent(value.high)}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if 0 < share < 0.01 or 0.99 < share < 1 else f"{100 * share:.0f}"


def _front_matter(config: LossConfig, results: Results) -> ModelCardData:
    main, metric = results.setups[0], results.metric.name
    evaluation = EvalResult(
        task_type=find_problem_type(config.problem_type).task,
        dataset_type=config.name,
        dataset_name=f"{config.name} test tasks",
        metric_type=re.sub(r"\W+", "_", metric.lower()).strip("_"),
        metric_name=f"{metric} on {main.setup}",
        metric_value=main.shown.objective.mean,
    )
    made = ("loss-function",) if config.citation else ("learned-loss", "meta-learning")
    return ModelCardData(
        license="mit",
        library_name="ml3zoo",
        tags=["ml3zoo", *made, config.problem_type, *([QUICK] if results.quick else [])],
        model_name=config.name,
        eval_results=[evaluation],
    )
