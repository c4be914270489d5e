"""A model of an environment's dynamics: an ensemble of probabilistic networks, fitted to observed steps.

Source: Chua et al. 2018 (ensembles of networks that predict a mean and a variance).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_LOG_STD_BOUNDS = -4.0, 0.5
"""Of the predicted standard deviation, in scales of a change."""


class Ensemble(nn.Module):
    """Networks that predict the changes of a state in a step; each is a linear map plus one hidden layer.

    Args:
        inputs: how many numbers they see.
        changes: how many changes they predict.
        members: number of networks.
        hidden: units of each.
    """

    middle: Tensor
    spread: Tensor
    change: Tensor

    def __init__(self, inputs: int, changes: int, members: int = 5, hidden: int = 32) -> None:
        super().__init__()
        self.members, self.hidden = members, hidden
        self.straight = nn.Parameter(torch.zeros(members, inputs, 2 * changes))
        self.inward = nn.Parameter(torch.zeros(members, inputs, hidden))
        self.bend = nn.Parameter(torch.zeros(members, 1, hidden))
        self.outward = nn.Parameter(torch.zeros(members, hidden, 2 * changes))
        self.bias = nn.Parameter(torch.zeros(members, 1, 2 * changes))
        self.register_buffer("middle", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.register_buffer("change", torch.ones(changes))
        self.reset_parameters(torch.Generator().manual_seed(0))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of the changes, in the changes' own scales.

        Args:
            inputs: [n, inputs], or [members, n, inputs].

        Returns:
            Two tensors [members, n, changes].
        """
        seen = (inputs - self.middle) / self.spread
        unit = torch.tanh(seen @ self.inward + self.bend)
        mean, width = (seen @ self.straight + unit @ self.outward + self.bias).chunk(2, -1)
        low, high = _LOG_STD_BOUNDS
        return mean, low + (high - low) * torch.sigmoid(width)

    def predict(self, inputs: Tensor, member: Tensor) -> Tensor:
        """The mean change by one member for each point.

        Args:
            inputs: [..., inputs].
            member: its index, [...].

        Returns:
            [..., changes].
        """
        chosen = (member[..., None] == torch.arange(self.members, device=member.device)).to(inputs.dtype)
        seen = (inputs - self.middle) / self.spread
        inward, straight = (p.permute(1, 0, 2).flatten(1) for p in (self.inward, self.straight))
        unit = self._by_member(torch.tanh(seen @ inward + self.bend.flatten()))
        means = (unit * chosen[..., None]).flatten(-2) @ self.outward.flatten(0, 1)
        means = means + chosen @ self.bias[:, 0]
        means = means + (self._by_member(seen @ straight) * chosen[..., None]).sum(-2)
        expected: Tensor = means.chunk(2, -1)[0] * self.change
        return expected

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Fresh random weights for each member; scales of 1."""
        for p in (*self.parameters(), self.middle):
            p.zero_()
        for scale in self.spread, self.change:
            scale.fill_(1)
        for p, size in (self.inward, 1.0), (self.outward, 0.1):
            p.copy_(torch.randn(p.shape, generator=generator) * size / math.sqrt(p.shape[1]))

    @torch.no_grad()
    def start_linear(self, inputs: Tensor, change: Tensor) -> None:
        """Put the least-squares map from inputs [n, inputs] to change [n, changes] into every member.

        If there are several, the smallest, by singular values: reproducible, which a pivoted solution is not.
        """
        seen = (inputs - self.middle) / self.spread
        design = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        solution = torch.linalg.lstsq(design, change / self.change, driver="gelsd").solution
        changes = change.shape[1]
        self.straight[..., :changes] = solution[:-1]
        self.bias[..., :changes] = solution[-1]

    def _by_member(self, values: Tensor) -> Tensor:
        """Values [..., members * n] as [..., members, n]."""
        return values.reshape(*values.shape[:-1], self.members, -1)


@dataclass(frozen=True)
class Fit:
    """How an ensemble is fitted.

    Attributes:
        iterations: updates of Adam.
        batch: points of each update, drawn with replacement for every member separately.
        lr: at the beginning; it decays to zero.
    """

    iterations: int = 1500
    batch: int = 256
    lr: float = 5e-3

    def __call__(self, ensemble: Ensemble, inputs: Tensor, change: Tensor, generator: torch.Generator) -> float:
        """Fit by maximum likelihood.

        Args:
            ensemble: fitted in place; its linear maps begin at least squares.
            inputs: [n, inputs].
            change: [n, changes].
            generator: of the batches.

        Returns:
            Root mean square of the error of the members' mean, in scales of a change.
        """
        ensemble.middle.copy_(inputs.mean(0))
        ensemble.spread.copy_(inputs.std(0).clamp_min(1e-6))
        ensemble.change.copy_(change.square().mean(0).sqrt().clamp_min(1e-6))
        ensemble.start_linear(inputs, change)
        optimizer = torch.optim.Adam(ensemble.parameters(), self.lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.iterations)
        for _ in range(self.iterations):
            drawn = torch.randint(len(inputs), (ensemble.members, self.batch), generator=generator)
            mean, width = ensemble(inputs[drawn])
            error = (mean - change[drawn] / ensemble.change) / width.exp()
            optimizer.zero_grad()
            (0.5 * error.square() + width).mean().backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            error = ensemble(inputs)[0].mean(0) - change / ensemble.change
            return float(error.square().mean().sqrt())
