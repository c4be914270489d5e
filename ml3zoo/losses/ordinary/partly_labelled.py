"""Ordinary losses where some points have no label."""

from __future__ import annotations

from torch import Tensor, nn


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


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Over the points with weight 1, [points, ...]; 0 if there are none."""
    return (values * weights).sum(0) / weights.sum().clamp_min(1)
