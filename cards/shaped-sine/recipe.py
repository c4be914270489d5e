"""Find the frequency of a sine in ten steps of gradient descent, from anywhere and from few noisy points.

Run: ``ml3zoo train shaped-sine``. The squared error of sin(ωx) has a trap at almost every ω. This loss is meta-trained
with the true frequency at hand and sees only x, predictions and targets afterwards: it places both among learned
templates and measures their distance. Templates start as sines of growing frequency at random places: where each
belongs, and how sharply they are separated, is learned. Source of the task: Bechtle et al. 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ml3zoo.evaluate import Baseline, Evaluation, Metric, Setup, Unseen
from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.estimators import Objective, Truncated
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.frequency import Frequency

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 10
SHARPNESS = 60.0
DISTANCE = Objective(log=False, cap=3.0)
SIZES = {16: 3.0, 32: 1.0, 64: 1.0, 128: 1.0}
"""Points of a task, with how often it is met."""
MIDDLES: dict[InnerOptimizer, float] = {SGD(): 0.03, SGD(momentum=0.9): 0.01, Adam(): 0.3}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid for ordinary losses."""
MISSED = Metric(
    name="share missed",
    description="Share of frequencies missed by 0.1 or more after the last step",
    conditions="Runs were chosen by the mean squared error of their predictions, which is all that a user sees.",
    cap=1.0,
)
EXAMPLE = """\
class Sine(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.omega = torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        return torch.sin(self.omega * x)

x = torch.rand(64) * 10 - 5
y = torch.sin(3.3 * x) + 0.1 * torch.randn(64)
feature = x
model = Sine()  # after the last step, model.omega is near 3.3"""


def frequency_evaluation(config: LossConfig) -> Evaluation:
    """The protocol: numbers of points and sizes of noise take the place of architectures, which sin(ωx) has not."""

    def setup(
        points: int = 64,
        noise: float = 0.1,
        steps: int = STEPS,
        optimizer: InnerOptimizer | None = None,
        unseen: Unseen = "",
    ) -> Setup:
        tasks, optimizer = Frequency(points, noise), optimizer or SGD()
        return Setup(
            network="sin(ωx)",
            baseline_tasks=tasks,
            tasks=tasks,
            optimizer=optimizer,
            lr=MIDDLES[optimizer],
            learned_lr=config.inner.lr if optimizer == SGD() else 10 * MIDDLES[optimizer],
            steps=steps,
            data=f"{points} points",
            noise=f"{noise:.0%} noise",
            unseen=unseen,
        )

    return Evaluation(
        setups=(
            setup(),
            *(setup(points) for points in (16, 32, 128)),
            *(setup(points, unseen="data") for points in (24, 256)),
            *(setup(noise=noise, unseen="data") for noise in (0.0, 0.3)),
            *(setup(optimizer=other, unseen="optimizer") for other in MIDDLES if other != SGD()),
            *(setup(steps=steps, unseen="horizon") for steps in (5, 100)),
        ),
        baselines=(
            Baseline("MSE", nn.MSELoss),
            Baseline("MAE", nn.L1Loss),
            Baseline("Huber (δ = 0.3)", lambda: nn.HuberLoss(delta=0.3)),
        ),
        metric=MISSED,
        validation_tasks=200,
        test_tasks=200,
    )


def draw_landscapes(loss: LearnedLoss) -> dict[str, Figure]:
    """The loss over ω beside the squared error and what meta-training without the true frequency gives."""
    from ml3zoo.plots.landscape import draw_frequency_landscapes
    from ml3zoo.zoo.loading import load_loss
    from ml3zoo.zoo.names import list_losses

    learned = {loss.config.name: loss}
    learned |= {name: load_loss(name) for name in list_losses("shaped-sine-unshaped") if name != loss.config.name}
    return {"landscapes": draw_frequency_landscapes(learned, {"squared error": nn.MSELoss()}, Frequency())}


def frequency_recipe(name: str, summary: str, use_for: str, shaped: bool) -> Recipe:
    """The recipe of a loss for this family of tasks.

    Args:
        name: of the loss.
        summary: for its card.
        use_for: the same in a few words, for tables.
        shaped: whether meta-training knows the true frequency.
    """
    run = InnerRun(SGD(), 1.0, STEPS)
    return Recipe(
        config=LossConfig(
            name=name,
            summary=summary,
            use_for=use_for,
            family="matching",
            problem_type="regression",
            signals=tuple(SignalConfig(signal=signal) for signal in ("feature", "prediction", "target")),
            architecture={"templates": 128},
            inner=InnerConfig(optimizer="sgd", lr=1.0, steps=STEPS),
        ),
        init=(SHARPNESS,),
        training=MetaTraining(
            training_configs=tuple(
                TrainingConfig(Frequency(points, shaped=shaped), run, weight) for points, weight in SIZES.items()
            ),
            estimator=Truncated(1, DISTANCE, clip=1.0),
            iterations=2000,
            tasks=256,
            lr=0.02,
            warmup=10,
            final_lr=0.02,
            average=0.98,
            validate_every=50,
            validation_tasks=512,
            validation=DISTANCE,
            restart_margin=0.04,
        ),
        evaluation=frequency_evaluation,
        example=EXAMPLE,
        pictures=draw_landscapes,
        quick_iterations=20,
    )


RECIPE = frequency_recipe(
    name="shaped-sine",
    summary=(
        "Finds the frequency of a sine by gradient descent where the squared error is full of traps. Meta-trained with "
        "the true frequency at hand, which it does not need any more. For models sin(ωx) with |ω| up to 5."
    ),
    use_for="the frequency of a sine",
    shaped=True,
)
