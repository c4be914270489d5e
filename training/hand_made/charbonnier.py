"""Charbonnier's loss: a hyperbola, squares near zero and straight lines far off."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.outlier_regression import RECIPE as OUTLIERS

RECIPE = hand_made(
    "charbonnier",
    OUTLIERS,
    summary="The root of one plus the squared error: half the square near zero, straight lines far off.",
    use_for="outliers among the targets",
    citation="Charbonnier et al., Two Deterministic Half-Quadratic Regularization Algorithms, 1994",
    signals=("error",),
    tokens="s0 c0 div square 1 add root 1 sub c0 c0 mul mul",
    coefficients=(1.0,),
)
