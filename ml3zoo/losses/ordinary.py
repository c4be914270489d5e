"""Ordinary losses that learned ones are measured against, where torch has none."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MeanAbsoluteProbability(nn.Module):
    """Mean absolute error between probabilities and the label (Ghosh, Kumar, Sastry 2017): ``2 (1 - p)``."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from logits [points, classes] and class indices [points]."""
        return 2 * (1 - _probability(input, target)).mean()


class GeneralizedCrossEntropy(nn.Module):
    """``(1 - p^q) / q``, between cross-entropy (q near 0) and the mean absolute error (q = 1). Zhang, Sabuncu 2018."""

    def __init__(self, q: float) -> None:
        super().__init__()
        self.q = q

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from logits [points, classes] and class indices [points]."""
        return ((1 - _probability(input, target).clamp_min(1e-7) ** self.q) / self.q).mean()


class SymmetricCrossEntropy(nn.Module):
    """``alpha`` times cross-entropy plus ``beta`` times its reverse, with log 0 as -4. Wang et al. 2019."""

    def __init__(self, alpha: float, beta: float) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from logits [points, classes] and class indices [points]."""
        reverse = 4 * (1 - _probability(input, target)).mean()
        return self.alpha * F.cross_entropy(input, target) + self.beta * reverse


class FocalLoss(nn.Module):
    """``-(1 - p)^gamma log p``: easy points count less. Lin et al. 2017."""

    def __init__(self, gamma: float, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__()
        self.gamma, self.reduction = gamma, reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar, or the loss of each point, from logits [points, classes] and class indices [points]."""
        hard = (1 - _probability(input, target)).clamp_min(1e-7) ** self.gamma
        loss = hard * F.cross_entropy(input, target, reduction="none")
        return loss.mean() if self.reduction == "mean" else loss


class PartlyLabelled(nn.Module):
    """A loss for the points with a label, and another for those without one; these have a uniform target.

    Args:
        labelled: gives the loss of each point from logits and class indices; cross-entropy if None.
        entropy: weight of the entropy of predictions without a label (Grandvalet, Bengio 2005).
        balance: weight, within that, of the negative entropy of their mean (Krause, Perona, Gomes 2010).
        pseudo: weight of the cross-entropy to the model's likeliest class (Lee 2013).
        threshold: the probability of that class from which it counts.
    """

    def __init__(
        self,
        labelled: nn.Module | None = None,
        entropy: float = 0.0,
        balance: float = 0.0,
        pseudo: float = 0.0,
        threshold: float = 0.0,
    ) -> None:
        super().__init__()
        self.labelled = labelled or nn.CrossEntropyLoss(reduction="none")
        self.entropy, self.balance = entropy, balance
        self.pseudo, self.threshold = pseudo, threshold

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from logits [points, classes] and probabilities [points, classes]."""
        known = (target.amax(-1) > 1.5 / target.shape[-1]).to(input.dtype)
        loss = _mean(self.labelled(input, target.argmax(-1)), known)
        log_probabilities = input.log_softmax(-1)
        if self.entropy:
            loss = loss + self.entropy * self._information(log_probabilities, 1 - known)
        if self.pseudo:
            confidence = log_probabilities.amax(-1)
            sure = (confidence.detach().exp() >= self.threshold).to(input.dtype)
            loss = loss - self.pseudo * _mean(confidence * sure, 1 - known)
        return loss

    def _information(self, log_probabilities: Tensor, unknown: Tensor) -> Tensor:
        probabilities = log_probabilities.exp()
        entropy = -_mean((log_probabilities * probabilities).sum(-1), unknown)
        mean = _mean(probabilities, unknown[:, None])
        return entropy + self.balance * (mean * mean.clamp_min(1e-6).log()).sum()


class LogCosh(nn.Module):
    """``log cosh`` of the error over a scale: a smooth Huber loss."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from two tensors of one shape."""
        ratio = (input - target) / self.scale
        return self.scale**2 * (ratio + F.softplus(-2 * ratio) - torch.log(torch.tensor(2.0))).mean()


class GeneralRobustLoss(nn.Module):
    """Barron's general loss (2019), ``alpha`` its shape: 0 is Cauchy's, -2 Geman and McClure's, 1 Charbonnier's."""

    def __init__(self, alpha: float, scale: float) -> None:
        super().__init__()
        self.alpha, self.scale = alpha, scale

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from two tensors of one shape."""
        square = ((input - target) / self.scale) ** 2
        if self.alpha == 0:
            return self.scale**2 * (square / 2).log1p().mean()
        distance = abs(self.alpha - 2)
        power = (square / distance + 1) ** (self.alpha / 2)
        return self.scale**2 * (distance / self.alpha * (power - 1)).mean()


def _probability(input: Tensor, target: Tensor) -> Tensor:
    """Probability of the target's class, [points]."""
    return input.softmax(-1).gather(-1, target[:, None]).squeeze(-1)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Over the points with weight 1, [points, ...]; 0 if there are none."""
    return (values * weights).sum(0) / weights.sum().clamp_min(1)
