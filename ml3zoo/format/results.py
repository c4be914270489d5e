"""``results.json``: what was measured of a loss, as typed models. Needs neither torch nor the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LARGEST
from ml3zoo.format.files import write_text
from ml3zoo.format.schema import Strict, parse
from ml3zoo.format.strictjson import read_json

FILE_NAME = "results.json"
REMEDY = "Measure the loss with this ml3zoo, or pull it again."

Role = Literal["learned", "baseline", "initial"]
"""The learned loss, an ordinary loss, or the loss that meta-training started from."""
Use = Literal["recommended", "swapped in", "tuned"]
"""At the learned loss's recommended learning rate; at the one tuned for the first ordinary loss, where nothing but the
loss is changed; or at the best of a grid on validation tasks."""
Unseen = Literal["", "architecture", "optimizer", "horizon", "data"]
ReportedStep = Literal["last", "best", "mean"]
"""Which metric of a run is reported: after its last step, at its best observed step by the selection metric, or the
mean over observed steps."""
Schedule = Literal["constant", "cosine"]
SetupSchedule = Literal["tuned", "constant", "cosine"]
"""The learning-rate schedule of a whole setup, or "tuned": each method has its best."""
Verdict = Literal["better", "worse", "no clear difference"]

_Text = Annotated[str, Meta(max_length=200)]
_Long = Annotated[str, Meta(max_length=4_000)]
_Number = Annotated[float, Meta(ge=-1e30, le=1e30)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Count = Annotated[int, Meta(ge=0, le=10_000_000)]
_Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Curve = Annotated[tuple[_Number, ...], Meta(min_length=2, max_length=10_000)]

_REPORTED: dict[ReportedStep, str] = {"last": "", "best": ", early stopping", "mean": ", mean over the steps"}
_LABELS: dict[tuple[Role, Use], str] = {
    ("learned", "recommended"): "{}, recommended",
    ("learned", "swapped in"): "{}, swapped in",
    ("learned", "tuned"): "{}, tuned",
    ("baseline", "recommended"): "{}, at the learned loss's rate",
    ("baseline", "swapped in"): "{}, swapped in",
}


class Interval(Strict, frozen=True):
    """A mean with its 95 % bootstrap interval."""

    mean: _Number
    low: _Number
    high: _Number

    @property
    def verdict(self) -> Verdict:
        """What it says as that of a difference: negative where the learned loss is better."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "no clear difference"


class Curve(Strict, frozen=True):
    """A learning curve: mean and quartiles over runs, a number per observed step."""

    mean: _Curve
    low: _Curve
    high: _Curve


class StepsToReach(Strict, frozen=True):
    """Steps until a level is reached, with the 95 % bootstrap interval; None means "not within the run"."""

    steps: _Count | None
    low: _Count | None
    high: _Count | None


class PairedComparison(Strict, frozen=True):
    """A learned loss against the selected baseline on the same tasks.

    Attributes:
        difference: of the metric, negative where the learned loss is better.
        ratio: of the means; None if the baseline's is 0.
        won: share of tasks on which the learned loss is better.
        steps_to_reach: steps until it reaches the baseline's final metric.
    """

    difference: Interval
    ratio: _Number | None
    won: Interval
    steps_to_reach: StepsToReach

    @property
    def verdict(self) -> Verdict:
        """What the interval of the difference says."""
        return self.difference.verdict


class MethodResult(Strict, frozen=True, omit_defaults=True):
    """What one loss, used in one way, reached in a setup.

    Attributes:
        name: "learned" of a learned loss, "initial loss" of what it began as, of others their own.
        role: which loss it is.
        use: where its learning rate comes from. A baseline at the recommended rate has the learned loss's tasks too.
        hyper: its hyper-parameters, if it was the best of several.
        lr: learning rate.
        schedule: of the learning rate.
        objective: the metric.
        median: of the metric.
        diverged: share of runs.
        curve: metric on the way; None in ordinary training, but for the losses that are compared.
        selected: whether it is the baseline that was best on validation tasks.
        comparison: with that baseline, for learned losses.
    """

    name: _Text
    role: Role
    use: Use
    lr: _Number
    schedule: Schedule
    objective: Interval
    median: _Number
    diverged: Interval
    curve: Curve | None = None
    hyper: _Text = ""
    selected: bool = False
    comparison: PairedComparison | None = None

    def __str__(self) -> str:
        """As in a table."""
        return _LABELS.get((self.role, self.use), "{}").format(self.name)


class SetupDescription(Strict, frozen=True, omit_defaults=True):
    """What was trained in a setup, on what and how.

    Attributes:
        network: what is trained.
        optimizer: as in a table.
        steps: gradient steps.
        schedule: of the learning rate.
        data: what the tasks are made of, where setups differ in that.
        noise: the same for their noise.
        unseen: what of this setup meta-training never saw.
        reported_step: which step of each run is reported.
        batch: points of a minibatch; None for the full batch.
        epochs: passes through the data, where that is how the steps were chosen.
    """

    network: _Text
    optimizer: _Text
    steps: _Count
    schedule: SetupSchedule = "tuned"
    data: _Text = ""
    noise: _Text = ""
    unseen: Unseen = ""
    reported_step: ReportedStep = "last"
    batch: _Count | None = None
    epochs: _Count | None = None

    def __str__(self) -> str:
        """One line, as in a table."""
        trained = ", ".join(part for part in (self.data, self.noise, self.network) if part)
        return f"{trained} under {self.training}{_REPORTED[self.reported_step]}"

    @property
    def training(self) -> str:
        """How it is trained: optimiser, schedule, minibatches, length."""
        schedule = "" if self.schedule == "tuned" else f", {self.schedule}"
        batch = "" if self.batch is None else f", batch {self.batch}"
        return f"{self.optimizer}{schedule}{batch}, {self.length}"

    @property
    def length(self) -> str:
        """Steps, or epochs where they were chosen."""
        count, unit = (self.steps, "step") if self.epochs is None else (self.epochs, "epoch")
        return f"{count} {unit}{'' if count == 1 else 's'}"


class SetupResult(Strict, frozen=True):
    """One setup, measured.

    Attributes:
        setup: what it is.
        observed: the steps that learning curves have a point for.
        methods: every loss in every way it was used; exactly one is the selected baseline.
    """

    setup: SetupDescription
    observed: Annotated[tuple[_Count, ...], Meta(min_length=2, max_length=10_000)]
    methods: Annotated[tuple[MethodResult, ...], Meta(min_length=1, max_length=64)]

    def __post_init__(self) -> None:
        """See that curves fit the steps observed, and that one baseline is selected and compared with."""
        for method in self.methods:
            curve = method.curve
            if curve and {len(curve.mean), len(curve.low), len(curve.high)} != {len(self.observed)}:
                raise ValueError(f"the curve of {method} has not {len(self.observed)} points, one per step observed")
            if (method.role == "learned") != (method.comparison is not None):
                raise ValueError(f"{method}: a comparison was expected for learned losses, and for no others")
        if [method.role for method in self.methods if method.selected] != ["baseline"]:
            raise ValueError("exactly one selected baseline was expected among the methods")
        if self.learned("tuned") is None:
            raise ValueError("a learned loss that was tuned was expected among the methods")

    @property
    def baseline(self) -> MethodResult:
        """The tuned ordinary loss that was best on validation tasks."""
        return next(method for method in self.methods if method.selected)

    @property
    def in_hindsight(self) -> MethodResult:
        """The tuned ordinary loss that did best on the test tasks; the selected baseline if none did better."""
        tuned = (method for method in self.methods if method.role == "baseline" and method.use == "tuned")
        return min((self.baseline, *tuned), key=lambda method: method.objective.mean)

    def learned(self, use: Use) -> MethodResult | None:
        """The learned loss used in one way, if it was."""
        return next((method for method in self.methods if method.role == "learned" and method.use == use), None)

    @property
    def shown(self) -> MethodResult:
        """The learned loss as a headline takes it: swapped in, else at its recommended rate, else tuned."""
        shown = self.learned("swapped in") or self.learned("recommended") or self.learned("tuned")
        assert shown is not None
        return shown

    def verdict(self, use: Use) -> Verdict | None:
        """The learned loss, used in one way, against the selected baseline; None if it was not measured so."""
        method = self.learned(use)
        return method.comparison.verdict if method and method.comparison else None


class MetricDescription(Strict, frozen=True):
    """What a number in a table is.

    Attributes:
        name: short, as in a table.
        description: as a sentence begins.
        conditions: what the methods were given; a sentence.
    """

    name: _Text
    description: _Text
    conditions: _Long


class ProtocolDescription(Strict, frozen=True, omit_defaults=True):
    """How much was measured: numbers of tasks, the grid that tuning tries, and the ordinary losses.

    Where the best learning rate lies at an edge of the grid, that grows up to ``growth`` times.
    """

    validation_tasks: _Count
    test_tasks_per_seed: _Count
    seeds: _Count
    learning_rates: _Count
    decades: _Number
    schedules: Annotated[tuple[Schedule, ...], Meta(max_length=8)]
    baselines: Annotated[tuple[_Text, ...], Meta(max_length=64)]
    cap: _Number
    growth: _Count = 0


class LevelResult(Strict, frozen=True):
    """A method's metric over the data sets that have one level of noise.

    Attributes:
        noise: as setups describe it.
        metric: the mean.
        difference: to the first ordinary loss, used in the same way; negative where the method is better.
    """

    noise: _Text
    metric: Interval
    difference: Interval


class MethodRank(Strict, frozen=True):
    """A method's place among all methods used in the same way; intervals are over data sets.

    Attributes:
        name: "learned" of a learned loss, of others their own.
        role: which loss it is.
        rank: the mean over setups, from 1; equal methods share theirs.
        won: share of setups in which it is the best; equal methods share them.
        levels: its metric, by noise.
    """

    name: _Text
    role: Role
    rank: Interval
    won: Interval
    levels: Annotated[tuple[LevelResult, ...], Meta(max_length=64)]


class Ranking(Strict, frozen=True):
    """All methods used in one way, over all setups of ordinary training.

    Attributes:
        use: how all losses were used.
        reference: the first ordinary loss; differences are to it, and losses were swapped in at its learning rate.
        setups: their number.
        data_sets: theirs.
        methods: the best mean rank first.
    """

    use: Use
    reference: _Text
    setups: _Count
    data_sets: _Count
    methods: Annotated[tuple[MethodRank, ...], Meta(min_length=1, max_length=64)]

    @property
    def learned(self) -> MethodRank:
        """The learned loss."""
        return next(method for method in self.methods if method.role == "learned")

    @property
    def ordinary(self) -> MethodRank:
        """The ordinary loss with the best mean rank."""
        return next(method for method in self.methods if method.role == "baseline")

    def find(self, name: str) -> MethodRank:
        """A method by its name."""
        return next(method for method in self.methods if method.name == name)


class CostResult(Strict, frozen=True):
    """Median time of forward and backward against the ordinary loss, for a number of elements."""

    elements: _Count
    learned_us: _Number
    ordinary_us: _Number
    ordinary: _Text


class SeedResult(Strict, frozen=True):
    """The metric that one seed of the meta-training reaches, used as in the headline.

    In ordinary training that is the mean over all data sets, swapped in; else that of the first setup, at the
    recommended learning rate.
    """

    seed: _Seed
    objective: Interval


class MetaTrainingRecord(Strict, frozen=True):
    """A validation in a meta-training, as its log has it."""

    iteration: _Count
    objective: _Number | None
    diverged: _Share | None
    validation: _Number
    training_configs: Annotated[tuple[_Number, ...], Meta(max_length=256)]
    best: _Number
    best_iteration: _Count
    restarts: _Count
    stopped: _Text
    seconds: _Number


class Results(Strict, frozen=True, omit_defaults=True):
    """Every number of a card. The first setup is the one the loss was made for.

    Attributes:
        metric: what is measured.
        protocol: how much.
        setups: what came of it.
        rankings: of all losses over the setups of ordinary training, one for each way to use them.
        cost: time per call.
        seeds: every seed of the meta-training.
        quick: whether it is a quick run, whose numbers mean nothing.
        example: Python for the card's snippet.
        meta_training: the log of the meta-training.
        headline: the card's first line.
        formula: of the loss, if it has one.
        evaluation_minutes: how long measuring took.
    """

    metric: MetricDescription
    protocol: ProtocolDescription
    setups: Annotated[tuple[SetupResult, ...], Meta(min_length=1, max_length=160)]
    rankings: Annotated[tuple[Ranking, ...], Meta(max_length=4)] = ()
    cost: Annotated[tuple[CostResult, ...], Meta(max_length=16)] = ()
    seeds: Annotated[tuple[SeedResult, ...], Meta(max_length=64)] = ()
    quick: bool = False
    example: _Long = ""
    meta_training: Annotated[tuple[MetaTrainingRecord, ...], Meta(max_length=100_000)] = ()
    headline: _Long = ""
    formula: Annotated[str, Meta(max_length=20_000)] | None = None
    evaluation_minutes: _Number = 0.0

    def find(self, setup: SetupDescription) -> SetupResult | None:
        """What was measured in a setup, if it was."""
        return next((measured for measured in self.setups if measured.setup == setup), None)


def read_results(folder: Path) -> Results | None:
    """A loss's ``results.json``; None if it was never measured.

    Raises:
        ConfigError: the file is not of the form that a measurement writes.
    """
    path = folder / FILE_NAME
    try:
        raw = read_json(path, LARGEST[FILE_NAME])
    except FileNotFoundError:
        return None
    return parse(Results, raw, str(path), REMEDY)


def write_results(results: Results, folder: Path) -> None:
    """Write ``results.json``, indented if that is not too long.

    Raises:
        ConfigError: a number is out of bounds, or there are too many for one file.
    """
    found = results.checked().builtins()
    text = json.dumps(found, indent=1) + "\n"
    if len(text) > LARGEST[FILE_NAME]:
        text = json.dumps(found, separators=(",", ":")) + "\n"
    if len(text) > LARGEST[FILE_NAME]:
        raise ConfigError(
            f"{FILE_NAME} would have {len(text)} bytes, at most {LARGEST[FILE_NAME]} were expected. Observe fewer "
            "steps, or measure fewer setups."
        )
    write_text(folder / FILE_NAME, text)
