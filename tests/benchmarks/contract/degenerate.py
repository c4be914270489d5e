"""Batches that are hardly any: equal targets, lost points, scales far from 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ml3zoo import load_loss
from tests.benchmarks.contract.problems import of_type
from tests.benchmarks.contract.table import heading, row

POINTS = 64
SPREADS = (0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
SCALES = (1e-6, 1e-3, 1.0, 1e3, 1e6)
PROGRESS = 0.5


def run(names: tuple[str, ...]) -> None:
    """Print gradients, and points that lose their value."""
    regression, classification = of_type(names, "regression"), of_type(names, "classification")
    heading(f"4. Gradients with 40 of {POINTS} targets at 5 plus or minus {', '.join(f'{s:g}' for s in SPREADS)}")
    for name in regression:
        row(name, _by_number, _nearly_equal, name, SPREADS)
    heading(f"   Points of {POINTS - 1} that lose value, and gradient, by one prediction that is NaN, or infinite")
    for name in names:
        row(name, _lost_points, name)
    heading("   A logit of minus infinity on another class: value, size of the gradient; cross-entropy is finite")
    for name in classification:
        row(name, _impossible_class, name)
    heading(f"   Gradient over scale, targets and predictions of scale {', '.join(f'{s:g}' for s in SCALES)}")
    for name in regression:
        row(name, _by_number, _scaled, name, SCALES)
    heading("   One point; all targets equal; all predictions right: value, size of the gradient")
    for name in names:
        row(name, _few, name)


def _example(name: str, n: int = POINTS) -> dict[str, Tensor]:
    example = load_loss(name).example(torch.Generator().manual_seed(0), n, 1.0)
    return {key: value.float() for key, value in example.items()}


def _value_and_gradient(name: str, arguments: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    input = arguments["input"].clone().requires_grad_()
    value = load_loss(name)(**arguments | {"input": input}, progress=PROGRESS)
    return value.detach(), torch.autograd.grad(value, input)[0]


def _size(name: str, arguments: dict[str, Tensor]) -> float:
    return float(_value_and_gradient(name, arguments)[1].norm())


def _by_number(measure: Callable[[str, float], float], name: str, numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{measure(name, number):.3g}" for number in numbers)


def _nearly_equal(name: str, spread: float) -> float:
    arguments = _example(name)
    arguments["target"][:40] = 5 + spread * arguments["target"][:40].sign()
    return _size(name, arguments)


def _lost_points(name: str) -> str:
    return "; ".join(_lost(name, wrong) for wrong in (torch.nan, torch.inf))


def _lost(name: str, wrong: float) -> str:
    arguments = _example(name)
    input = arguments["input"].clone()
    input[(0,) * input.dim()] = wrong
    input.requires_grad_()
    loss = load_loss(name, reduction="none")
    others = loss(**arguments | {"input": input}, progress=PROGRESS)[1:]
    gradient = torch.autograd.grad(others.sum(), input)[0][1:]
    lost = [int((~part.detach().reshape(len(part), -1).isfinite()).any(1).sum()) for part in (others, gradient)]
    return f"{lost[0]}, {lost[1]}"


def _impossible_class(name: str) -> str:
    arguments = _example(name)
    arguments["target"] = arguments["target"].argmax(-1)
    arguments["input"][0, (arguments["target"][0] + 1) % 5] = -torch.inf
    return _text(name, arguments)


def _scaled(name: str, scale: float) -> float:
    arguments = _example(name)
    for key in ("input", "target"):
        arguments[key] = scale * arguments[key]
    return _size(name, arguments) / scale


def _few(name: str) -> str:
    one, equal, right = _example(name, 1), _example(name), _example(name)
    equal["target"] = equal["target"][:1].expand_as(equal["target"])
    if right["input"].shape == right["target"].shape:
        right["input"] = right["target"] if load_loss(name).problem_type.name == "regression" else 50 * right["target"]
    return "; ".join(_text(name, arguments) for arguments in (one, equal, right))


def _text(name: str, arguments: dict[str, Tensor]) -> str:
    value, gradient = _value_and_gradient(name, arguments)
    return f"{value.item():.3g}, {gradient.norm().item():.3g}"
