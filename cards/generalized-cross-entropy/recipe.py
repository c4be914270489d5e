"""Generalised cross-entropy: between cross-entropy and the mean absolute error."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.label_noise import RECIPE as LABEL_NOISE

RECIPE = hand_made(
    "generalized-cross-entropy",
    LABEL_NOISE,
    summary=(
        "Between cross-entropy and the mean absolute error of probabilities: a label that the model finds "
        "unlikely pulls less."
    ),
    use_for="wrong labels",
    citation="Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks, 2018",
    signals=("cross_entropy",),
    tokens="1 c0 s0 mul neg exp sub c0 div",
    coefficients=(0.7,),
)
