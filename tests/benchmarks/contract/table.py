"""A row of the table: an item and its figure. What goes wrong is a figure too."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

LONGEST_ERROR = 60
PATIENCE = 300
"""Seconds that a process of its own may take."""


def heading(text: str) -> None:
    """The subject of the rows below."""
    print(f"{text}:", flush=True)


def row(item: str, measure: Callable[..., object], *arguments: object) -> None:
    """Measure an item and print it: what ``measure`` gives for the arguments."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(f"  {item:<82} {outcome(measure, *arguments)}", flush=True)


def outcome(measure: Callable[..., object], *arguments: object) -> str:
    """What it gives, or the error it ends with."""
    try:
        return str(measure(*arguments))
    except Exception as error:  # noqa: BLE001 (the error is what was measured)
        return failure(error)


def grouped(names: Iterable[str], measure: Callable[[str], object]) -> str:
    """The outcomes of several losses, each with the losses that have it, the most frequent first."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(outcome(measure, name), []).append(name)
    ranked = sorted(found.items(), key=lambda entry: -len(entry[1]))
    if len(ranked) == 1:
        return f"{ranked[0][0]} (all {len(ranked[0][1])})"
    return "; ".join(f"{text} ({', '.join(which)})" for text, which in ranked)


def failure(error: BaseException) -> str:
    """Type and beginning of an error; of one with causes, those of the first cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST_ERROR]}"


def takes(loss: nn.Module, argument: str) -> bool:
    """Whether a call of the loss has this argument."""
    return argument in inspect.signature(loss.forward).parameters


def in_a_process(code: str, ranks: int = 0) -> Any:
    """What a new Python process prints last, read as JSON; several processes that ``torchrun`` starts if ``ranks``."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--no-python", "--nproc-per-node", str(ranks)]
    command = [sys.executable, *([*launch, sys.executable] if ranks else []), "-c", code]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])
