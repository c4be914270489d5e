"""config.json + results.json -> what a loss is for, what it brings and where it loses, in a few words. No torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ml3zoo.format.config import LossConfig
from ml3zoo.format.results import Interval, Ranking, Results, SetupDescription, SetupResult, Unseen, Use, Verdict

_BEGINS: dict[Verdict, str] = {
    "better": "Beats",
    "worse": "Loses to",
    "no clear difference": "No clear difference from",
}
_USES: dict[Use, str] = {"swapped in": "swapped in", "recommended": "at the recommended rate", "tuned": "when tuned"}
_KINDS: dict[Unseen, str] = {
    "architecture": "new networks",
    "optimizer": "new optimisers",
    "horizon": "other lengths",
    "data": "new data",
    "": "of those it was made for",
}
AS_MADE_FOR = "as made for"
"""The first setup's label."""
FACETS = ("data", "noise", "network", "optimiser", "length", "reported")
_MOST_NAMED = 2
"""Kinds of setups; a loss that is worse in more of them is worse nearly everywhere."""


@dataclass(frozen=True)
class Change:
    """An error under a learned loss over that under an ordinary one, with its 95 % interval; below 1 it is better.

    Attributes:
        label: what was trained, short.
        ratio: of the means.
        low: of the interval.
        high: of the interval.
        verdict: what the interval says.
    """

    label: str
    ratio: float
    low: float
    high: float
    verdict: Verdict

    @classmethod
    def of(cls, label: str, ordinary: float, difference: Interval) -> Change:
        """From the ordinary loss's error, and the difference to it; an ordinary loss without error has a ratio of 1."""
        parts = (difference.mean, difference.low, difference.high)
        mean, low, high = (max(1 + part / ordinary, 0.0) if ordinary > 0 else 1.0 for part in parts)
        return cls(label, mean, low, high, difference.verdict)


@dataclass(frozen=True)
class Recommendation:
    """What one wants to know of a loss before trying it.

    Attributes:
        use_for: what it is for, in a few words.
        instead_of: the ordinary loss that it takes the place of, and that its gain is measured against.
        gain: how its error differs from an ordinary loss's: ``"27 % lower NMSE"``.
        beside: what the best ordinary loss brings, if it is another: to be read after the gain.
        percent: the gain as a number, below 0 where the error is lower.
        verdict: whether that is more than chance.
        where_it_loses: in how many setups and in which, in a few words.
        summary: the gain, as a sentence without its full stop.
        loss: where it is worse, likewise.
    """

    use_for: str
    instead_of: str
    gain: str
    beside: str
    percent: float
    verdict: Verdict
    where_it_loses: str
    summary: str
    loss: str


def recommend(config: LossConfig, results: Results) -> Recommendation:
    """All of it, from what was measured.

    In ordinary training the error is that of the loss swapped in for the first ordinary loss, as a geometric mean over
    levels of noise; else that in the first setup, against the tuned ordinary loss that was best on validation tasks.
    """
    percent, verdict = _overall(results)
    counts = count_of(results, "worse")
    where = where_it_loses(results)
    return Recommendation(
        use_for=config.use_for or config.problem_type,
        instead_of=_instead_of(results),
        gain=_in_words(percent, verdict, results.metric.name),
        beside=_beside(results),
        percent=percent,
        verdict=verdict,
        where_it_loses=where,
        summary=_summary(results),
        loss=f"Worse than {_best_ordinary(results)} in {counts}" if counts else f"Worse in {where} setups",
    )


def headline(results: Results) -> str:
    """Gain and loss on one line: what ``results.json`` keeps."""
    counts = count_of(results, "worse")
    text = f"{_summary(results)}; worse in {counts}" if counts else _summary(results)
    return f"A quick run, its numbers mean nothing. {text}" if results.quick else text


def changes(results: Results) -> list[Change]:
    """How errors change, by level of noise in ordinary training, else by setup; the first setup comes first."""
    if not results.rankings:
        return [_change(measured, results.setups[0].setup) for measured in results.setups]
    swapped_in = results.rankings[0]
    levels = zip(swapped_in.learned.levels, swapped_in.find(swapped_in.reference).levels, strict=False)
    return [Change.of(ours.noise or "all data", theirs.metric.mean, ours.difference) for ours, theirs in levels]


def count_of(results: Results, verdict: Verdict) -> str:
    """In how many setups a verdict falls, for every way to use the loss; empty if in none."""
    parts: list[str] = []
    for use, way in _USES.items():
        verdicts = [found for setup in results.setups if (found := setup.verdict(use))]
        if verdict in verdicts:
            parts.append(f"{verdicts.count(verdict)} of {len(verdicts)}{'' if parts else ' setups'} {way}")
    return ", ".join(parts)


def where_it_loses(results: Results) -> str:
    """In how many setups the loss, used as its headline says, is clearly worse, and in which: ``2 of 8: Adam; SGD``."""
    lost = [each for each in results.setups if is_lost(each)]
    total = len(results.setups)
    if not lost or len(lost) == total:
        return f"{'all' if lost else 'none'} of {total}"
    among = _level_most_lost(lost, results) if results.rankings else _kinds_lost(lost, results.setups[0].setup)
    return f"{len(lost)} of {total}{': ' if among else ''}{among}"


def _level_most_lost(lost: Collection[SetupResult], results: Results) -> str:
    """The level of noise with the largest share of lost setups, if there are several levels."""
    all_levels, levels = (Counter(each.setup.noise for each in setups) for setups in (results.setups, lost))
    most = max(levels, key=lambda noise: levels[noise] / all_levels[noise])
    return f"{levels[most]} of {all_levels[most]} at “{most}”" if len(all_levels) > 1 else ""


def _kinds_lost(lost: Collection[SetupResult], main: SetupDescription) -> str:
    """What was new in the lost setups: how many of a kind, or what tells the only one from the first setup."""
    parts: list[str] = []
    for kind, name in _KINDS.items():
        of_kind = [each.setup for each in lost if each.setup.unseen == kind]
        if len(of_kind) > 1:
            parts.append(f"{len(of_kind)} {name}")
        elif of_kind:
            parts.append(differing(of_kind[0], main) or AS_MADE_FOR)
    return "; ".join(parts) if len(parts) <= _MOST_NAMED else ""


def is_lost(measured: SetupResult) -> bool:
    """Whether the loss, used as its headline says, is clearly worse than the tuned baseline."""
    comparison = measured.shown.comparison
    return comparison is not None and comparison.verdict == "worse"


def differing(setup: SetupDescription, main: SetupDescription) -> str:
    """What tells a setup from the first one, short; empty if it is the first."""
    return ", ".join(part for part, usual in zip(facets(setup), facets(main), strict=True) if part != usual)


def facets(setup: SetupDescription) -> tuple[str, ...]:
    """What a setup is: ``FACETS``, each as in a short cell."""
    step = {"last": "last step", "best": "early stopping", "mean": "mean over the steps"}[setup.reported_step]
    return setup.data, setup.noise, setup.network, setup.optimizer, setup.length, step


def _change(measured: SetupResult, main: SetupDescription) -> Change:
    comparison = measured.shown.comparison
    assert comparison is not None
    label = differing(measured.setup, main) or AS_MADE_FOR
    return Change.of(label, measured.baseline.objective.mean, comparison.difference)


def _overall(results: Results) -> tuple[float, Verdict]:
    """By how many percent the error changes in the first setup or, as a geometric mean, over levels of noise."""
    changed = changes(results) if results.rankings else changes(results)[:1]
    clear = {change.verdict for change in changed} - {"no clear difference"}
    return _percent(change.ratio for change in changed), clear.pop() if len(clear) == 1 else "no clear difference"


def _percent(ratios: Iterable[float]) -> float:
    """The geometric mean of ratios, as a change in percent."""
    logs = [math.log(ratio) for ratio in ratios if ratio > 0]
    return 100 * math.expm1(math.fsum(logs) / len(logs)) if logs else -100.0


def _beside(results: Results) -> str:
    """What the best ordinary loss of ordinary training brings, if it is another than the first."""
    if not results.rankings or results.rankings[0].ordinary.name == results.rankings[0].reference:
        return ""
    best, usual = results.rankings[0].ordinary, results.rankings[0].find(results.rankings[0].reference)
    levels = zip(best.levels, usual.levels, strict=False)
    percent = _percent(one.metric.mean / other.metric.mean for one, other in levels if other.metric.mean > 0)
    return f" ({best.name}: {_size(percent)} %)"


def _best_ordinary(results: Results) -> str:
    names = {*results.protocol.baselines}
    return "the best ordinary loss" if len(names) > 1 else f"tuned {names.pop()}"


def _size(percent: float) -> str:
    return f"{abs(percent):.1f}" if abs(percent) < 1 or 99 < abs(percent) < 100 else f"{abs(percent):.0f}"


def _direction(percent: float) -> str:
    return "lower" if percent < 0 else "higher"


def _in_words(percent: float, verdict: Verdict, metric: str) -> str:
    """``27 % lower NMSE``; above twice as much as a factor."""
    if verdict == "no clear difference":
        return f"no clear change of {metric}"
    if percent > 100:
        return f"{1 + percent / 100:.1f} times the {metric}"
    return f"{_size(percent)} % {_direction(percent)} {metric}"


def _instead_of(results: Results) -> str:
    """The ordinary loss that the gain is measured against."""
    return results.rankings[0].reference if results.rankings else results.setups[0].baseline.name


def _summary(results: Results) -> str:
    percent, verdict = _overall(results)
    change = "" if verdict == "no clear difference" else f" {_in_words(percent, verdict, results.metric.name)}"
    if results.rankings:
        ranks = _ranks(results.rankings)
        return f"{_BEGINS[verdict]} {results.rankings[0].reference}, swapped in{':' * bool(change)}{change}{ranks}"
    main = results.setups[0]
    ours, baseline, other = main.shown.objective.mean, main.baseline, main.in_hindsight
    figures = f"{change}, {ours:.3f}" if change else f" {results.metric.name} {ours:.3f}"
    hindsight = "" if other is baseline else f"; in hindsight {other.name} has {other.objective.mean:.3f}"
    beside = f"instead of {baseline.objective.mean:.3f} ({main.setup})"
    return f"{_BEGINS[verdict]} tuned {baseline.name}:{figures} {beside}{hindsight}"


def _ranks(rankings: Sequence[Ranking]) -> str:
    """The mean rank among all losses for each way to use them, and the best ordinary loss's."""
    first, *others = rankings
    places = [f"mean rank {_place(first)} of {len(first.methods)} losses"]
    places += [f"{_USES[ranking.use]} {_place(ranking)}" for ranking in others]
    return f" on {first.data_sets} data sets; {', '.join(places)}"


def _place(ranking: Ranking) -> str:
    ours, other = ranking.learned, ranking.ordinary
    return f"{ours.rank.mean:.1f} ({other.name}: {other.rank.mean:.1f})"
