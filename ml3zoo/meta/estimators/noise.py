"""Perturbed losses in antithetic pairs, and gradient estimates from them."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.tasks.base import Tensors


def antithetic(phi: Tensors, pairs: int, sigma: float, generator: torch.Generator) -> tuple[Tensors, Tensors]:
    """Gaussian noise [pairs, ...], and the loss parameters plus it, then minus it, [2 * pairs, ...]."""
    noise = {
        name: (sigma * torch.randn(pairs, *p.shape, generator=generator, dtype=p.dtype)).to(p.device)
        for name, p in phi.items()
    }
    return noise, {name: torch.cat([p + noise[name], p - noise[name]]) for name, p in phi.items()}


def es_gradients(difference: Tensor, noise: Tensors, sigma: float) -> Tensors:
    """Each pair's estimate of the gradient, [pairs, ...], from the difference of its objectives, [pairs]."""
    slope = difference / (2 * sigma**2)
    return {name: torch.einsum("p,p...->p...", slope, e) for name, e in noise.items()}
