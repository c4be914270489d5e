"""Fresh policies in Gymnasium environments themselves, beside a policy gradient and a random search of equal cost."""

from __future__ import annotations

from ml3zoo.apply.environment import EnvironmentReport, apply_in_environment
from ml3zoo.apply.environment.report import LEARNED
from ml3zoo.format.config import read_config
from ml3zoo.zoo.names import resolve

DRIVING = ("mountain-car", "mountain-car-continuous")
REACHING = ("pointmass", "reacher", "reacher-imitation")
SHAPES = ("64 tanh", "48-48-48 tanh", "100 SiLU", "64-32 GELU")
"""The first is met in meta-training, the others are not."""


def run(*, quick: bool) -> None:
    """Print success, return and distance after training, by policy and by number of gradient steps."""
    policies, shapes, steps = (2, SHAPES[:1], (1,)) if quick else (50, SHAPES, (1, 2, 5, 10))
    print(f"In Gymnasium: {policies} fresh policies each, ten gradient steps of one episode each.")
    for name in (*DRIVING, *REACHING):
        for shape in shapes:
            _tell(name, shape, apply_in_environment(name, _environment(name), policy=shape, seeds=policies))
    print("By number of gradient steps, 64 tanh:")
    for name in REACHING:
        for count in steps:
            report = apply_in_environment(name, _environment(name), steps=count, seeds=2 * policies)
            _tell(name, f"{count} step{'s' if count > 1 else ''}", report)


def _environment(name: str) -> str:
    """The one that a loss was made for."""
    world = read_config(resolve(name)).environment
    assert world is not None
    return world.id


def _tell(name: str, what: str, report: EnvironmentReport) -> None:
    each = []
    for one in report.methods:
        label = one.label.replace(LEARNED, "learned")
        measured = f"success {one.success:.0%}, return {one.returns.mean:.3g}"
        if one.distance is not None:
            measured += f", distance {one.distance.mean:.4f}"
        each.append(f"{label} {measured} ({one.env_steps:.0f} steps)")
    print(f"  {name}, {what}: {'; '.join(each)}", flush=True)
