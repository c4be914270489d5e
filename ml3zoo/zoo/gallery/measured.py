"""What the gallery says of a loss's results: its gain, and where it is better, alike and worse."""

from __future__ import annotations

from dataclasses import dataclass

from ml3zoo.format.results import MethodResult, Results, SetupResult, Use, Verdict

_MOST_LOSING = 12
_WAYS: dict[Use, str] = {
    "swapped in": "swapped in",
    "recommended": "at the recommended rate",
    "tuned": "when tuned",
}


@dataclass(frozen=True)
class Bar:
    """A figure and its length beside the longest, from 0 to 1; kind is "learned" or "ordinary"."""

    name: str
    kind: str
    figure: str
    share: float


@dataclass(frozen=True)
class Outcomes:
    """In how many setups the learned loss is better than the tuned baseline, alike and worse, used in one way."""

    better: int
    unclear: int
    worse: int
    way: str

    @property
    def setups(self) -> int:
        """All of them."""
        return self.better + self.unclear + self.worse

    @property
    def won(self) -> float:
        """From -1, worse in all setups, to 1, better in all."""
        return (self.better - self.worse) / self.setups


@dataclass(frozen=True)
class LosingSetup:
    """A setup in which the learned loss is worse than the tuned baseline."""

    name: str
    figures: str


@dataclass(frozen=True)
class Gain:
    """The two figures that stand for all results.

    Attributes:
        figure: the gain as text.
        meaning: of that text.
        share: how much less the learned loss's figure is than the ordinary one's, as a share of it; to sort by.
        verdict: what the intervals say.
        bars: both figures.
    """

    figure: str
    meaning: str
    share: float
    verdict: Verdict
    bars: tuple[Bar, Bar]


@dataclass(frozen=True)
class Measured:
    """A loss's results at a glance.

    Attributes:
        metric: its name.
        quick: whether the numbers mean nothing.
        gain: the headline.
        outcomes: of all setups.
        losing: the worst of the setups in which it is worse.
        losing_more: how many others there are.
    """

    metric: str
    quick: bool
    gain: Gain
    outcomes: Outcomes
    losing: tuple[LosingSetup, ...]
    losing_more: int


def summarise(results: Results) -> Measured:
    """Results at a glance: ranks in ordinary training where there are any, else the setup the loss was made for."""
    use = results.setups[0].shown.use
    found = [(setup, method) for setup in results.setups if (method := setup.learned(use))]
    verdicts = [setup.verdict(use) for setup, _ in found]
    losing = sorted(
        (pair for pair, verdict in zip(found, verdicts, strict=True) if verdict == "worse"),
        key=lambda pair: _less(pair[1].objective.mean, pair[0].baseline.objective.mean),
    )
    return Measured(
        metric=results.metric.name,
        quick=results.quick,
        gain=_rank_gain(results) if results.rankings else _setup_gain(results),
        outcomes=Outcomes(
            verdicts.count("better"), verdicts.count("no clear difference"), verdicts.count("worse"), _WAYS[use]
        ),
        losing=tuple(_losing(*pair) for pair in losing[:_MOST_LOSING]),
        losing_more=max(len(losing) - _MOST_LOSING, 0),
    )


def _setup_gain(results: Results) -> Gain:
    """The first setup against its tuned baseline."""
    setup = results.setups[0]
    ours, baseline = setup.shown, setup.baseline
    share = _less(ours.objective.mean, baseline.objective.mean)
    verdict = setup.verdict(ours.use)
    assert verdict is not None
    return Gain(
        figure=f"{-100 * share:+.0f} %".replace("-", "−"),
        meaning=f"{results.metric.name} on {setup.setup}",
        share=share,
        verdict=verdict,
        bars=_bars(
            ("learned", ours.objective.mean), (f"tuned {baseline.name}", baseline.objective.mean), digits=3
        ),
    )


def _rank_gain(results: Results) -> Gain:
    """The mean rank in ordinary training against that of the best ordinary loss."""
    ranking = results.rankings[0]
    ours, ordinary = ranking.learned.rank, ranking.ordinary.rank
    verdict: Verdict = "better" if ours.mean < ordinary.mean else "worse"
    return Gain(
        figure=f"rank {ours.mean:.1f}",
        meaning=f"mean of {len(ranking.methods)} losses {ranking.use} on {ranking.data_sets} data sets",
        share=_less(ours.mean, ordinary.mean),
        verdict=verdict,
        bars=_bars(("learned", ours.mean), (ranking.ordinary.name, ordinary.mean), digits=1),
    )


def _less(ours: float, baseline: float) -> float:
    """How much less one figure is than another, as a share of that one."""
    if baseline == 0:
        return 0.0 if ours == 0 else -1.0
    return 1 - ours / baseline


def _bars(ours: tuple[str, float], ordinary: tuple[str, float], *, digits: int) -> tuple[Bar, Bar]:
    longest = max(ours[1], ordinary[1], 1e-30)
    one, other = (
        Bar(name, kind, f"{value:.{digits}f}", min(max(value / longest, 0.0), 1.0))
        for kind, (name, value) in (("learned", ours), ("ordinary", ordinary))
    )
    return one, other


def _losing(setup: SetupResult, ours: MethodResult) -> LosingSetup:
    return LosingSetup(str(setup.setup), f"{ours.objective.mean:.3f}, {setup.baseline.objective.mean:.3f}")
