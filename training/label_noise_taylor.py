"""The weights of ``label-noise`` as polynomials, which can be read.

Run: ``ml3zoo train label-noise-taylor``. The logarithm of each of the three weights is a polynomial of the second order
in the same signals. It starts as the student of ``label-noise-symbolic``: its gradients are fitted to those of that
loss, in trainings under it.
"""

from ml3zoo.meta.initialisation.distillation import Distillation
from ml3zoo.training.label_noise import recipe

RECIPE = recipe(
    name="label-noise-taylor",
    summary=(
        "For classification with wrong labels among the training labels: label-noise as three polynomials of the "
        "second order, with every product of two signals."
    ),
    family="taylor",
    architecture={"order": 2},
    iterations=150,
    sigma=0.1,
    lr=0.01,
    initialisation=Distillation("label-noise-symbolic"),
)
