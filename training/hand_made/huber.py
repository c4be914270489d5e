"""Huber's loss: squares near zero, straight lines beyond."""

from ml3zoo.recipe.hand_made import hand_made
from ml3zoo.training.outlier_regression import RECIPE as OUTLIERS

RECIPE = hand_made(
    "huber",
    OUTLIERS,
    summary="Half the square of errors up to 1.345, a straight line beyond.",
    use_for="outliers among the targets",
    citation="Huber, Robust Estimation of a Location Parameter, 1964",
    signals=("error",),
    tokens="0.5 s0 abs c0 min square mul c0 s0 abs s0 abs c0 min sub mul add",
    coefficients=(1.345,),
)
