"""What a call of a loss must hold, whatever its problem type."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.call import may_look_at_values, seen_to_fail
from ml3zoo.losses.conventions import CallConvention, TargetOptions

IGNORED = -100
"""The class index that marks points to leave out, as in torch."""


def predictions_of(output: Any) -> Any:
    """The logits of a model's output that has them by that name, such as those of transformers; else the output."""
    if isinstance(output, Tensor):
        return output
    return output.get("logits", output) if isinstance(output, Mapping) else getattr(output, "logits", output)


def check_call(
    convention: CallConvention, input: Tensor, target: Tensor, mask: Tensor | None, sample_weight: Tensor | None
) -> None:
    """See that everything is a tensor, that predictions come first, and that shapes fit.

    Raises:
        InputError: one of these does not hold.
    """
    optional = {"mask": mask, "sample_weight": sample_weight}
    _check_tensors(input=input, target=target, **{name: x for name, x in optional.items() if x is not None})
    if not input.is_floating_point():
        raise InputError(f"input must be floating point predictions, got {input.dtype}. Call input.float().")
    if input.numel() == 0:
        raise InputError(f"input is empty (shape {tuple(input.shape)}): at least one prediction is needed.")
    swapped = target.requires_grad and not input.requires_grad and torch.is_grad_enabled()
    if swapped and convention.constant_target:
        raise InputError(
            "the target requires a gradient and the input does not: they seem to be swapped. Call "
            "loss(prediction, target); if this is meant, give target.detach()."
        )
    convention.check(input, target)
    points = convention.points(input)
    if mask is not None and (mask.dtype != torch.bool or mask.shape != points):
        raise InputError(
            f"mask has shape {tuple(mask.shape)} and type {mask.dtype}: booleans of shape {tuple(points)}, one for "
            "each point, were expected."
        )
    if sample_weight is None:
        return
    if sample_weight.shape != points:
        raise InputError(
            f"sample_weight has shape {tuple(sample_weight.shape)}: {tuple(points)}, a number for each point, was "
            "expected."
        )
    if may_look_at_values() and seen_to_fail(sample_weight.isfinite() & (sample_weight >= 0)):
        raise InputError(
            "sample_weight must be finite and at least 0 for each point: it says how often a point counts."
        )


def check_feature(convention: CallConvention, name: str, input: Tensor, feature: Tensor | None) -> None:
    """See that a loss that looks at a feature gets a fitting one.

    Raises:
        InputError: it does not.
    """
    if feature is None:
        raise InputError(
            f"{name} looks at a feature of each point: a feature was expected, got none. "
            "Call loss(model(x), y, feature=x)."
        )
    _check_tensors(feature=feature)
    convention.check_feature(input, feature)


def check_class_counts(convention: CallConvention, name: str, input: Tensor, counts: Tensor | None) -> Tensor:
    """The counts, for a loss that looks at how many training points each class has.

    Raises:
        InputError: there are none, or they are of another number of classes.
    """
    classes = convention.classes(input)
    if counts is not None and counts.shape == (classes,):
        return counts
    got = "none" if counts is None else f"shape {tuple(counts.shape)}"
    raise InputError(
        f"{name} looks at how many training points each class has: class_counts of shape ({classes},) were expected, "
        f"got {got}. Call load_loss(..., class_counts=torch.bincount(labels, minlength={classes})) with all labels of "
        "the training."
    )


def check_progress(progress: Tensor | float) -> None:
    """See that it is one number, in [0, 1] where that costs nothing to know.

    Raises:
        InputError: it is not.
    """
    one = progress.dim() == 0 if isinstance(progress, Tensor) else isinstance(progress, Real)
    if not one or not (isinstance(progress, Tensor) or 0 <= progress <= 1):
        raise InputError(
            f"progress must be one number in [0, 1], got {progress!r}. It is the share of the training that is done."
        )


def check_items(items: Tensor | float | None) -> None:
    """See that a mean can be divided by it.

    Raises:
        InputError: it is no number above 0.
    """
    if items is None:
        return
    one = items.dim() == 0 if isinstance(items, Tensor) else isinstance(items, Real) and 0 < items < math.inf
    if not one:
        raise InputError(f"num_items_in_batch must be one number above 0, got {items!r}. It is what a mean divides by.")


def check_context(context: Mapping[str, Tensor], names: Collection[str], name: str) -> None:
    """See that a context has statistics that a loss looks at.

    Raises:
        InputError: it has others, or is none.
    """
    if not isinstance(context, Mapping) or not all(isinstance(value, Tensor) for value in context.values()):
        raise InputError(f"context must be tensors by name, got {context!r:.80}. Call loss.context(input, target).")
    unknown = sorted(context.keys() - set(names))
    if unknown:
        raise InputError(
            f"context has {unknown[0]!r}, but {name} looks at {', '.join(names) or 'no statistics'}. Call "
            "loss.context(input, target) of this loss."
        )


def check_options(options: TargetOptions, name: str, convention: CallConvention) -> None:
    """See that the options of targets mean something to losses of a convention.

    Raises:
        InputError: they do not, or are out of range.
    """
    ordinary = TargetOptions()
    weight, smoothing, counts = options.weight, options.label_smoothing, options.class_counts
    given = {
        "weight": weight is not None,
        "ignore_index": options.ignore_index not in (ordinary.ignore_index, IGNORED),
        "label_smoothing": smoothing != ordinary.label_smoothing,
        "class_counts": counts is not None,
    }
    unknown = [option for option, is_given in given.items() if is_given and option not in convention.options]
    if unknown:
        raise InputError(
            f"{name} has no {unknown[0]}, only losses of classes have one. Leave points out with loss(..., mask=), or "
            "weight them with loss(..., sample_weight=)."
        )
    if not isinstance(smoothing, Real) or not 0 <= smoothing <= 1:
        raise InputError(f"label_smoothing must lie in [0, 1], got {smoothing!r}.")
    if not isinstance(options.ignore_index, int | None):
        raise InputError(f"ignore_index must be a whole number, got {options.ignore_index!r}.")
    if weight is not None and not _of_classes(weight):
        raise InputError(
            f"weight must be a tensor [classes] of finite numbers from 0, got {weight!r}. It says how often a point of "
            "each class counts."
        )
    if counts is not None and not _of_classes(counts):
        raise InputError(
            f"class_counts must be a tensor [classes] of finite numbers from 0, got {counts!r}. It says how many "
            "training points each class has."
        )


def _of_classes(numbers: object) -> bool:
    """Whether they can be a number from 0 for each class."""
    return (
        isinstance(numbers, Tensor) and numbers.dim() == 1 and bool((numbers.isfinite() & (numbers >= 0)).all().item())
    )


def _check_tensors(**given: Tensor) -> None:
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise InputError(f"{name} must be a tensor, got {type(value).__name__}. Call torch.as_tensor on it.")
        if value.is_complex():
            raise InputError(f"{name} must be real numbers, got {value.dtype}. Take its real part.")
