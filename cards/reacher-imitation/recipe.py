"""Bring the arm of Gymnasium's ``Reacher-v5`` to a goal after a few roll-outs; learned with an expert.

Run: ``ml3zoo train reacher-imitation`` (needs the extra ``rl``). Before meta-training the loss's aims imitate an expert
(``ml3zoo.meta.initialisation.model_based.Imitation``), wherever policies under training lead, and a model of the arm is learned from the same
episodes; then the loss is meta-trained in imagination. Who uses it needs neither expert nor model. The expert knows the
length of the arm, solves for the angles of the goal and pulls towards them. Source: Bechtle et al. 2020.
"""

from ml3zoo.meta.initialisation.model_based import Imitation
from ml3zoo.tasks.control.imagination import ImaginedReacher
from ml3zoo.training.reacher import arm_recipe

RECIPE = arm_recipe(
    name="reacher-imitation",
    summary=(
        "Brings the fingertip of Gymnasium's Reacher-v5 to a goal: ten roll-outs train a fresh policy, without a model "
        "or a gradient of the dynamics. Its expert was needed only to make it. Policies pull hard: by Reacher's own "
        "return, which charges for actions, the best of eleven fresh ones does better."
    ),
    imagined=ImaginedReacher(),
    initialisation=Imitation(iterations=1000, lr=0.02),
)
