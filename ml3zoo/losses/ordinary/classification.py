"""Ordinary losses of classes, most of them made for wrong labels; p is the probability of the given label.

All of them are computed from log-probabilities, so that values and gradients stay finite at any logits.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from ml3zoo.errors import InputError


class ClassLoss(nn.Module, ABC):
    """A loss that each point has by itself.

    Args:
        reduction: the mean over points, or the loss of each.
    """

    def __init__(self, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar, or the loss of each point, from logits [points, classes] and class indices [points]."""
        loss = self.of_points(input, target)
        return loss.mean() if self.reduction == "mean" else loss

    @abstractmethod
    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of each point, [points], from logits [points, classes] and class indices [points]."""


class MeanAbsoluteProbability(ClassLoss):
    """Mean absolute error between probabilities and the label (Ghosh, Kumar, Sastry 2017): ``2 (1 - p)``."""

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        return 2 * (1 - _log_probability(input, target).exp())


class GeneralizedCrossEntropy(ClassLoss):
    """``(1 - p^q) / q``, between cross-entropy (q near 0) and the mean absolute error (q = 1). Zhang, Sabuncu 2018."""

    def __init__(self, q: float = 0.7, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__(reduction)
        self.q = q

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        return -(self.q * _log_probability(input, target)).expm1() / self.q


class ReverseCrossEntropy(ClassLoss):
    """Cross-entropy from the label to the probabilities, ``-log_zero (1 - p)``: the label's log 0 must have a value.

    Args:
        log_zero: that value; log 1e-4 in the code of Ma et al. 2020.
        reduction: the mean over points, or the loss of each.
    """

    def __init__(self, log_zero: float = math.log(1e-4), reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__(reduction)
        self.log_zero = log_zero

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        return -self.log_zero * (1 - _log_probability(input, target).exp())


class SymmetricCrossEntropy(ClassLoss):
    """``alpha`` times cross-entropy plus ``beta`` times its reverse, with log 0 as -4. Wang et al. 2019."""

    def __init__(self, alpha: float = 0.1, beta: float = 1.0, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__(reduction)
        self.alpha, self.beta = alpha, beta
        self._reverse = ReverseCrossEntropy(-4.0)

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        cross_entropy = -_log_probability(input, target)
        return self.alpha * cross_entropy + self.beta * self._reverse.of_points(input, target)


class FocalLoss(ClassLoss):
    """``-(1 - p)^gamma log p``: easy points count less. Lin et al. 2017."""

    def __init__(self, gamma: float = 2.0, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__(reduction)
        self.gamma = gamma

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        log_probability = _log_probability(input, target)
        return -((1 - log_probability.exp()).clamp_min(1e-7) ** self.gamma) * log_probability


class NormalizedCrossEntropy(ClassLoss):
    """Cross-entropy over the sum of the cross-entropies to all classes. Ma et al. 2020."""

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        return _log_probability(input, target) / input.log_softmax(-1).sum(-1)


class AsymmetricGeneralizedCrossEntropy(ClassLoss):
    """``((a + 1)^q - (a + p)^q) / q`` with a > 0, q > 0. Zhou et al. 2021."""

    def __init__(self, a: float = 0.6, q: float = 0.6, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__(reduction)
        self.a, self.q = a, q

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        probability = _log_probability(input, target).exp()
        highest: float = (self.a + 1) ** self.q
        return (highest - (self.a + probability) ** self.q) / self.q


class ActivePassive(ClassLoss):
    """``alpha`` times a loss that raises p plus ``beta`` times one that lowers the others. Ma et al. 2020.

    Args:
        passive: reverse cross-entropy or an asymmetric loss; the active one is normalised cross-entropy.
        alpha, beta: 1 and 1 for ten classes, 10 and 0.1 for a hundred, in its source.
        reduction: the mean over points, or the loss of each.
    """

    def __init__(
        self,
        passive: ClassLoss,
        alpha: float = 1.0,
        beta: float = 1.0,
        reduction: Literal["mean", "none"] = "mean",
    ) -> None:
        super().__init__(reduction)
        self.active, self.passive = NormalizedCrossEntropy(), passive
        self.alpha, self.beta = alpha, beta

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        return self.alpha * self.active.of_points(input, target) + self.beta * self.passive.of_points(input, target)


class PartiallyHuberisedCrossEntropy(ClassLoss):
    """Cross-entropy that goes on as a straight line in p below p = 1 / tau. Menon et al. 2020."""

    def __init__(self, tau: float = 10.0, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__(reduction)
        self.tau = tau

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        log_probability = _log_probability(input, target)
        line = 1 + math.log(self.tau) - self.tau * log_probability.exp()
        return torch.where(log_probability > -math.log(self.tau), -log_probability, line)


class BiTempered(ClassLoss):
    """Logistic loss with a bounded logarithm and heavy-tailed probabilities. Amid et al. 2019.

    Args:
        t1: of the logarithm, at most 1; below 1 the loss is bounded.
        t2: of the probabilities, at least 1; above 1 their tails are heavy. Both 1: cross-entropy.
        iterations: of the fixed point that normalises the probabilities.
        reduction: the mean over points, or the loss of each.
    """

    def __init__(
        self,
        t1: float = 0.8,
        t2: float = 1.2,
        iterations: int = 5,
        reduction: Literal["mean", "none"] = "mean",
    ) -> None:
        super().__init__(reduction)
        if not 0 <= t1 <= 1 <= t2:
            raise InputError(f"t1 must lie in [0, 1] and t2 be at least 1, got t1 = {t1:g} and t2 = {t2:g}.")
        self.t1, self.t2, self.iterations = t1, t2, iterations

    def of_points(self, input: Tensor, target: Tensor) -> Tensor:
        """[points]."""
        log_probabilities, power = self.log_probabilities(input), 2 - self.t1
        rest = ((power * log_probabilities).exp().sum(-1) - 1) / power
        return rest - _tempered(_of_class(log_probabilities, target), 1 - self.t1)

    def log_probabilities(self, input: Tensor) -> Tensor:
        """The plain logarithm of the tempered softmax of logits, [points, classes]."""
        if self.t2 == 1:
            return input.log_softmax(-1)
        heavy = self.t2 - 1
        constant = input.detach()
        normaliser = self._normaliser(constant, heavy)
        escort = (self.t2 / -heavy * (heavy * (normaliser - constant)).log1p()).softmax(-1)
        # 0, with the derivative of the fixed point itself: that of the iterations would only be near it
        shift = (escort * (input - constant)).sum(-1, keepdim=True)
        return (heavy * (normaliser + shift - input)).log1p() / -heavy

    def _normaliser(self, input: Tensor, heavy: float) -> Tensor:
        """What to subtract from logits so that their tempered exponentials add up to 1, [points, 1]."""
        highest = input.amax(-1, keepdim=True)
        centred = input - highest
        scaled = centred
        for _ in range(self.iterations):
            scaled = centred * _partition(scaled, heavy) ** -heavy
        return highest + (_partition(scaled, heavy) ** heavy - 1) / heavy


def _partition(scaled: Tensor, heavy: float) -> Tensor:
    """Sum of tempered exponentials of numbers up to 0, [points, 1]."""
    return ((-heavy * scaled).log1p() / -heavy).exp().sum(-1, keepdim=True)


def _tempered(log_probability: Tensor, power: float) -> Tensor:
    """``(p^power - 1) / power``, which is log p at power 0."""
    return (power * log_probability).expm1() / power if power else log_probability


def _log_probability(input: Tensor, target: Tensor) -> Tensor:
    """Of the target's class, [points]."""
    return _of_class(input.log_softmax(-1), target)


def _of_class(values: Tensor, target: Tensor) -> Tensor:
    """Of values [points, classes] those of the target's class, [points]."""
    return values.gather(-1, target[:, None]).squeeze(-1)
