"""The loss ``label-noise`` as polynomials, which can be read and are cheaper (TaylorGLO).

Run: ``ml3zoo train label-noise-taylor``. The log weight of each of the three cross-entropies is a polynomial of the
second order in the same signals. Meta-training starts from the student of ``label-noise``: its gradients were fitted to
those of ``label-noise`` in trainings under that loss.
"""

from ml3zoo.training.label_noise import student_recipe

RECIPE = student_recipe(
    name="label-noise-taylor",
    summary=(
        "The loss label-noise written as polynomials: distilled from the network, then meta-trained. Against the "
        "network: as good on its main tasks, a little better on digits and a little worse on a deeper network (compare "
        "the cards), somewhat cheaper on large batches, and its formula can be read."
    ),
    family="taylor",
    architecture={"order": 2},
)
