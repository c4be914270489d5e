"""Evolution strategies over windows of inner runs, each run under one perturbation."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ml3zoo.meta.estimators.particles import choose
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

    def _perturb(self, drawn: Tensors, past: Tensors, age: Tensor) -> tuple[Tensors, Tensors]:
        """Fresh noise for runs that begin, the same as before for the others."""
        noise = choose(age == 0, drawn, past) if past else drawn
        return noise, noise
