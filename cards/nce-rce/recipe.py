"""Normalised and reverse cross-entropy, added up."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.label_noise import RECIPE as LABEL_NOISE

RECIPE = hand_made(
    "nce-rce",
    LABEL_NOISE,
    summary=(
        "Cross-entropy over the sum of the cross-entropies to all classes, plus reverse cross-entropy: both "
        "are bounded."
    ),
    use_for="wrong labels",
    citation="Ma et al., Normalized Loss Functions for Deep Learning with Noisy Labels, 2020",
    signals=("cross_entropy", "uniform_cross_entropy", "classes", "improbability"),
    tokens="c0 s0 s1 s2 mul div mul c1 c2 mul s3 mul add",
    coefficients=(1.0, 1.0, 9.21034),
)
