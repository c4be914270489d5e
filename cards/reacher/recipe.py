"""Bring the arm of Gymnasium's ``Reacher-v5`` to a goal after a few roll-outs, with a policy that knows nothing yet.

Run: ``ml3zoo train reacher`` (needs the extra ``rl``). Before meta-training the loss's target actions learn to reach
goals through a model of the arm (``ModelBasedPretraining``), which is learned from episodes in the real environment.
Then the loss is meta-trained in the model. To use the loss, no model is needed. Source: Bechtle et al. 2020.
"""

from functools import partial

from ml3zoo.evaluate import Metric
from ml3zoo.format.environment import EnvironmentConfig
from ml3zoo.meta.initialisation.model_based import ModelBasedPretraining
from ml3zoo.tasks.control.imagination import ImaginedReacher
from ml3zoo.tasks.control.reacher import Reacher
from ml3zoo.training.mountain_car import CONDITIONS
from ml3zoo.training.pointmass import reaching_recipe

REACHER = EnvironmentConfig(
    id="Reacher-v5",
    episode_steps=Reacher().steps,
    observation_normaliser=Reacher.observation_normaliser,
    goal_at=(4, 5),
    offset_at=(8, 9),
    tolerance=0.02,
    one_start=True,
)
METRES = Metric(
    name="distance",
    description="Distance of the fingertip from its goal at the end of an episode, in m,",
    conditions=CONDITIONS,
)
arm_recipe = partial(
    reaching_recipe,
    environment=Reacher(),
    environment_config=REACHER,
    metric=METRES,
    iterations=450,
    outer_lr=0.004,
    tasks=32,
)
"""The recipe of every loss for the arm; they differ by their initialisation."""
RECIPE = arm_recipe(
    name="reacher",
    summary=(
        "Brings the fingertip of Gymnasium's Reacher-v5 to a goal: ten roll-outs train a fresh policy, without a model "
        "or a gradient of the dynamics. Made without an expert, through a model of 256 episodes. By Reacher's own "
        "return, which charges for actions, the best of eleven fresh policies does better."
    ),
    use_for="Reacher-v5 in ten episodes",
    imagined=ImaginedReacher(),
    initialisation=ModelBasedPretraining(),
)
