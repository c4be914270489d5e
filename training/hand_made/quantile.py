"""The pinball loss of quantile regression; its quantile is the median."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.outlier_regression import RECIPE as OUTLIERS

RECIPE = hand_made(
    "quantile",
    OUTLIERS,
    summary="The pinball loss. Its quantile is the median, for which it is half the absolute error.",
    use_for="outliers among the targets",
    citation="Koenker and Bassett, Regression Quantiles, 1978",
    signals=("error",),
    tokens="1 c0 sub s0 mul c0 s0 mul neg max",
    coefficients=(0.5,),
)
