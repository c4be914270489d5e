"""Typed models of what JSON holds: every type and bound is checked, nothing is converted from one type to another."""

from __future__ import annotations

import datetime
import re
import sys
from typing import Annotated, Any, Self, TypeVar, cast

import msgspec
from msgspec import Meta, inspect

from ml3zoo.errors import ConfigError

Finite = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
NotNegative = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
T = TypeVar("T")

_REFUSED = (bytes, bytearray, datetime.date, datetime.datetime, datetime.time, datetime.timedelta)
"""Types that msgspec would write as text. Left as they are, they are refused, for JSON has none of them."""
_ERRORS = (msgspec.ValidationError, TypeError, ValueError, RecursionError)


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen model that forbids keys it does not know. Called from Python it checks nothing: see ``checked``."""

    def builtins(self) -> dict[str, Any]:
        """The same as JSON has it: dicts, lists, strings, numbers, None.

        Raises:
            ConfigError: a field holds something else.
        """
        try:
            return cast(dict[str, Any], msgspec.to_builtins(self, builtin_types=_REFUSED, enc_hook=_number))
        except _ERRORS as error:
            raise ConfigError(f"{type(self).__name__} holds what JSON cannot hold: {error}.") from error

    def checked(self) -> Self:
        """The same, with every type and bound checked.

        Raises:
            ConfigError: a value is of the wrong type or out of bounds.
        """
        return parse(type(self), self.builtins(), type(self).__name__)

    def replace(self, **changes: object) -> Self:
        """A checked copy with other values in some fields.

        Raises:
            ConfigError: a field is unknown, or its value of the wrong type or out of bounds.
        """
        try:
            changed = msgspec.structs.replace(self, **changes)
        except _ERRORS as error:
            raise ConfigError(f"{type(self).__name__} cannot be changed so: {error}.") from error
        return changed.checked()


def parse(model: type[T], raw: object, where: str, remedy: str = "Compare it with one of a bundled loss.") -> T:
    """A model out of decoded JSON.

    Args:
        model: a model, or a type made of models.
        raw: dicts, lists, strings, numbers, None.
        where: what is read, for the error.
        remedy: what to do if it is not valid, for the error.

    Raises:
        ConfigError: a key is unknown or missing, or a value of the wrong type or out of bounds.
    """
    try:
        return msgspec.convert(raw, model)
    except _ERRORS as error:
        raise ConfigError(f"{where} is not valid: {error}{_choices(model, str(error))}. {remedy}") from error


def _number(value: object) -> object:
    """NumPy's scalars as Python's."""
    if hasattr(value, "dtype") and hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{value!r:.80}, of type {type(value).__name__}")


def _choices(model: object, message: str) -> str:
    """The values that were possible, if the message says that a value is none of them."""
    place = re.fullmatch(r"Invalid enum value .* - at `\$(.*)`", message, re.DOTALL)
    if place is None:
        return ""
    node = inspect.type_info(model)
    for step in re.findall(r"\.\w+|\[[^\]]*\]", place[1]):
        node = _below(node, step)
    return f" (one of {', '.join(map(str, node.values))} was expected)" if isinstance(node, inspect.LiteralType) else ""


def _below(node: inspect.Type, step: str) -> inspect.Type:
    """The type of a field, or of the items of a container."""
    if isinstance(node, inspect.UnionType):
        node = next(each for each in node.types if not isinstance(each, inspect.NoneType))
    if isinstance(node, inspect.StructType):
        return next(field.type for field in node.fields if field.name == step[1:])
    return cast(inspect.Type, getattr(node, "item_type", None) or getattr(node, "value_type", node))
