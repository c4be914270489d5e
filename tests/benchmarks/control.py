"""Fresh policies in Gymnasium environments, beside a policy gradient and a random search of equal cost."""

from __future__ import annotations

from dataclasses import dataclass

from ml3zoo.apply.environment import EnvironmentReport, apply_in_environment
from ml3zoo.apply.environment.report import LEARNED
from ml3zoo.format.config import read_config
from ml3zoo.zoo.names import resolve

REACHING = ("pointmass", "reacher", "reacher-imitation")
"""Losses whose policies end at a distance from a goal, also measured by number of gradient steps."""


@dataclass(frozen=True)
class Sizes:
    """What is measured, and how thoroughly.

    Attributes:
        losses: names in the zoo.
        shapes: of the policies; the first was seen in meta-training, the others were not.
        steps: numbers of gradient steps, for the losses that reach for a goal.
        policies: fresh ones per loss and shape; twice as many per number of steps.
    """

    losses: tuple[str, ...] = ("mountain-car", "mountain-car-continuous", *REACHING)
    shapes: tuple[str, ...] = ("64 tanh", "48-48-48 tanh", "100 SiLU", "64-32 GELU")
    steps: tuple[int, ...] = (1, 2, 5, 10)
    policies: int = 50


FULL = Sizes()
SMALL = Sizes(losses=("mountain-car", "reacher"), shapes=("64 tanh",), steps=(1,), policies=2)


def run(sizes: Sizes) -> None:
    """Print success, return and distance after training, by policy and by number of gradient steps."""
    print(f"In Gymnasium: {sizes.policies} fresh policies each, as many gradient steps as the loss was made for:")
    for name in sizes.losses:
        for shape in sizes.shapes:
            report = apply_in_environment(name, _environment(name), policy=shape, seeds=sizes.policies)
            _print(f"{name}, {shape}", report)
    print(f"By number of gradient steps, 64 tanh, {2 * sizes.policies} fresh policies each:")
    for name in sizes.losses:
        if name not in REACHING:
            continue
        for count in sizes.steps:
            report = apply_in_environment(name, _environment(name), steps=count, seeds=2 * sizes.policies)
            _print(f"{name}, {count} step{'s' if count > 1 else ''}", report)


def _environment(name: str) -> str:
    """Id of the environment that a loss was made for."""
    environment = read_config(resolve(name)).environment
    assert environment is not None
    return environment.id


def _print(title: str, report: EnvironmentReport) -> None:
    results = []
    for method in report.methods:
        label = method.label.replace(LEARNED, "learned")
        result = f"success {method.success:.0%}, return {method.returns.mean:.3g}"
        if method.distance is not None:
            result += f", distance {method.distance.mean:.4f}"
        results.append(f"{label} {result} ({method.env_steps:.0f} environment steps)")
    print(f"  {title}: {'; '.join(results)}", flush=True)
