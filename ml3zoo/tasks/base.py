"""What meta-training needs to know of a family of tasks."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

Split = Literal["train", "valid", "test"]
Tensors = dict[str, Tensor]


class Tasks(NamedTuple):
    """A batch of tasks: plain tensors, each with a leading task axis.

    Attributes:
        data: what the loss and the objective are computed from.
        initial: parameters of the networks before training.
        buffers: their running statistics before training, for networks that have any, as of batch normalisation.
    """

    data: Tensors
    initial: Tensors
    buffers: Tensors = {}  # noqa: RUF012 - nobody writes into it

    def pick(self, which: slice | Tensor, device: torch.device | None = None) -> Tasks:
        """Some of the tasks, by place or by their numbers, on a device if one is given."""
        return Tasks(*({name: x[which].to(device) for name, x in part.items()} for part in self))

    def repeat(self, times: int) -> Tasks:
        """The same tasks ``times`` over, the whole batch after itself."""
        return Tasks(*({name: x.repeat(times, *[1] * (x.dim() - 1)) for name, x in part.items()} for part in self))


class TaskFamily(Protocol):
    """A distribution of tasks for one optimizee. All methods but ``sample`` and ``learned`` are pure and see one task.

    Families inherit from it: the objective is also the metric and the selection metric unless they say otherwise.

    Attributes:
        rows: the tensors of data that have an axis of rows after the one of tasks, [tasks, rows, ...]. In minibatch
            runs ``loss_arguments`` sees a minibatch of them and ``objective`` and the metrics see them whole. None by
            default: full batch only. Where tasks have fewer rows than others, ``data["n_rows"]`` [tasks] says how many.
    """

    rows: ClassVar[tuple[str, ...]] = ()

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """Draw n tasks of a split, all noise and all initial parameters included. Splits never share a task."""
        ...

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """The arguments of a loss, for one task: ``input``, ``target``, and ``feature`` if it may look at the input.

        ``params`` holds the network's buffers too, if it has any; its layers may write into them. In ``objective`` and
        the metrics the network is in evaluation mode and leaves them alone.
        """
        ...

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """The true objective of meta-training for one task: a scalar, lower is better, with a useful gradient."""
        ...

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """The measured and reported number of one task: a scalar, lower is better; not finite if the run diverged."""
        return self.objective(params, data)

    def selection_metric(self, params: Tensors, data: Tensors) -> Tensor:
        """What a user who trains on this task can choose runs by: a scalar, lower is better."""
        return self.metric(params, data)

    def learned(self) -> Tensors:
        """Tensors that were fitted before meta-training, as of a model of the dynamics; none by default.

        They are the family's own, not copies: who writes into them changes the family.
        """
        return {}

    def move(self, device: torch.device) -> None:
        """Move the learned tensors to a device."""
        return
