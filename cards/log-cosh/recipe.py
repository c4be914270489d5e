"""The logarithm of the hyperbolic cosine of the error: a smooth Huber loss."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.outlier_regression import RECIPE as OUTLIERS

RECIPE = hand_made(
    "log-cosh",
    OUTLIERS,
    summary="The logarithm of the hyperbolic cosine of the error: half its square near zero, its size beyond.",
    use_for="outliers among the targets",
    citation="Green, Bayesian Reconstructions from Emission Tomography Data Using a Modified EM Algorithm, 1990",
    signals=("error",),
    tokens="s0 c0 div abs 2 s0 c0 div abs mul neg exp 1 add log add 2 log sub c0 c0 mul mul",
    coefficients=(1.0,),
)
