"""The same as ``inverse-dynamics``, meta-trained without the inertia matrix: what the extra information brings.

Run: ``ml3zoo train inverse-dynamics-unshaped``. The objective of meta-training is the squared error of the observed
torques, which is all that is known at meta-test. For comparison, not for use.
"""

from ml3zoo.training.inverse_dynamics import torque_recipe

RECIPE = torque_recipe(
    name="inverse-dynamics-unshaped",
    summary=(
        "The loss of inverse-dynamics, meta-trained by the error of the observed torques alone instead of the inertia "
        "matrix: for comparison, not for use."
    ),
    use_for="comparison with inverse-dynamics",
    shaped=False,
)
