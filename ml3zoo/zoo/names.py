"""A name -> a folder. Needs no torch, and no network for what is bundled, cached or a path."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ml3zoo.errors import HubError, UnknownNameError, did_you_mean
from ml3zoo.format.config import FILE_NAME, LossConfig, read_config
from ml3zoo.format.results import read_results
from ml3zoo.zoo.hub.reference import SCHEME, HubReference, official, parse_reference
from ml3zoo.zoo.verdicts import Recommendation, recommend


def bundled_zoo() -> Path:
    """The folder of the losses that ship with the package."""
    spec = importlib.util.find_spec("ml3zoo.cards")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def list_losses(pattern: str = "*") -> list[str]:
    """Names of the bundled losses that match a shell pattern, sorted."""
    names = (file.parent.name for file in bundled_zoo().glob(f"[!.]*/{FILE_NAME}"))
    return sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))


class Location(NamedTuple):
    """Where a loss is. Resolve a name once and pass this on: what an unpinned name on the Hub means can change.

    Attributes:
        folder: holds its files.
        source: repository and commit it was pulled from; None if it is not from the Hub.
    """

    folder: Path
    source: HubReference | None = None


def locate(name: str | Path) -> Location:
    """The folder a name stands for; what is on the Hub is pulled.

    Args:
        name: a loss of the zoo (``"sine-regression"``: the bundled copy, else the official zoo on the Hub), a
            reference to the Hub (``"hf://org/name@revision"``), or a folder (``"./my-loss"``; anything else with a
            slash is a path).

    Raises:
        UnknownNameError: there is no such loss or folder.
        Ml3zooError: it cannot be pulled; see ``ml3zoo.zoo.hub.pull.pull_loss``.
    """
    text = str(name)
    if text.startswith(SCHEME):
        return _pull(parse_reference(text))
    if is_path(name):
        if not Path(name).is_dir():
            raise UnknownNameError(f"no folder {text}: a path to a loss's folder was expected. Run: ml3zoo list")
        return Location(Path(name))
    if text in list_losses():
        return Location(bundled_zoo() / text)
    if (Path(text) / FILE_NAME).is_file():
        raise UnknownNameError(
            f"no loss named {text!r} in the zoo, but a folder: did you mean ./{text}? A path has a slash in it."
        )
    return _pull_official(text)


def is_path(name: str | Path) -> bool:
    """Whether a name is read as the path of a folder."""
    text = str(name)
    return isinstance(name, Path) or (("/" in text or text in {".", ".."}) and not text.startswith(SCHEME))


def resolve(name: str | Path) -> Path:
    """The folder a name stands for: see ``locate``."""
    return locate(name).folder


def _pull(reference: HubReference) -> Location:
    from ml3zoo.zoo.hub.pull import pull_loss

    pulled = pull_loss(reference)
    return Location(pulled.folder, pulled.reference)


def _pull_official(name: str) -> Location:
    unknown = f"no loss named {name!r} in the zoo.{did_you_mean(name, list_losses())} Run: ml3zoo list"
    try:
        return _pull(official(name))
    except UnknownNameError as error:
        raise UnknownNameError(unknown) from error
    except HubError as error:
        typo = did_you_mean(name, list_losses())
        why = "The Hub could not be asked whether it has one." if typo else f"It is not bundled, and {error}"
        raise UnknownNameError(f"{unknown} ({why})") from error


@dataclass(frozen=True)
class LossDescription:
    """All that is known of a loss without loading it.

    Attributes:
        config: what it is.
        location: where it is.
        headline: its main result; empty if it was not measured.
        recommendation: what it is for, what it brings and where it loses; None if it was not measured.
        use: the call that loads it.
        call: how it is called once it is loaded.
    """

    config: LossConfig
    location: Location
    headline: str
    recommendation: Recommendation | None
    use: str
    call: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it: the config's fields and the others beside them."""
        source, environment = self.location.source, self.config.environment
        return {
            **self.config.builtins(),
            "folder": str(self.location.folder),
            "headline": self.headline,
            "recommendation": asdict(self.recommendation) if self.recommendation else None,
            "source": str(source) if source else None,
            "author": source.owner if source else None,
            "use": self.use,
            "call": self.call,
            "environment_summary": str(environment) if environment else None,
        }


def describe(name: str | Path) -> LossDescription:
    """Read all that is known of a loss without loading it.

    Raises:
        UnknownNameError: there is no such loss or folder.
        ConfigError: its config or its results cannot be read.
        HubError: it has to come from the Hub, which refuses or cannot be reached.
    """
    location = locate(name)
    config = read_config(location.folder)
    results = read_results(location.folder)
    headline = results.headline if results else ""
    recommendation = recommend(config, results) if results else None
    use = usage(location.source or name, config)
    return LossDescription(config, location, headline, recommendation, use, call(config))


def usage(name: str | Path | HubReference, config: LossConfig) -> str:
    """The call that loads a loss by a name, a reference or a folder."""
    text = f"./{name}" if isinstance(name, Path) and not name.is_absolute() else str(name)
    steps = f", total_steps={config.inner.steps}" if config.uses_progress else ""
    counts = ", class_counts=torch.bincount(target)" if config.uses_class_counts else ""
    return f"load_loss({json.dumps(text, ensure_ascii=False)}{steps}{counts})"


def call(config: LossConfig) -> str:
    """How the loss is called once it is loaded."""
    return f"loss(prediction, target{', feature=feature' if config.uses_feature else ''})"
