"""results.json + config.json -> README.md, the card. No number in a card is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from ml3zoo.format.config import LossConfig
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.format.results import Interval, Results, SetupResult, StepsToReach, Use, Verdict

QUICK = "quick-run"
"""The tag of a card whose numbers mean nothing."""
_BEGINS: dict[Verdict, str] = {
    "better": "Beats",
    "worse": "Loses to",
    "no clear difference": "No clear difference from",
}
_USES: tuple[tuple[Use, str], ...] = (
    ("swapped in", " swapped in"),
    ("recommended", " at the recommended rate"),
    ("tuned", " when tuned"),
)


def render_card(config: LossConfig, results: Results, folder: Path) -> str:
    """The card as markdown with the Hub's front matter. Pictures found in ``folder/plots`` are shown."""
    template = _environment().get_template("card.md.j2")
    return template.render(
        front_matter=_front_matter(config, results).to_yaml(),
        config=config,
        problem_type=find_problem_type(config.problem_type),
        results=results,
        main=results.setups[0],
        ordinary=[setup for setup in results.setups if setup.learned("swapped in")],
        others=[setup for setup in results.setups if not setup.learned("swapped in")],
        caveats=list(_caveats(results)),
        plots=sorted(path.stem for path in (folder / "plots").glob("*.png")),
    )


def headline(results: Results) -> str:
    """The first line of a card: ordinary training, else the main setup; and in how many setups the loss does worse."""
    text = _ranked(results) if results.rankings else _compared(results)
    worse = _counts(results, "worse")
    if worse:
        text += f"; worse in {worse}"
    return f"A quick run, its numbers mean nothing. {text}" if results.quick else text


def _compared(results: Results) -> str:
    """The main setup against its tuned baseline."""
    main = results.setups[0]
    ours, baseline = main.shown, main.baseline
    figures = f"{results.metric.name} {ours.objective.mean:.3f} against {baseline.objective.mean:.3f}{_others(main)}"
    return f"{_BEGINS[_verdict(main)]} tuned {baseline.name} on {main.setup}: {figures}"


def _ranked(results: Results) -> str:
    """All setups of ordinary training, against the best ordinary loss."""
    swapped_in, tuned = results.rankings
    places = (
        f"{way}, {ranking.learned.rank.mean:.1f} ({ranking.ordinary.name}, the best ordinary loss: "
        f"{ranking.ordinary.rank.mean:.1f})"
        for ranking, way in ((swapped_in, f"swapped in for {swapped_in.reference}"), (tuned, "all tuned"))
    )
    return (
        f"Mean rank among {len(swapped_in.methods)} losses in ordinary training on {swapped_in.data_sets} data sets: "
        f"{'; '.join(places)}"
    )


def _verdict(setup: SetupResult) -> Verdict:
    comparison = setup.shown.comparison
    assert comparison is not None
    return comparison.verdict


def _others(main: SetupResult) -> str:
    """The first ordinary loss, and the one that did best in hindsight, where they are not the selected baseline."""
    first = next(method for method in main.methods if method.role == "baseline")
    others = {first.name: first, main.in_hindsight.name: main.in_hindsight}
    others.pop(main.baseline.name, None)
    shown = (
        f"tuned {name}{', best in hindsight' if other is main.in_hindsight else ''}: {other.objective.mean:.3f}"
        for name, other in others.items()
    )
    return f" ({'; '.join(shown)})" if others else ""


def _caveats(results: Results) -> Iterator[str]:
    """What the first lines of a card say beside the headline, a sentence each."""
    unclear = _counts(results, "no clear difference")
    if unclear:
        yield f"No clear difference in {unclear}."
    for use, way in _USES[:2]:
        learned = [method for setup in results.setups if (method := setup.learned(use))]
        diverged = [method.diverged.mean for method in learned if method.diverged.mean > 0]
        if diverged:
            yield (
                f"{way.strip().capitalize()}, runs diverge in {len(diverged)} of {len(learned)} setups, "
                f"at most {_percent(max(diverged))} % of them."
            )


def _counts(results: Results, verdict: Verdict) -> str:
    """In how many setups a verdict falls, for either use of the loss; empty if in none."""
    parts: list[str] = []
    for use, way in _USES:
        verdicts = [found for setup in results.setups if (found := setup.verdict(use))]
        if verdict in verdicts:
            parts.append(f"{verdicts.count(verdict)} of {len(verdicts)}{' setups' if not parts else ''}{way}")
    return ", ".join(parts)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ml3zoo.zoo"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {
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
    return ModelCardData(
        license="mit",
        library_name="ml3zoo",
        tags=["ml3zoo", "learned-loss", "meta-learning", config.problem_type, *([QUICK] if results.quick else [])],
        model_name=config.name,
        eval_results=[evaluation],
    )
