"""Every command that README, docs and the card template name, run small: ``python -m tests.commands``.

A command runs as it is written, in a scratch folder, against a Hub on this machine: numbers are made small by options
of its own (``SMALL``), and names that stand for something are filled in (``FILLED``). What cannot be filled in, such as
a line that only shows a verb's usage, is checked against that verb's options.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import typer

from ml3zoo.cli import app
from tests.loopback import loopback_hub
from tests.machines import Machine
from tests.pages import FENCE, PAGES, ROOT, recipes

DOCUMENTS = (*PAGES, *(ROOT / "ml3zoo").rglob("*.md.j2"))
SMALL = {
    " --target ": "--epochs 1 --splits 2",
    " --env ": "--steps 2 --seeds 2",
    "ml3zoo apply policy-objective": "--steps 1024 --hyper n_steps=1024",
    "ml3zoo bench": "--quick",
    "ml3zoo train": "--quick",
    "ml3zoo.cli train": "--quick --out runs/by-two",
    "python -m tests.benchmarks": "--small",
}
"""Options that make a command small; of two that are the same the later one counts."""
FILLED = {
    "NAME": "sine-regression",
    "RECIPE": "./tiny_recipe.py",
    "DATA": "tests/data/diabetes.csv",
    "COLUMN": "target",
    "my-loss": "./tiny_recipe.py",
}
"""What stands for something else. ``my_recipe.py`` itself is trained in tests/test_tutorial.py."""
_MAKE = (" train ", "tests.data.")
"""What is in commands that make something for others to use."""
ELSEWHERE = {
    "set-up": ".ci/run",
    "tutorial": "tests/test_tutorial.py",
    "python -m pytest": ".ci/run",
    "ml3zoo bench --all": "tests/recipe/test_headlines.py",
    "torchrun --standalone --nproc-per-node 2 train_ddp.py": "tests/integrations/test_ddp.py",
    "torchrun --standalone --nproc-per-node 2 train_fsdp.py": "tests/integrations/test_fsdp.py",
    "torchrun --nnodes": "nobody: it takes several machines",
}
"""Marks of blocks and beginnings of commands, and who runs them."""

_SHELLS = {"", "bash", "sh", "shell", "console"}
_PROGRAM = re.compile(r"ml3zoo\s+\S|python3? -m \S|torchrun\s")
_UNFILLED = re.compile(r"^[A-Z_]+$|[<>…{}]|\.\.\.|\b(org|owner)/name")


@dataclass(frozen=True)
class Command:
    """A command as a document names it."""

    document: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.document})"

    @property
    def elsewhere(self) -> bool:
        """Whether something else than this file runs it."""
        return any(self.text.startswith(start) for start in ELSEWHERE)

    @cached_property
    def small(self) -> str:
        """How it runs here; empty if it only shows a usage."""
        text = re.sub(r"\[[^]]*\]", "", self.text)
        words = [FILLED.get(word, word) for word in shlex.split(text)]
        if any(_UNFILLED.search(word) for word in words) or self._incomplete(words):
            return ""
        line = shlex.join(words)
        return " ".join([line, *(o for program, o in SMALL.items() if program in line and o not in line)])

    def mistakes(self) -> list[str]:
        """What it asks of ``ml3zoo`` that is not there."""
        found = re.match(r"(?:ml3zoo|.*-m ml3zoo\.cli)\s+([a-z]\S*)(.*)", self.text)
        if not found:
            return []
        if found[1] not in VERBS:
            return [f"{self}: no verb {found[1]!r}"]
        known = {option for parameter in VERBS[found[1]].params for option in parameter.opts} | {"--help"}
        used = re.findall(r"(?<!\S)\[?(--[a-z-]+)", found[2])
        return [f"{self}: {found[1]} has no {option}" for option in used if option not in known]

    def _incomplete(self, words: list[str]) -> bool:
        """Whether an argument is missing that the verb needs: the command is only mentioned."""
        if words[0] != "ml3zoo" or words[1] not in VERBS:
            return False
        needed = [each for each in VERBS[words[1]].params if each.param_type_name == "argument" and each.required]
        return len([word for word in words[2:] if not word.startswith("-")]) < len(needed)


VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def commands() -> list[Command]:
    """All of them, each once, in the order of the documents."""
    found = (Command(path.name, text) for path in DOCUMENTS for text in _named_in(path.read_text(encoding="utf-8")))
    return list({command.text: command for command in found}.values())


def to_run() -> list[str]:
    """The small commands, each once; first those that make a loss for others to use.

    If all benchmarks run, none runs a second time by its name.
    """
    lines = {command.small: None for command in commands() if command.small and not command.elsewhere}
    benchmarks = "python -m tests.benchmarks"
    if f"{benchmarks} --small" in lines:
        lines = {line: None for line in lines if line == f"{benchmarks} --small" or not line.startswith(benchmarks)}
    return sorted(lines, key=lambda line: not _makes(line))


def _makes(line: str) -> bool:
    """Whether a command makes something for others to use."""
    return any(mark in line for mark in _MAKE)


def _named_in(text: str) -> Iterator[str]:
    """The commands in fenced blocks of a shell and in code spans; not those of marked blocks that run elsewhere."""
    for block in FENCE.finditer(text):
        if block["language"] in _SHELLS and block["mark"] not in ELSEWHERE:
            for line in block["code"].replace("\\\n", " ").splitlines():
                yield from _commands_of(line.removeprefix("$ "))
    for span in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)):
        yield from _commands_of(span)


def _commands_of(line: str) -> Iterator[str]:
    """The commands of a line, without comments."""
    for part in re.split(r"\s+#\s.*$|&&|;", line):
        if part and _PROGRAM.match(part.strip()):
            yield " ".join(part.split())


def _run(machine: Machine, scratch: Path, line: str) -> str:
    """Run a line; what went wrong, empty if nothing."""
    started = time.perf_counter()
    try:
        done = subprocess.run(shlex.split(line), capture_output=True, text=True, env=machine.environment, cwd=scratch)
    except FileNotFoundError as error:
        return f"{line}\ncannot start: {error}"
    print(f"  {time.perf_counter() - started:5.1f} s  {line}", flush=True)
    return (
        f"{line}\nended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}" if done.returncode else ""
    )


def main() -> None:
    """Run them, two at a time, what makes something for others first; end with 1 if one fails."""
    failures = [mistake for command in commands() for mistake in command.mistakes()]
    lines = to_run()
    stages = [[line for line in lines if _makes(line) is making] for making in (True, False)]
    with tempfile.TemporaryDirectory() as folder, loopback_hub() as hub:
        scratch = Path(folder)
        (scratch / "tests").symlink_to(ROOT / "tests")
        for name, recipe in recipes().items():
            (scratch / name).write_text(recipe, encoding="utf-8")
        shutil.copy(ROOT / "tests" / "data" / "tiny_recipe.py", scratch)
        machine = Machine(scratch / "home", hub.endpoint, token="hf_me")
        with ThreadPoolExecutor(2) as pool:
            for stage in stages:
                failures += filter(None, pool.map(partial(_run, machine, scratch), stage))
    if failures:
        sys.exit("\n\n".join(failures))


if __name__ == "__main__":
    main()
