"""Every error a user can cause, in one tree.

    Ml3zooError
    ├── UnknownNameError      no loss, recipe or file of that name
    ├── InputError            an argument or tensor of no use       (also a ValueError)
    ├── ConfigError           a config or results that cannot be read or written
    ├── IntegrityError        files that are not what the config says they are
    ├── DataError             a table that cannot be learned from
    ├── HubError              what the Hugging Face Hub refuses
    │   └── UnreachableError  the Hub does not answer, or must not be asked
    ├── OutputError           a place that cannot be written to
    │   └── UnsavedError      what was found is here, but could not be saved
    ├── CheckpointError       a checkpoint that does not belong to this run
    ├── RankError             another process of the same meta-training has ended
    └── MissingPackageError   a package not installed               (also an ImportError)
        └── MissingExtraError an optional one of ml3zoo's own

Each message says what was got, what was expected, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class Ml3zooError(Exception):
    """Base of every error that ml3zoo raises on a user's mistake."""


class UnknownNameError(Ml3zooError):
    """No loss, recipe or file of that name."""


class InputError(Ml3zooError, ValueError):
    """An argument or tensor of no use: out of range, or of a wrong type or shape."""


class ConfigError(Ml3zooError):
    """A config or results that cannot be read or written, or that break a rule."""


class IntegrityError(Ml3zooError):
    """Files that are not what the config says they are."""


class DataError(Ml3zooError):
    """A table that cannot be learned from."""


class HubError(Ml3zooError):
    """What the Hugging Face Hub refuses."""


class UnreachableError(HubError):
    """The Hub does not answer, or must not be asked."""


class OutputError(Ml3zooError):
    """A place that cannot be written to."""


class UnsavedError(OutputError):
    """What was found could not be saved; it is in ``report``."""

    def __init__(self, message: str, report: Any) -> None:
        super().__init__(message)
        self.report = report


class CheckpointError(Ml3zooError):
    """A checkpoint that does not belong to this run."""


class RankError(Ml3zooError):
    """Another process of the same meta-training has ended."""


class MissingPackageError(Ml3zooError, ImportError):
    """A package that is not installed."""

    def __init__(self, purpose: str, install: str) -> None:
        super().__init__(f"{purpose} needs packages that are not installed. Run: {install}")


class MissingExtraError(MissingPackageError):
    """An optional package that is not installed, named by an extra of ml3zoo."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(purpose, f"pip install 'ml3zoo[{extra}]'")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint such as ``Did you mean 'a' or 'b'?``, empty if nothing is close."""
    written = {each.lower(): each for each in known}
    lower = name.lower()
    near = difflib.get_close_matches(lower, written, n=3, cutoff=0.5) or [each for each in written if lower in each][:3]
    close = [written[each] for each in near]
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
