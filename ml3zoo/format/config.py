"""``config.json``: what a learned loss is, as typed models. Needs neither torch nor the network."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from msgspec import Meta, field

from ml3zoo.errors import ConfigError, did_you_mean
from ml3zoo.format.environment import EnvironmentConfig
from ml3zoo.format.files import write_text
from ml3zoo.format.optimizers import OPTIMIZERS, OptimizerName, OptimizerSetting
from ml3zoo.format.problem_types import ProblemType, find_problem_type
from ml3zoo.format.schema import Count, Finite, NotNegative, Positive, Seed, Strict, parse
from ml3zoo.format.strictjson import read_json, to_json
from ml3zoo.format.transforms import find_transform

SCHEMA_VERSION: Literal[1] = 1
FILE_NAME = "config.json"
LARGEST: dict[str, int] = {
    FILE_NAME: 2**18,
    "model.safetensors": 2**26,
    "golden.safetensors": 2**20,
    "results.json": 2**20,
    "README.md": 2**20,
    "recipe.py": 2**18,
}
"""The files a loss's folder may hold, with their largest size in bytes; pictures come on top."""
LARGEST_PICTURE = 2**24
LARGEST_SIGNAL = 50.0
"""Normalised signals are clamped here at the latest: a loss stays finite however wild the prediction."""
PICTURE = r"plots/[a-z0-9_]+\.png"
Model = TypeVar("Model", bound=Strict)

Name = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=96)]
_Short = Annotated[str, Meta(max_length=64)]


def largest(name: str) -> int | None:
    """How many bytes a file of a loss's folder may have; None if the format knows no such file.

    Args:
        name: path below the folder, with forward slashes.
    """
    return LARGEST_PICTURE if re.fullmatch(PICTURE, name) else LARGEST.get(name)


class SignalConfig(Strict, frozen=True):
    """One input of a loss: a signal, then transforms, then ``(value - shift) / scale``, from ``-limit`` to ``limit``.

    ``LossConfig`` checks the names: which there are depends on the problem type.
    """

    signal: _Short
    transforms: Annotated[tuple[_Short, ...], Meta(max_length=8)] = ()
    shift: Finite = 0.0
    scale: Positive = 1.0
    limit: Annotated[float, Meta(gt=0, le=LARGEST_SIGNAL)] = LARGEST_SIGNAL

    @property
    def looks_at(self) -> set[str]:
        """The signals it is made of: its own, and those it is divided by."""
        units = (find_transform(name).unit for name in self.transforms)
        return {self.signal} | {unit for unit in units if unit}

    def __str__(self) -> str:
        """As in a formula: ``log(batch_error / target_scale)``."""
        text = self.signal
        for transform in self.transforms:
            text = find_transform(transform).text.format(text)
        if self.shift:
            text = f"({text} {'-' if self.shift > 0 else '+'} {abs(self.shift):g})"
        text = text if self.scale == 1 else f"{text} / {self.scale:g}"
        return text if self.limit == LARGEST_SIGNAL else f"clamp({text}, ±{self.limit:g})"


def signal(
    name: str, *transforms: str, shift: float = 0.5, scale: float = 0.5, limit: float = LARGEST_SIGNAL
) -> SignalConfig:
    """A signal brought to about -1 to 1: a share or a probability, unless shift and scale say otherwise."""
    return SignalConfig(signal=name, transforms=transforms, shift=shift, scale=scale, limit=limit)


class InnerConfig(Strict, frozen=True, kw_only=True):
    """How the loss is meant to be used: the optimiser, learning rate and number of steps it was made for."""

    optimizer: OptimizerName = "sgd"
    lr: Positive
    momentum: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    weight_decay: NotNegative = 0.0
    steps: Annotated[int, Meta(gt=0, le=10_000_000)]
    standardized_targets: bool = False

    def __post_init__(self) -> None:
        """Only settings that the optimiser has differ from zero."""
        spec = OPTIMIZERS.get(self.optimizer)  # an unknown one is refused by its type
        for name in get_args(OptimizerSetting):
            if spec and getattr(self, name) and name not in spec.settings:
                fitting = " and ".join(other for other, known in OPTIMIZERS.items() if name in known.settings)
                raise ValueError(f"{self.optimizer} has no {name}, only {fitting}: leave it at 0")

    @property
    def optimizer_settings(self) -> dict[str, float]:
        """What the optimiser is made with besides the learning rate."""
        return {name: getattr(self, name) for name in OPTIMIZERS[self.optimizer].settings}

    @property
    def optimizer_text(self) -> str:
        """The optimiser in words: ``SGD with momentum 0.9``."""
        settings = [f"{name.replace('_', ' ')} {value:g}" for name, value in self.optimizer_settings.items() if value]
        display = OPTIMIZERS[self.optimizer].display
        return f"{display} with {', '.join(settings)}" if settings else display

    @property
    def usual_lr(self) -> float:
        """A usual learning rate of the optimiser for ordinary losses: the middle of a grid."""
        return OPTIMIZERS[self.optimizer].lr * (1 - self.momentum)


class ClassRange(Strict, frozen=True):
    """How many classes the tasks had that a loss was meta-trained on."""

    fewest: Annotated[int, Meta(ge=2, le=1_000_000)]
    most: Annotated[int, Meta(ge=2, le=1_000_000)]

    def __post_init__(self) -> None:
        """The range is not empty."""
        if self.most < self.fewest:
            raise ValueError(f"the most classes, {self.most}, are fewer than the fewest, {self.fewest}")

    def __str__(self) -> str:
        """In words: ``2 to 20 classes``."""
        return f"{self.fewest} classes" if self.fewest == self.most else f"{self.fewest} to {self.most} classes"


class Provenance(Strict, frozen=True, kw_only=True):
    """Where the weights come from."""

    recipe: Name
    seed: Seed
    ml3zoo: _Short
    torch: _Short
    commit: _Short | None = None
    date: _Short
    meta_iterations: Count
    meta_minutes: NotNegative


class LossConfig(Strict, frozen=True, kw_only=True):
    """Everything about a loss but its weights.

    ``use_for`` completes "use it for …" in a table, ``summary`` says more; numbers are for ``results.json``.
    ``citation`` is who wrote the loss down, if it was not learned.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Name
    summary: Annotated[str, Meta(max_length=300)]
    use_for: Annotated[str, Meta(max_length=44)] = ""
    family: _Short
    problem_type: _Short
    signals: Annotated[tuple[SignalConfig, ...], Meta(min_length=1, max_length=32)]
    architecture: Annotated[dict[str, Any], Meta(max_length=32)]
    inner: InnerConfig
    classes: ClassRange | None = None
    citation: Annotated[str, Meta(min_length=1, max_length=160)] | None = None
    environment: EnvironmentConfig | None = None
    provenance: Provenance | None = None
    sha256: Annotated[dict[str, Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]], Meta(max_length=64)] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        """Names are known to the problem type, hashes are of files of the format."""
        try:
            problem_type = find_problem_type(self.problem_type)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        for signal in self.signals:
            for name in signal.transforms:
                _check_known("transform", name, problem_type.transforms, problem_type)
            for name in sorted(signal.looks_at):
                _check_known("signal", name, problem_type.nameable, problem_type)
        if self.environment and not problem_type.acting:
            raise ValueError(f"a {self.problem_type} loss has no environment: only losses of models that act have one")
        if self.classes and self.problem_type != "classification":
            raise ValueError(f"a {self.problem_type} loss has no classes: leave them out")
        for name in self.sha256:
            if largest(name) is None or name == FILE_NAME:
                raise ValueError(f"{name!r} in sha256 is no file of the format ({', '.join(LARGEST)}, plots/*.png)")

    @property
    def uses_progress(self) -> bool:
        """Whether the loss looks at the training progress."""
        return self._uses("progress")

    @property
    def uses_feature(self) -> bool:
        """Whether the loss looks at the feature of a point: for a trajectory the state, often the model's input."""
        return self._uses("feature")

    @property
    def uses_class_counts(self) -> bool:
        """Whether the loss looks at how many training points each class has."""
        return self._uses("class_counts")

    def _uses(self, argument: str) -> bool:
        """Whether a signal that the loss looks at, or adds up as a term, needs an argument of the call."""
        signals = find_problem_type(self.problem_type).signals
        terms = self.architecture.get("terms")
        added_up = {name for name in signals if name in terms} if isinstance(terms, list | tuple) else set()
        return any(signals[name].argument == argument for name in added_up.union(*(s.looks_at for s in self.signals)))


def read_config(folder: Path) -> LossConfig:
    """Read and check ``folder/config.json``.

    Raises:
        ConfigError: it is missing, no JSON, of a newer schema, or breaks a rule (each named).
    """
    path = folder / FILE_NAME
    try:
        raw = read_json(path, LARGEST[FILE_NAME])
    except FileNotFoundError:
        raise ConfigError(f"no {FILE_NAME} in {folder}: a learned loss's folder has one. Is the path right?") from None
    version = raw.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ConfigError(
            f"{path} has schema {version}; this ml3zoo reads up to {SCHEMA_VERSION}. Run: pip install -U ml3zoo"
        )
    return parse(LossConfig, raw, str(path))


def families() -> list[str]:
    """The names of all families of losses, sorted: the files of ``ml3zoo/losses/families``."""
    found = pkgutil.iter_modules([str(Path(__file__).parent.with_name("losses") / "families")])
    return sorted(module.name for module in found)


def check_family(config: LossConfig) -> None:
    """See that this ml3zoo can build the loss.

    Raises:
        ConfigError: its family is unknown.
    """
    if config.family not in families():
        raise ConfigError(
            f"unknown family {config.family!r} in the config of {config.name}: this ml3zoo knows "
            f"{', '.join(families())}.{did_you_mean(config.family, families())} A newer ml3zoo may know it."
        )


def write_config(config: LossConfig, folder: Path) -> None:
    """Write ``folder/config.json`` in one piece, without fields that are None.

    Raises:
        ConfigError: it breaks a rule of its own.
    """
    given = {key: value for key, value in config.checked().builtins().items() if value is not None}
    text = to_json(given, f"the config of {config.name}")
    write_text(folder / FILE_NAME, text + "\n")


def parse_architecture(model: type[Model], config: LossConfig) -> Model:
    """The family's typed architecture out of ``config.architecture``.

    Raises:
        ConfigError: a key is unknown, missing or out of bounds.
    """
    return parse(model, config.architecture, f"architecture of {config.name}")


def _check_known(what: str, name: str, known: Iterable[str], problem_type: ProblemType) -> None:
    """Refuse a name that means nothing for losses of a problem type.

    Raises:
        ValueError: the name is not among those known.
    """
    if name not in (known := sorted(known)):
        raise ValueError(
            f"unknown {what} {name!r}: a {problem_type.name} loss has {', '.join(known)}.{did_you_mean(name, known)}"
        )
