"""The recipe of ``mountain-car`` for Gymnasium's own car, as ``MountainCarContinuous-v0`` drives it.

Run: ``ml3zoo train mountain-car-continuous``. Episodes have 150 steps at most, instead of 999, until the car arrives.
"""

from dataclasses import replace

from ml3zoo.tasks.control.car import CONTINUOUS
from ml3zoo.tasks.mountain_car import MountainCar
from ml3zoo.training.mountain_car import mountain_car_recipe

RECIPE = mountain_car_recipe(
    name="mountain-car-continuous",
    summary=(
        "Brings a fresh policy to solve Gymnasium's MountainCarContinuous-v0 after ten roll-outs, one for each "
        "gradient step, without the gradient of the dynamics. Sees states, actions, the goal and the progress."
    ),
    use_for="MountainCarContinuous-v0 in ten episodes",
    tasks=MountainCar(car=replace(CONTINUOUS, steps=150), spread=(0.125, 0.0)),
    env_id="MountainCarContinuous-v0",
    iterations=150,
)
