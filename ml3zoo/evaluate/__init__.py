"""The evaluation protocol: a learned loss against careful baselines, on held-out tasks, networks and optimisers.

Every method, learned or ordinary, gets its best learning rate and schedule from the same grid, chosen on
validation tasks; what is reported comes from test tasks. "Baseline" means the best ordinary loss, chosen on validation.
"""

from ml3zoo.evaluate.cost import measure_cost
from ml3zoo.evaluate.measure import evaluate, measure_setup, replay_setup
from ml3zoo.evaluate.method import Method, Runs
from ml3zoo.evaluate.protocol import NMSE, Baseline, Evaluation, Metric, ReportedStep, Setup, Unseen
from ml3zoo.evaluate.statistics import bootstrap, compare, steps_to_reach

__all__ = [
    "NMSE",
    "Baseline",
    "Evaluation",
    "Method",
    "Metric",
    "ReportedStep",
    "Runs",
    "Setup",
    "Unseen",
    "bootstrap",
    "compare",
    "evaluate",
    "measure_cost",
    "measure_setup",
    "replay_setup",
    "steps_to_reach",
]
