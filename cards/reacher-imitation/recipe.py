"""Bring the arm of Gymnasium's ``Reacher-v5`` to a goal after a few roll-outs; learned with an expert.

Run: ``ml3zoo train reacher-imitation`` (needs the extra ``rl``). Before meta-training the loss's target actions imitate
an expert (``Imitation``) in the states that policies in training visit, and a model of the arm is learned from the same
episodes. Then the loss is meta-trained in the model. To use the loss, neither expert nor model is needed. The expert
knows the arm's lengths, solves for the joint angles of the goal and drives towards them. Source: Bechtle et al. 2020.
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
    use_for="Reacher-v5 in ten episodes, or five",
    imagined=ImaginedReacher(),
    initialisation=Imitation(iterations=1000, lr=0.02),
)
