"""The command line as a user runs it, and the table that tests apply losses to.

``installed`` runs the installed script. ``start`` and ``ml3zoo`` do all that it does in a process of its own too, but
fork that process from one that has imported torch already: importing it takes longer than most commands.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

SCRIPT = Path(sys.executable).with_name("ml3zoo")
DIABETES = Path(__file__).parent / "data" / "diabetes.csv"
TIMEOUT = 300.0
FORKS = multiprocessing.get_context("forkserver")
# One for all tests, as there is one forkserver a process. It must import nothing that reads the environment when it is
# imported, as huggingface_hub does.
FORKS.set_forkserver_preload(["torch", "safetensors.torch", "msgspec", "typer", "jinja2"])


@dataclass(frozen=True)
class Running:
    """A command that runs in a process forked from a warm one; used as ``subprocess.Popen`` is."""

    args: Sequence[str]
    process: BaseProcess
    folder: tempfile.TemporaryDirectory[str]

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def communicate(self, timeout: float = TIMEOUT) -> tuple[str, str]:
        """What it wrote to stdout and stderr, once it has ended."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            raise subprocess.TimeoutExpired(self.args, timeout)
        with self.folder:
            out, err = ((Path(self.folder.name) / name).read_text() for name in ("out", "err"))
        return out, err


def start(*command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Running:
    """Start ``ml3zoo ...`` or ``python [-W error] -c CODE ...``.

    Args:
        command: its words.
        env: all environment variables; this process's own if not given.
        cwd: working directory; this process's own if not given.
    """
    words = [*map(str, command)]
    folder = tempfile.TemporaryDirectory()
    place = (dict(env or os.environ), str(cwd or Path.cwd()), folder.name)
    process = FORKS.Process(target=_work, args=(words, *place), daemon=True)
    process.start()
    return Running(words, process, folder)


def ml3zoo(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``ml3zoo`` to its end, without a Hub."""
    return finished(start("ml3zoo", *arguments, env=_offline(), cwd=cwd))


def installed(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same by the installed script."""
    command = [SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=TIMEOUT, env=_offline())


def finished(running: Running, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """A command's result, once it has ended."""
    out, err = running.communicate(timeout)
    assert running.returncode is not None
    return subprocess.CompletedProcess(running.args, running.returncode, out, err)


def _offline() -> dict[str, str]:
    return os.environ | {"HF_HUB_OFFLINE": "1"}


def _work(words: list[str], environment: dict[str, str], cwd: str, folder: str) -> None:
    """Be the command."""
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    _PROGRAMS[words[0]](words[1:])


def _ml3zoo(arguments: list[str]) -> None:
    sys.argv = ["ml3zoo", *arguments]
    from ml3zoo.cli import main

    main()


def _python(arguments: list[str]) -> None:
    if arguments[:2] == ["-W", "error"]:
        warnings.simplefilter("error")
        arguments = arguments[2:]
    option, code, *more = arguments
    assert option == "-c"
    sys.argv = [option, *more]
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})


_PROGRAMS: dict[str, Callable[[list[str]], None]] = {"ml3zoo": _ml3zoo, "python": _python}
