"""``torch.compile`` for functions of tensors, traced first so that compilation is fast."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_leaves

R = TypeVar("R")


def compile_per_shape(function: Callable[..., R]) -> Callable[..., R]:
    """The same function, compiled once for each combination of shapes it is called with.

    It is first traced to single operations: the compiler then sees neither modules nor function transforms, which is
    several times faster than compiling the function itself. If there is no C++ compiler, there is one warning and the
    function runs eagerly. Results carry no autograd graph.
    """
    graphs: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def call(*arguments: Any) -> R:
        key = tuple((leaf.shape, leaf.stride(), leaf.dtype) for leaf in tree_leaves(arguments))
        with torch.no_grad():
            if key not in graphs:
                graphs[key] = _compiled(function, arguments)
            result: R = graphs[key](*arguments)
            return result

    return call


def _compiled(function: Callable[..., R], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    fast = torch.compile(make_fx(function)(*arguments), dynamic=False)
    try:
        fast(*arguments)
    except RuntimeError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        warnings.warn(
            f"compilation failed ({reason[:200]}): continuing without it, several times slower. It needs a C++ "
            "compiler, such as Debian's g++.",
            stacklevel=4,
        )
        return function
    return fast
