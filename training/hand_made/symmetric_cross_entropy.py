"""Symmetric cross-entropy: cross-entropy and its reverse."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.label_noise import RECIPE as LABEL_NOISE

RECIPE = hand_made(
    "symmetric-cross-entropy",
    LABEL_NOISE,
    summary="A tenth of cross-entropy plus the reverse, from the label to the probabilities, which is bounded.",
    use_for="wrong labels",
    citation="Wang et al., Symmetric Cross Entropy for Robust Learning with Noisy Labels, 2019",
    signals=("cross_entropy", "improbability"),
    tokens="c0 s0 mul c1 c2 mul s1 mul add",
    coefficients=(0.1, 1.0, 4.0),
)
