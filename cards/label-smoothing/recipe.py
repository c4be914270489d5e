"""Label smoothing: a tenth of each label is spread over all classes."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.label_noise import RECIPE as LABEL_NOISE

RECIPE = hand_made(
    "label-smoothing",
    LABEL_NOISE,
    summary="Cross-entropy to targets of which a tenth is spread over all classes: the model is kept from certainty.",
    use_for="labels that are a little wrong",
    citation="Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016",
    signals=("cross_entropy", "uniform_cross_entropy"),
    tokens="1 c0 sub s0 mul c0 s1 mul add",
    coefficients=(0.1,),
)
