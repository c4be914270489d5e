"""The processes that share a meta-training and its evaluation, as ``torchrun`` starts them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed

from ml3zoo.errors import RankError
from ml3zoo.tasks.base import Tensors

Value = TypeVar("Value")
_PATIENCE = timedelta(hours=3)
"""How long a process waits for another one: as long as the slowest setup of an evaluation may take."""


@dataclass(frozen=True)
class Ranks:
    """One process among those that share the work; by default it is alone."""

    rank: int = 0
    world: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and shows progress."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """The process's part of n tasks; parts differ by one task at most."""
        return slice(n * self.rank // self.world, n * (self.rank + 1) // self.world)

    def weighted_mean(self, values: Tensors, weight: int) -> Tensors:
        """Mean of tensors over ranks.

        Args:
            values: of this rank.
            weight: of this rank.

        Raises:
            RankError: another process has ended.
        """
        if self.world == 1 or not values:
            return values
        like = next(iter(values.values()))
        sums = self._sum({name: weight * value for name, value in values.items()} | {"": like.new_tensor(weight)})
        return {name: sums[name] / sums[""] for name in values}

    def gather(self, values: Tensors, n: int) -> Tensors:
        """The tensors of all n tasks, on every rank, from each rank's share of them."""
        if self.world == 1 or not values:
            return values
        whole = {name: value.new_zeros(n, *value.shape[1:]) for name, value in values.items()}
        for name, value in values.items():
            whole[name][self.share(n)] = value
        return self._sum(whole)

    def exchange(self, value: Value) -> list[Value]:
        """The values of all ranks, on every rank.

        Raises:
            RankError: another process has ended.
        """
        if self.world == 1:
            return [value]
        values = [value] * self.world
        with self._reaching_others():
            distributed.all_gather_object(values, value)
        return values

    def _sum(self, values: Tensors) -> Tensors:
        """Sum over ranks, in one exchange for each data type."""
        sums = dict(values)
        for dtype in dict.fromkeys(value.dtype for value in values.values()):
            alike = {name: value for name, value in values.items() if value.dtype == dtype}
            flat = torch.cat([value.flatten() for value in alike.values()])
            with self._reaching_others():
                distributed.all_reduce(flat)
            parts = torch.split(flat, [value.numel() for value in alike.values()])
            sums |= {name: part.view_as(value) for (name, value), part in zip(alike.items(), parts, strict=True)}
        return sums

    @contextmanager
    def _reaching_others(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise RankError(
                f"rank {self.rank} cannot reach the other processes: one of them has ended, or has been busy for more "
                f"than {_PATIENCE.seconds // 3600} hours. Its own message says why; start all of them again with "
                "--resume."
            ) from error


@contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """The ranks that ``torchrun`` describes in the environment, each on a GPU of its own where there are GPUs.

    Without it: one process alone, on the CPU.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield Ranks()
        return
    gpus = torch.cuda.device_count()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % gpus) if gpus else torch.device("cpu")
    if gpus:
        torch.cuda.set_device(device)
    # torch.distributed.nn binds the default group that exists when it is imported. If the compiler imported it later,
    # that reference would keep the group and its threads alive until the interpreter exits, which aborts.
    importlib.import_module("torch.distributed.nn")
    distributed.init_process_group("nccl" if gpus else "gloo", timeout=_PATIENCE)
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()
