"""A test's hold on a loopback Hub that runs as a process of its own."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .faults import Fault
from .hub import LogEntry

_ROOT = Path(__file__).parents[2]
_TIMEOUT = 30


@dataclass(frozen=True)
class RawFile:
    """A file to put on the Hub, with what metadata shall claim of it.

    Attributes:
        lfs: serve it as an LFS file; as ``.gitattributes`` says if None.
        size: bytes in listings and, if LFS, in ``X-Linked-Size``; the truth if None.
        oid: sha256 (LFS) or git blob hash in listings and ``ETag``; the truth if None.
    """

    data: bytes
    lfs: bool | None = None
    size: int | None = None
    oid: str | None = None


@dataclass(frozen=True)
class LoopbackHub:
    """A running loopback Hub.

    Attributes:
        endpoint: for ``HF_ENDPOINT`` or ``endpoint=``.
    """

    endpoint: str
    process: subprocess.Popen[str]

    def faults(self, faults: Sequence[Fault]) -> None:
        """Have these go wrong from now on, in place of those set before; the first that matches is taken."""
        self._control("faults", [asdict(fault) for fault in faults])

    def log(self) -> list[LogEntry]:
        """Requests since the last call, the tests' own left out."""
        return [LogEntry(**entry) for entry in self._control("log", None)]

    def put(
        self,
        repo: str,
        files: Mapping[str, bytes | RawFile],
        *,
        private: bool = False,
        siblings: list[Any] | None = None,
        tree: list[Any] | None = None,
    ) -> str:
        """Add files to a repository's main branch as one commit, past all checks.

        Args:
            repo: ``"org/name"``; made if it does not exist.
            files: path, however hostile -> content.
            private: if the repository is made.
            siblings: JSON for ``model_info`` to list at this commit instead of the true files.
            tree: the same for ``list_repo_tree``, and thereby for ``snapshot_download``.

        Returns:
            The commit's hash.
        """
        raw = {path: file if isinstance(file, RawFile) else RawFile(file) for path, file in files.items()}
        listed = [
            {"path": path, "content": _text(file.data), "lfs": file.lfs, "size": file.size, "oid": file.oid}
            for path, file in raw.items()
        ]
        asked = {"repo": repo, "files": listed, "private": private, "siblings": siblings, "tree": tree}
        commit: str = self._control("put", asked)["commitOid"]
        return commit

    def environment(self, home: Path, token: str | None = None) -> dict[str, str]:
        """Environment of a process whose client talks to this Hub, and to it alone.

        Args:
            home: for its cache; what the user has is neither read nor written.
            token: logged in with; not at all if None.
        """
        return client_environment(self.endpoint, home, token or "")

    def stop(self) -> None:
        """End the process. Connections break, new ones are refused."""
        self.process.terminate()
        self.process.wait(_TIMEOUT)

    def _control(self, what: str, value: Any) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=_TIMEOUT)
        try:
            connection.request("POST", f"/_control/{what}", json.dumps(value))
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(f"the loopback Hub says {response.status}: {answer}")
        return answer


def client_environment(endpoint: str, home: Path, token: str = "") -> dict[str, str]:
    """Environment of a process whose client talks to one Hub; empty ``token``: as nobody."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    login = {"HF_TOKEN": token} if token else {}
    return {
        **inherited,
        **login,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }


@contextmanager
def loopback_hub(*, page_size: int = 1000) -> Iterator[LoopbackHub]:
    """Start a loopback Hub on a free port; it is ended with the block.

    Args:
        page_size: models a page of a listing holds at most.

    Raises:
        RuntimeError: it did not start.
    """
    command = [sys.executable, "-m", "tests.loopback", "--port", "0", "--page-size", str(page_size), "--with-parent"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        if not endpoint:
            raise RuntimeError(f"the loopback Hub ended with status {process.wait(_TIMEOUT)}")
        hub = LoopbackHub(endpoint, process)
        try:
            yield hub
        finally:
            hub.stop()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
