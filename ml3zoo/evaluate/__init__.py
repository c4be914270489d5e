"""The evaluation protocol: a learned loss against careful baselines, on held-out tasks, networks and optimisers.

Every contender, learned or ordinary, gets its best learning rate and schedule from the same grid, chosen on
validation tasks; what is reported comes from test tasks. "Baseline" means the best ordinary loss, chosen on validation.
"""

from ml3zoo.evaluate.cost import measure_cost
from ml3zoo.evaluate.measure import evaluate, measure_cell, replay_cell
from ml3zoo.evaluate.method import Contender, Runs
from ml3zoo.evaluate.protocol import NMSE, Baseline, Cell, Counts, Evaluation, Metric, Unseen
from ml3zoo.evaluate.statistics import bootstrap, compare, steps_to_reach

__all__ = [
    "NMSE",
    "Baseline",
    "Cell",
    "Contender",
    "Counts",
    "Evaluation",
    "Metric",
    "Runs",
    "Unseen",
    "bootstrap",
    "compare",
    "evaluate",
    "measure_cell",
    "measure_cost",
    "replay_cell",
    "steps_to_reach",
]
