"""The same as ``shaped-sine``, meta-trained without the true frequency: what the extra information brings.

Run: ``ml3zoo train shaped-sine-unshaped``. The objective of meta-training is the squared error of the predictions,
which is all that is known at meta-test. For comparison, not for use.
"""

from ml3zoo.training.shaped_sine import frequency_recipe

RECIPE = frequency_recipe(
    name="shaped-sine-unshaped",
    summary=(
        "The loss of shaped-sine, meta-trained by the squared error alone instead of the true frequency: for "
        "comparison, not for use."
    ),
    use_for="comparison with shaped-sine",
    shaped=False,
)
