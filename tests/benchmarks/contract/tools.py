"""torch's own tools: functional transforms, compilation, export, default types."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from ml3zoo import load_loss
from tests.benchmarks.contract.table import grouped, heading, row

STEPS = 10
POINTS = 12


def run(names: tuple[str, ...]) -> None:
    """Print what works."""
    heading("6. torch.func without progress=")
    for transform in (grad, vmap, vmap_of_grad, hessian):
        row(transform.__name__.replace("_", " "), grouped, names, transform)
    heading("   torch.compile(fullgraph=True)")
    row(
        f"recompilations in {STEPS} steps that set progress",
        grouped,
        names,
        partial(recompilations, by_hand=True),
    )
    row("the same, progress counted", grouped, names, partial(recompilations, by_hand=False))
    row("graph breaks without total_steps", grouped, names, graph_breaks)
    heading("   Types of parameters and buffers")
    row("made where bfloat16 is the default", grouped, names, types_under_bfloat16)
    row("after .bfloat16().half()", grouped, names, lambda name: types_of(load_loss(name).bfloat16().half()))
    heading(f"   Export ({', '.join(map(_version, ('torch', 'onnx', 'onnxscript')))})")
    row("torch.export, any number of points", grouped, names, exported)
    row("ONNX", grouped, names, converted)


def grad(name: str) -> str:
    """The gradient."""
    value, input = _as_function(name)
    return _finite(torch.func.grad(value)(input))


def vmap(name: str) -> str:
    """Values of several batches."""
    value, input = _as_function(name)
    return _finite(torch.func.vmap(value)(torch.stack([input, 2 * input])))


def vmap_of_grad(name: str) -> str:
    """Gradients of several batches."""
    value, input = _as_function(name)
    return _finite(torch.func.vmap(torch.func.grad(value))(torch.stack([input, 2 * input])))


def hessian(name: str) -> str:
    """Second derivatives."""
    value, input = _as_function(name)
    return _finite(torch.func.hessian(value)(input))


def recompilations(name: str, *, by_hand: bool) -> str:
    """Graphs beyond the first."""
    loss, arguments = _loss(name), _example(name)
    arguments["input"].requires_grad_()
    optimizer = torch.optim.SGD([arguments["input"]], lr=1e-3)
    with _fresh_compiler():
        compiled = torch.compile(loss, fullgraph=True, backend="eager")
        for step in range(STEPS):
            if by_hand:
                loss.progress = step / STEPS
            optimizer.zero_grad()
            compiled(**arguments).backward()
            optimizer.step()
        return str(counters["stats"]["unique_graphs"] - 1)


def graph_breaks(name: str) -> str:
    """Breaks of a loss that knows no number of steps."""
    arguments = _example(name)
    arguments["input"].requires_grad_()
    with _fresh_compiler():
        return str(torch._dynamo.explain(load_loss(name))(**arguments).graph_break_count)


def types_under_bfloat16(name: str) -> str:
    """Types of parameters and buffers of a loss that is made where bfloat16 is the default."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        return types_of(load_loss(name))
    finally:
        torch.set_default_dtype(default)


def types_of(loss: nn.Module) -> str:
    """Types of parameters and buffers."""
    tensors = [*loss.parameters(), *loss.buffers()]
    return ", ".join(sorted({str(t.dtype).removeprefix("torch.") for t in tensors if t.is_floating_point()}))


def exported(name: str) -> str:
    """With ``torch.export``: replayed on another number of points."""
    loss, arguments = _loss(name), _example(name)
    n = torch.export.Dim("n", min=2)
    program = torch.export.export(loss, (), dict(arguments), dynamic_shapes={key: {0: n} for key in arguments})
    other = _example(name, 3 * POINTS)
    torch.testing.assert_close(program.module()(**other), _loss(name)(**other))
    return "ok"


def converted(name: str) -> str:
    """To ONNX."""
    with _quiet():
        torch.onnx.export(_Positional(_loss(name)), tuple(_example(name).values()), dynamo=True)
    return "ok"


class _Positional(nn.Module):
    """A loss that takes its feature by position."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, input: Tensor, target: Tensor, feature: Tensor | None = None) -> Tensor:
        value: Tensor = self.loss(input, target, feature=feature)
        return value


def _as_function(name: str) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """The loss as a function of the predictions alone, and predictions."""
    loss, rest = _loss(name), _example(name)
    input = rest.pop("input")
    return lambda x: loss(x, **rest), input


def _loss(name: str) -> nn.Module:
    return load_loss(name, total_steps=STEPS)


def _example(name: str, n: int = POINTS) -> dict[str, Tensor]:
    example = load_loss(name).example(torch.Generator().manual_seed(0), n, 1.0)
    return {key: value.float() for key, value in example.items()}


def _finite(result: Tensor) -> str:
    return "ok" if result.isfinite().all() else "not finite"


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {package}"


@contextlib.contextmanager
def _fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    with _quiet():
        yield
    torch._dynamo.reset()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What torch's tools say of their own accord is left out."""
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
