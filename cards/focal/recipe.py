"""Focal loss: points that the model gets right count less."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.label_noise import RECIPE as LABEL_NOISE

RECIPE = hand_made(
    "focal",
    LABEL_NOISE,
    summary=(
        "Cross-entropy times the square of what is lacking of certainty: points that the model gets right count less."
    ),
    use_for="many easy points",
    citation="Lin et al., Focal Loss for Dense Object Detection, 2017",
    signals=("cross_entropy", "improbability"),
    tokens="c0 s1 log mul exp s0 mul",
    coefficients=(2.0,),
)
