"""Meta-gradient estimators with one interface: loss parameters and tasks -> meta-gradient.

| estimator | sees | unbiased for | works where runs are chaotic |
|---|---|---|---|
| ``Unrolled`` | the whole run | the objective itself | no |
| ``Truncated`` | a window of it | only what happens within a window | yes |
| ``EvolutionStrategies`` | the whole run | the objective, smoothed | yes |
| ``PersistentEvolution`` | a window of it | the objective, smoothed | yes |
| ``NoiseReuseEvolution`` | a window of it | the objective, smoothed | yes |
| ``Mixed`` | the whole run, both ways | the objective, smoothed | yes |
"""

from ml3zoo.meta.estimators.base import Estimate, Estimator, MetaProblem, Objective, ObjectiveSteps
from ml3zoo.meta.estimators.evolution import EvolutionStrategies
from ml3zoo.meta.estimators.mixed import Mixed
from ml3zoo.meta.estimators.noise_reuse import NoiseReuseEvolution
from ml3zoo.meta.estimators.persistent import PersistentEvolution
from ml3zoo.meta.estimators.truncated import Truncated
from ml3zoo.meta.estimators.unrolled import Unrolled

__all__ = [
    "Estimate",
    "Estimator",
    "EvolutionStrategies",
    "MetaProblem",
    "Mixed",
    "NoiseReuseEvolution",
    "Objective",
    "ObjectiveSteps",
    "PersistentEvolution",
    "Truncated",
    "Unrolled",
]
