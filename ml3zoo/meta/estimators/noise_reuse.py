"""Evolution strategies over windows of inner runs, each run under one perturbation."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ml3zoo.meta.estimators.particles import Particles
from ml3zoo.meta.estimators.persistent import PersistentEvolution
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class NoiseReuseEvolution(PersistentEvolution):
    """Noise-reuse evolution strategies (Li, Harrison, Sohl-Dickstein, Smith, Metz 2023, arXiv:2304.12180).

    Persistent evolution strategies whose pair keeps its perturbation over all windows of a run, instead of adding up
    new ones. Unbiased for the objective that ``EvolutionStrategies`` smooths.

    Attributes:
        sigma: standard deviation of the perturbations of a run.
    """

    def _perturb(self, drawn: Tensors, past: Tensors, particles: Particles) -> tuple[Tensors, Tensors]:
        """Fresh noise for runs that begin, the same as before for the others."""
        if past:
            begins = particles.age == 0
            drawn = {
                name: torch.where(begins.view(-1, *[1] * (e.dim() - 1)), e, past[name]) for name, e in drawn.items()
            }
        return drawn, drawn
