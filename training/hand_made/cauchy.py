"""Cauchy's loss: the logarithm of one plus half the squared error."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.outlier_regression import RECIPE as OUTLIERS

RECIPE = hand_made(
    "cauchy",
    OUTLIERS,
    summary="The logarithm of one plus half the squared error: points far off hardly pull.",
    use_for="outliers among the targets",
    citation="Black and Anandan, The Robust Estimation of Multiple Motions, 1996",
    signals=("error",),
    tokens="s0 c0 div square 0.5 mul 1 add log c0 c0 mul mul",
    coefficients=(1.0,),
)
