"""The same as ``mountain-car``, meta-trained without knowing that the car should first go left.

Run: ``ml3zoo train mountain-car-unshaped``. The objective of meta-training is the goal alone. For comparison.
"""

from ml3zoo.tasks.mountain_car import MountainCar
from ml3zoo.training.mountain_car import mountain_car_recipe

RECIPE = mountain_car_recipe(
    name="mountain-car-unshaped",
    summary=(
        "The loss of mountain-car, meta-trained towards the goal alone, without the place on the left where the car "
        "should go first: for comparison."
    ),
    use_for="comparison with mountain-car",
    tasks=MountainCar(shaped=False),
)
