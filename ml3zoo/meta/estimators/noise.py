"""Perturbed losses in antithetic pairs, and gradient estimates from them."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.tasks.base import Tensors


def draw_noise(phi: Tensors, pairs: int, sigma: float, generator: torch.Generator) -> Tensors:
    """Gaussian noise for loss parameters, [pairs, ...]."""
    return {
        name: (sigma * torch.randn(pairs, *p.shape, generator=generator, dtype=p.dtype)).to(p.device)
        for name, p in phi.items()
    }


def antithetic(phi: Tensors, noise: Tensors) -> Tensors:
    """Loss parameters plus noise [pairs, ...], then minus it, [2 * pairs, ...]."""
    return {name: torch.cat([p + noise[name], p - noise[name]]) for name, p in phi.items()}


def es_gradients(difference: Tensor, noise: Tensors, sigma: float) -> Tensors:
    """Each pair's estimate of the gradient, [pairs, ...], from the difference of its objectives, [pairs]."""
    slope = difference / (2 * sigma**2)
    return {name: torch.einsum("p,p...->p...", slope, e) for name, e in noise.items()}
