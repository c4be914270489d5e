"""How meta-training and evaluation use the machine: one thread, and freed memory reused."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Parameters of glibc's ``mallopt`` (malloc.h)."""


@contextmanager
def reproducible_compute() -> Iterator[None]:
    """One thread, so that sums have the same order everywhere; freed memory stays in the process for the next step."""
    threads = torch.get_num_threads()
    _keep_freed_memory()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _keep_freed_memory() -> None:
    """Ask glibc to reuse freed memory instead of giving it back to the system; does nothing elsewhere.

    Page faults on fresh memory otherwise take more than half of an inner run's time.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, 2**30)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_TOP_PAD, 2**26)
