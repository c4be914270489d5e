"""Geman and McClure's loss: bounded, so that points far off do not pull."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.outlier_regression import RECIPE as OUTLIERS

RECIPE = hand_made(
    "geman-mcclure",
    OUTLIERS,
    summary="Twice the squared error over the squared error plus 4: it is bounded, points far off do not pull.",
    use_for="outliers among the targets",
    citation="Geman and McClure, Bayesian Image Analysis, 1985",
    signals=("error",),
    tokens="2 s0 c0 div square mul s0 c0 div square 4 add div c0 c0 mul mul",
    coefficients=(1.0,),
)
