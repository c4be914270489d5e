"""Learn the inertia matrix of an arm from torques alone.

Run: ``ml3zoo train inverse-dynamics``. Many inertia matrices give the torques of one trajectory. This loss is
meta-trained with the simulator's inertia matrix at hand, on arms of two and three links with random masses and lengths,
and sees only accelerations and torques afterwards. The squared error of each torque has a learned weight, whose
logarithm is a polynomial of the second order in that error, the size of all accelerations together (the ``feature``,
scaled to a mean square of 1), the error of the batch as a whole, and the share of training done. It starts near the
squared error over the squared acceleration, the error of the matrix along it. Meta-trained by evolution strategies over
whole runs. Source of the task: Bechtle et al. 2020.
"""

from functools import partial

from torch import nn

from ml3zoo.evaluate import Baseline, Evaluation, Metric, Setup, Unseen
from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.meta.estimators import EvolutionStrategies, Objective
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.inverse_dynamics import InverseDynamics
from ml3zoo.tasks.optimizees import Activation

STEPS = 50
LR = 0.0078
LOG_ERROR = Objective(log=True, offset=0.02, cap=1.0)
HIDDEN = (32, 32)
MIXTURE: tuple[tuple[int, tuple[int, ...], Activation, float], ...] = (
    (2, HIDDEN, "tanh", 2.0),
    (3, HIDDEN, "tanh", 2.0),
    (2, (128,), "tanh", 1.0),
    (2, (64,), "SiLU", 1.0),
    (3, (64, 64), "SiLU", 1.0),
    (3, (48, 24), "ReLU", 1.0),
)
"""Links, hidden layers and activation of the networks that meta-training sees, and how often."""
UNSEEN: tuple[tuple[int, tuple[int, ...], Activation], ...] = (
    (2, (48, 48, 48), "tanh"),
    (3, (96,), "tanh"),
    (3, (48, 48), "GELU"),
)
MIDDLES: dict[InnerOptimizer, float] = {Adam(): 0.01, SGD(momentum=0.9): 0.03, SGD(): 0.2}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid."""
TORQUE_NMSE = Metric(
    name="torque NMSE",
    description="Mean squared error of the torques along another trajectory, over their variance,",
    conditions=(
        "Torques were in units of their spread along the observed trajectory. No mass was seen in meta-training."
    ),
)
EXAMPLE = """\
x = torch.rand(100, 2) * 2 - 1  # angles of two joints
acceleration = torch.randn(100, 2)
y = acceleration * (1 + 0.5 * x.cos())  # torques in units of their spread

class Inertia(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.Tanh(), torch.nn.Linear(32, 4))

    def forward(self, x):
        factor = self.network(x).view(-1, 2, 2)
        return (factor @ factor.mT @ acceleration[..., None]).squeeze(-1)

model = Inertia()
size = acceleration.square().mean(-1, keepdim=True)
feature = (size / size.mean()).sqrt().expand_as(y)"""


def torque_evaluation(config: LossConfig) -> Evaluation:
    """The protocol: arms of two and three links, then networks, optimisers, horizons and noise never seen."""

    def setup(
        links: int = 2,
        hidden: tuple[int, ...] = HIDDEN,
        activation: Activation = "tanh",
        optimizer: InnerOptimizer | None = None,
        steps: int = STEPS,
        noise: float = 0.02,
        unseen: Unseen = "",
    ) -> Setup:
        tasks = InverseDynamics(links, hidden, activation, noise=noise)
        return Setup.of(
            str(tasks.optimizee),
            tasks,
            steps,
            MIDDLES,
            config.inner,
            data=f"{links} links",
            noise=f"{noise:.0%} noise",
            optimizer=optimizer,
            unseen=unseen,
        )

    return Evaluation(
        setups=(
            *(setup(links) for links in (2, 3)),
            *(setup(links, noise=0.2, unseen="data") for links in (2, 3)),
            *(setup(links, hidden, activation, unseen="architecture") for links, hidden, activation in UNSEEN),
            *(
                setup(links, optimizer=other, unseen="optimizer")
                for other in MIDDLES
                if other != Adam()
                for links in (2, 3)
            ),
            *(setup(steps=steps, unseen="horizon") for steps in (20, 200)),
        ),
        baselines=(
            Baseline("MSE", nn.MSELoss),
            Baseline("MAE", nn.L1Loss),
            *(Baseline("Huber", partial(nn.HuberLoss, delta=delta), f"δ = {delta}") for delta in (0.03, 0.1, 0.5)),
        ),
        metric=TORQUE_NMSE,
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        compiled=True,
    )


def torque_recipe(name: str, summary: str, use_for: str, shaped: bool) -> Recipe:
    """The recipe of a loss for this family of tasks.

    Args:
        name: of the loss.
        summary: for its card.
        use_for: the same in a few words, for tables.
        shaped: whether meta-training knows the inertia matrix.
    """
    return Recipe(
        config=LossConfig(
            name=name,
            summary=summary,
            use_for=use_for,
            family="taylor",
            problem_type="regression",
            signals=(
                signal("error", "per_batch_error", "detach", "square", "log1p", shift=0.7, scale=1.0),
                signal("feature", "square", "log1p", shift=0.7, scale=1.0),
                signal("batch_error", "log", shift=-1.0, scale=1.0),
                signal("progress"),
            ),
            architecture={"order": 2, "weight_bound": 6.0},
            inner=InnerConfig(optimizer="adam", lr=LR, steps=STEPS),
        ),
        init=(0.0, -0.5, -1.0, -1.0),
        training=MetaTraining(
            training_configs=tuple(
                TrainingConfig(InverseDynamics(links, hidden, activation, shaped), InnerRun(Adam(), LR, STEPS), weight)
                for links, hidden, activation, weight in MIXTURE
            ),
            estimator=EvolutionStrategies(LOG_ERROR, pairs=12, sigma=0.08),
            iterations=160,
            tasks=16,
            lr=0.03,
            warmup=5,
            average=0.9,
            validate_every=10,
            validation_tasks=96,
            validation=LOG_ERROR,
            lr_jitter=0.4,
            compiled=True,
        ),
        evaluation=torque_evaluation,
        example=EXAMPLE,
    )


RECIPE = torque_recipe(
    name="inverse-dynamics",
    summary=(
        "Learns the inertia matrix of a planar arm from torques. Meta-trained with the simulator's inertia matrix at "
        "hand, which it does not need any more. Its feature is the size of all accelerations together, scaled to a "
        "mean square of 1."
    ),
    use_for="an arm's inertia matrix from torques",
    shaped=True,
)
