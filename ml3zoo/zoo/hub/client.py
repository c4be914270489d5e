"""The Hub's client, with its errors in ml3zoo's words."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from huggingface_hub import HfApi, constants, get_session
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

# the HTTP library differs between versions of the client; this is its base of all errors
from huggingface_hub.errors import HTTPError as TransportError  # type: ignore[attr-defined]

from ml3zoo.__version__ import __version__
from ml3zoo.errors import HubError, Ml3zooError, OutputError, UnknownNameError, UnreachableError
from ml3zoo.zoo.hub.deadline import Result, within
from ml3zoo.zoo.hub.reference import HubReference

TIMEOUT: float = constants.HF_HUB_DOWNLOAD_TIMEOUT
"""Seconds the Hub may take to begin its answer, 10 if the user says nothing. Not every call of the client obeys it."""
_DEADLINE = 2 * TIMEOUT
"""Seconds a call may take with all its retries, bytes apart."""
_SLOWEST = 50_000
"""Bytes a second that a connection must bring to be of use."""
_TRIES = logging.getLogger("huggingface_hub.utils._http")
"""Where the client tells of what it tries again."""
_CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.ENOTDIR}
_MESSAGES = {
    401: "the Hub does not accept your token. Log in again: hf auth login",
    403: "your token does not have the right to do this. Ask the owner, or log in with one that does: hf auth login",
    409: "it changed at the same time. Look at what is there now and try again",
    412: "somebody else changed it at the same time; nothing of yours was written. Look at it and try again",
    429: "the Hub asks to slow down. Wait a few minutes and try again",
}


def hub_api() -> HfApi:
    """A client with the user's own endpoint and token."""
    return HfApi(library_name="ml3zoo", library_version=__version__)


def reach() -> None:
    """Ask the Hub for nothing, once: raises at once where there is no network, which calls of the client try again."""
    get_session().head(constants.ENDPOINT)


def allowance(size: int) -> float:
    """Seconds a call may take that moves this many bytes."""
    return _DEADLINE + size / _SLOWEST


def ask(call: Callable[[], Result], reference: HubReference | None = None, *, seconds: float = _DEADLINE) -> Result:
    """What a call of the client returns, within its time and with its errors in ml3zoo's words.

    Args:
        call: calls the client and does nothing else: any error in it is blamed on the Hub.
        reference: what the call is about; the Hub as a whole if not given.
        seconds: when to give up.

    Raises:
        Ml3zooError: see ``_in_our_words``.
    """

    def patiently() -> Result:
        with _PATIENCE, _unwrapped():
            return call()

    with _in_our_words(reference):
        return within(seconds, patiently)


@contextmanager
def _in_our_words(reference: HubReference | None) -> Iterator[None]:
    """Turn whatever the client raises into one of ml3zoo's errors.

    Args:
        reference: what the call is about; the Hub as a whole if not given.

    Raises:
        UnknownNameError: no such repository, revision or file.
        UnreachableError: the Hub does not answer, or ``HF_HUB_OFFLINE`` is set.
        HubError: it refuses, or answers as no Hub would.
        OutputError: the cache cannot be written to.
    """
    where = str(reference or "the Hub")
    try:
        yield
    except Ml3zooError:
        raise
    except GatedRepoError as error:
        raise HubError(
            f"{where} is gated: its owner decides who may read it. Ask for access on its page and log in: hf auth login"
        ) from error
    except RepositoryNotFoundError as error:
        raise UnknownNameError(
            f"no repository {where} on the Hub that you may see. Is it spelled right? "
            "If it is private, log in: hf auth login"
        ) from error
    except RevisionNotFoundError as error:
        raise UnknownNameError(f"{where}: there is no such revision.") from error
    except LocalTokenNotFoundError as error:
        raise HubError("you are not logged in to the Hub. Run: hf auth login") from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
        raise _unreachable(where, error) from error
    except EntryNotFoundError as error:
        raise UnknownNameError(f"{where} lacks a file that a loss must have: {_first_line(error)}") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status >= 500:
            raise UnreachableError(f"{where}: the Hub has a fault (status {status}). Try again later.") from error
        raise HubError(f"{where}: {_MESSAGES.get(status, f'the Hub says {_first_line(error)}')}.") from error
    except OSError as error:
        if error.errno in _CANNOT_WRITE:
            raise OutputError(
                f"the Hub cache cannot be written to: {error.strerror}. Make room, or set HF_HOME to another place."
            ) from error
        raise _unreachable(where, error) from error
    except TransportError as error:
        raise _unreachable(where, error) from error
    except Exception as error:
        raise HubError(
            f"{where}: the answer is none that a Hub gives ({type(error).__name__}: {_first_line(error)}). "
            "Check HF_ENDPOINT and HF_TOKEN, and whether the network wants you to log in first."
        ) from error


def _is_no_warning(record: logging.LogRecord) -> bool:
    return record.levelno != logging.WARNING


class _Patience:
    """While any call is under way, the client waits at most ``TIMEOUT`` seconds for each answer to begin or go on.

    It does so quietly: what it tries again is nobody's business, and what fails in the end is raised. The client is
    shared by all threads of the process; when the last call ends, its own timeout and its messages are restored.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._before: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._calls == 0:
                self._before = get_session().timeout
                get_session().timeout = TIMEOUT
                _TRIES.addFilter(_is_no_warning)
            self._calls += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._calls -= 1
            if self._calls == 0:
                get_session().timeout = self._before
                _TRIES.removeFilter(_is_no_warning)


_PATIENCE = _Patience()


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Raise the cause of an error of an upload or download, which says what went wrong."""
    try:
        yield
    except RuntimeError as error:
        raise error.__cause__ or error from None
    except LocalEntryNotFoundError as error:
        raise (error.__cause__ if isinstance(error.__cause__, HfHubHTTPError) else error) from None


def _unreachable(where: str, error: Exception) -> UnreachableError:
    return UnreachableError(
        f"{where} cannot be reached ({_first_line(error)}). "
        "Check the network, HF_ENDPOINT and HF_HUB_OFFLINE, and try again."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
