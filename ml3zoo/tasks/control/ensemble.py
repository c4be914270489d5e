"""A model of a world's dynamics: an ensemble of probabilistic networks, fitted to what was met.

Source: Chua et al. 2018 (ensembles of networks that predict a mean and a variance).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_CALMEST, _WILDEST = -4.0, 0.5
"""Bounds of the predicted log standard deviation, in scales of a change."""


class Ensemble(nn.Module):
    """Networks that predict how numbers change in a step, each from what it is given: a linear map and a hidden layer.

    Args:
        given: numbers they see.
        changing: numbers whose change they predict.
        members: of the ensemble.
        hidden: units of each.
    """

    middle: Tensor
    spread: Tensor
    change: Tensor

    def __init__(self, given: int, changing: int, members: int = 5, hidden: int = 32) -> None:
        super().__init__()
        self.members, self.hidden = members, hidden
        self.straight = nn.Parameter(torch.zeros(members, given, 2 * changing))
        self.inward = nn.Parameter(torch.zeros(members, given, hidden))
        self.bend = nn.Parameter(torch.zeros(members, 1, hidden))
        self.outward = nn.Parameter(torch.zeros(members, hidden, 2 * changing))
        self.bias = nn.Parameter(torch.zeros(members, 1, 2 * changing))
        self.register_buffer("middle", torch.zeros(given))
        self.register_buffer("spread", torch.ones(given))
        self.register_buffer("change", torch.ones(changing))
        self.reset_parameters(torch.Generator().manual_seed(0))

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of the change in its own scale, [members, n, changing], of given [n, given].

        Given may as well be [members, n, given].
        """
        seen = (given - self.middle) / self.spread
        unit = torch.tanh(seen @ self.inward + self.bend)
        mean, width = (seen @ self.straight + unit @ self.outward + self.bias).chunk(2, -1)
        return mean, _CALMEST + (_WILDEST - _CALMEST) * torch.sigmoid(width)

    def predict(self, given: Tensor, member: Tensor) -> Tensor:
        """The change that one member expects.

        Args:
            given: [..., given].
            member: which, as numbers [...].

        Returns:
            [..., changing].
        """
        chosen = (member[..., None] == torch.arange(self.members, device=member.device)).to(given.dtype)
        seen = (given - self.middle) / self.spread
        inward, straight = (p.permute(1, 0, 2).flatten(1) for p in (self.inward, self.straight))
        unit = self._by_member(torch.tanh(seen @ inward + self.bend.flatten()))
        means = (unit * chosen[..., None]).flatten(-2) @ self.outward.flatten(0, 1)
        means = means + chosen @ self.bias[:, 0]
        means = means + (self._by_member(seen @ straight) * chosen[..., None]).sum(-2)
        expected: Tensor = means.chunk(2, -1)[0] * self.change
        return expected

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Forget everything; the weights of members are drawn anew, each for itself."""
        for p in (*self.parameters(), self.middle):
            p.zero_()
        for scale in self.spread, self.change:
            scale.fill_(1)
        for p, size in (self.inward, 1.0), (self.outward, 0.1):
            p.copy_(torch.randn(p.shape, generator=generator) * size / math.sqrt(p.shape[1]))

    @torch.no_grad()
    def start_straight(self, given: Tensor, change: Tensor) -> None:
        """Put the least-squares map from given [n, given] to change [n, changing] into every member.

        Of several such maps the smallest, by singular values: the same each time, which a pivoted solution is not.
        """
        seen = (given - self.middle) / self.spread
        design = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        solution = torch.linalg.lstsq(design, change / self.change, driver="gelsd").solution
        changing = change.shape[1]
        self.straight[..., :changing] = solution[:-1]
        self.bias[..., :changing] = solution[-1]

    def _by_member(self, values: Tensor) -> Tensor:
        """Values [..., members * n] as [..., members, n]."""
        return values.reshape(*values.shape[:-1], self.members, -1)


@dataclass(frozen=True)
class Fit:
    """How an ensemble is fitted.

    Attributes:
        iterations: updates of Adam.
        batch: points of each update, drawn with replacement for every member on its own.
        lr: at the beginning; it falls to nothing.
    """

    iterations: int = 1500
    batch: int = 256
    lr: float = 5e-3

    def __call__(self, ensemble: Ensemble, given: Tensor, change: Tensor, generator: torch.Generator) -> float:
        """Fit by the likelihood of what was met.

        Args:
            ensemble: fitted in place; its linear maps begin at the least squares of everything.
            given: [n, given].
            change: [n, changing].
            generator: of the batches.

        Returns:
            Root mean square of the error of the members' mean, in scales of a change.
        """
        ensemble.middle.copy_(given.mean(0))
        ensemble.spread.copy_(given.std(0).clamp_min(1e-6))
        ensemble.change.copy_(change.square().mean(0).sqrt().clamp_min(1e-6))
        ensemble.start_straight(given, change)
        optimizer = torch.optim.Adam(ensemble.parameters(), self.lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.iterations)
        for _ in range(self.iterations):
            drawn = torch.randint(len(given), (ensemble.members, self.batch), generator=generator)
            mean, width = ensemble(given[drawn])
            error = (mean - change[drawn] / ensemble.change) / width.exp()
            optimizer.zero_grad()
            (0.5 * error.square() + width).mean().backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            error = ensemble(given)[0].mean(0) - change / ensemble.change
            return float(error.square().mean().sqrt())
