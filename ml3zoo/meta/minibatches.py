"""Minibatches in epochs: which rows of its task each network sees at which step.

The order of rows in an epoch is a function of a task's seed and the epoch's number. So it is the same for all networks
on a task, whatever their loss, at whatever age a run is looked at; and nothing of it needs to be stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors

_SEED, _ROWS, _INDEX = "order_seed", "n_rows", "index"
_AT_ONCE = 64
"""Steps whose minibatches are drawn at once."""


def with_orders(tasks: Tasks, family: TaskFamily, generator: torch.Generator) -> Tasks:
    """Tasks with what their minibatches are drawn from: a seed and a number of rows each, both [tasks].

    Raises:
        InputError: no tensor of the family has a row axis.
    """
    if not family.rows:
        raise InputError(
            f"{type(family).__name__} has no rows to draw minibatches from: train on it with batch=None, or name the "
            "tensors of its data that have a row axis in its attribute rows."
        )
    # where a tensor is a view, taking rows of it would copy all of it at every step
    data = tasks.data | {name: tasks.data[name].contiguous() for name in family.rows}
    x = data[family.rows[0]]
    n, rows = x.shape[:2]
    seeds = torch.randint(2**31, (n,), generator=generator).to(x.device)
    return tasks._replace(data={_ROWS: torch.full((n,), rows, device=x.device), **data, _SEED: seeds})


def draw_rows(data: Tensors, age: Tensor, steps: int, batch: int) -> Iterator[Tensor]:
    """The rows of one step after the other, each [tasks, batch].

    Every epoch is a fresh permutation of a task's rows, cut into minibatches; what is left over is dropped, as by
    ``DataLoader(drop_last=True)``. Where a task has fewer rows than a minibatch, each minibatch is a permutation of
    all of them, then as much of another one as it takes to fill it.

    Args:
        data: of tasks ``with_orders``.
        age: steps done before, [tasks].
        steps: how many.
        batch: rows in a minibatch.

    Raises:
        InputError: the tasks have no orders.
    """
    if _SEED not in data:
        raise InputError(
            "these tasks have no orders of rows: draw the tasks of a minibatch run by InnerRun.sample instead of by "
            "the family's own."
        )
    first, seeds, rows = ([int(x) for x in each.tolist()] for each in (age, data[_SEED], data[_ROWS]))
    for done in range(0, steps, _AT_ONCE):
        count = min(_AT_ONCE, steps - done)
        tasks = zip(seeds, rows, first, strict=True)
        drawn = torch.stack([_of_task(seed, n, start + done, count, batch) for seed, n, start in tasks], 1)
        yield from drawn.to(age.device)


def take_rows(data: Tensors, names: tuple[str, ...], rows: Tensor) -> Tensors:
    """The data with a minibatch in place of all rows, and its rows as ``index``.

    The data as they are if ``rows`` [tasks, batch] has no column.
    """
    n, batch = rows.shape
    if not batch:
        return data
    found: Tensors = {_INDEX: rows}
    for name in names:
        x = data[name]
        each = (rows + x.shape[1] * torch.arange(n, device=rows.device, dtype=rows.dtype)[:, None]).flatten()
        found[name] = x.flatten(0, 1).index_select(0, each).view(n, batch, *x.shape[2:])
    return data | found


def _of_task(seed: int, rows: int, first: int, steps: int, batch: int) -> Tensor:
    """Minibatches of one task from a step on, [steps, batch]."""
    per_epoch = max(1, rows // batch)
    epochs = range(first // per_epoch, (first + steps - 1) // per_epoch + 1)
    start = first - epochs.start * per_epoch
    return torch.cat([_of_epoch(seed + epoch, rows, batch) for epoch in epochs])[start : start + steps]


def _of_epoch(seed: int, rows: int, batch: int) -> Tensor:
    """All minibatches of one epoch, [minibatches, batch]."""
    generator = torch.Generator().manual_seed(seed)
    permutations = [
        torch.randperm(rows, generator=generator, dtype=torch.int32) for _ in range(math.ceil(batch / rows))
    ]
    order = torch.cat(permutations)
    return order[: max(1, rows // batch) * batch].view(-1, batch)
