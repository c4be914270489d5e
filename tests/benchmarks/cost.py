"""Cost of a call: forward and backward of learned losses beside the ordinary loss, eager and compiled, one thread.

Prints a page in Markdown; at full size it is also written to ``docs/cost.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from ml3zoo import load_loss
from ml3zoo.losses import LearnedLoss
from tests.benchmarks.timing import seconds, side_by_side

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
FEWEST = 5
"""Calls that a median is taken over, however long they take."""
INTRODUCTION = """\
# What a call costs

Forward and backward, in µs, by number of elements (of the predictions), and in parentheses the ratio to the ordinary
loss of that problem type (`mse_loss` or `cross_entropy`), itself eager or compiled. Medians of runs that take turns,
float32, one thread. Compiled: `torch.compile` with its default backend. Classification has 10 classes, so that 10⁴
elements are 10³ points. Made in one run by `python -m tests.benchmarks cost` with torch {torch}; do not edit.
"""


@dataclass(frozen=True)
class Sizes:
    """What is timed, and how long.

    Attributes:
        losses: names in the zoo, some of each family.
        elements: of the predictions.
        repeats: calls that a median is taken over.
        budget: seconds for the calls of one cell, after which there are fewer repeats.
        page: where the page is written to, if anywhere.
    """

    losses: tuple[str, ...] = (
        "sine-regression",
        "sine-regression-paper",
        "label-noise",
        "digits-pairs",
        "outlier-regression",
        "inverse-dynamics",
        "shaped-sine",
        "reacher",
        "pointmass",
    )
    elements: tuple[int, ...] = (100, 10_000, 1_000_000)
    repeats: int = 300
    budget: float = 1.0
    page: Path | None = PAGE


FULL = Sizes()
SMALL = Sizes(("label-noise",), elements=(20,), repeats=FEWEST, page=None)


def run(sizes: Sizes) -> None:
    """Print the page."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        lines = [INTRODUCTION.format(torch=torch.__version__)]
        print(*lines)
        for line in _table(sizes):
            print(line, flush=True)
            lines.append(line)
    finally:
        torch.set_num_threads(threads)
    if sizes.page is not None:
        sizes.page.write_text("\n".join(lines) + "\n")


def _table(sizes: Sizes) -> Iterator[str]:
    heads = [f"{mode}, {elements:,}" for mode in ("eager", "compiled") for elements in sizes.elements]
    yield f"| loss | family | {' | '.join(heads)} |"
    yield f"|---|---|{'---:|' * len(heads)}"
    for name in sizes.losses:
        loss = load_loss(name)
        loss.progress = 0.5
        cells = [_cell(loss, elements, compiled, sizes) for compiled in (False, True) for elements in sizes.elements]
        yield f"| {name} | {loss.config.family} | {' | '.join(cells)} |"


def _cell(loss: LearnedLoss, elements: int, compiled: bool, sizes: Sizes) -> str:
    """Time of a call, and its ratio to the ordinary loss."""
    arguments = loss.workload(torch.Generator().manual_seed(0), elements)
    prediction = arguments["input"].requires_grad_()
    target = loss.convention.functional_target(prediction, arguments["target"])
    ordinary = partial(_ordinary, getattr(nn.functional, loss.problem_type.functional), prediction, target)
    calls: dict[str, partial[Tensor]] = {"ours": partial(loss, **arguments), "ordinary": ordinary}
    if compiled:
        torch.compiler.reset()
        calls = {name: _compiled(call) for name, call in calls.items()}
    works = {name: partial(_step, call, prediction) for name, call in calls.items()}
    for work in works.values():
        work()
    once = sum(seconds(work) for work in works.values())
    times = side_by_side(works, max(FEWEST, min(sizes.repeats, int(sizes.budget / once))))
    return f"{times['ours'] * 1e6:,.0f} ({times['ours'] / times['ordinary']:.1f})"


def _compiled(call: partial[Tensor]) -> partial[Tensor]:
    return partial(torch.compile(call.func, dynamic=False), *call.args, **call.keywords)


def _ordinary(function: Callable[..., Tensor], prediction: Tensor, target: Tensor) -> Tensor:
    return function(prediction, target)


def _step(call: Callable[[], Tensor], prediction: Tensor) -> None:
    prediction.grad = None
    torch.autograd.backward(call())
