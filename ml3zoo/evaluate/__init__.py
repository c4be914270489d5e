"""The evaluation protocol: a learned loss against tuned baselines, on held-out tasks, networks and optimisers.

Every loss, learned or ordinary, gets its best learning rate and schedule from the same grid, chosen on validation
tasks; what is reported comes from test tasks. The baseline is the ordinary loss that was best on validation tasks. In
ordinary training all losses are also swapped in at the rate of the first ordinary one, and ranked over all setups.
"""

from ml3zoo.evaluate.cost import measure_cost
from ml3zoo.evaluate.evaluation import evaluate, measure_another, swapped_in
from ml3zoo.evaluate.measure import measure_setup, replay_setup
from ml3zoo.evaluate.method import Method, Runs
from ml3zoo.evaluate.protocol import NMSE, Baseline, Evaluation, Metric, Setup
from ml3zoo.evaluate.statistics import bootstrap, compare, steps_to_reach
from ml3zoo.evaluate.tuning import Selected, select
from ml3zoo.format.results import ReportedStep, Unseen

__all__ = [
    "NMSE",
    "Baseline",
    "Evaluation",
    "Method",
    "Metric",
    "ReportedStep",
    "Runs",
    "Selected",
    "Setup",
    "Unseen",
    "bootstrap",
    "compare",
    "evaluate",
    "measure_another",
    "measure_cost",
    "measure_setup",
    "replay_setup",
    "select",
    "steps_to_reach",
    "swapped_in",
]
