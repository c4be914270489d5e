"""Typed models of what JSON holds: parsed without conversions between types, every bound kept."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Self, TypeVar, cast

import msgspec
from msgspec import Meta

from ml3zoo.errors import ConfigError

Finite = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
NotNegative = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
T = TypeVar("T")


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen model that forbids keys it does not know. Called from Python it checks nothing: see ``checked``."""

    def builtins(self) -> dict[str, Any]:
        """As what JSON knows: dicts, lists, strings, numbers, None.

        Raises:
            ConfigError: a field holds something else.
        """
        try:
            return cast(dict[str, Any], msgspec.to_builtins(self))
        except TypeError as error:
            raise ConfigError(f"{type(self).__name__} holds what JSON does not know: {error}.") from error

    def checked(self) -> Self:
        """The same, with every type and bound checked.

        Raises:
            ConfigError: one is broken.
        """
        return parse(type(self), self.builtins(), type(self).__name__)

    def replace(self, **changes: object) -> Self:
        """A checked copy with other values in some fields.

        Raises:
            ConfigError: a field is unknown, or its value of the wrong type or out of bounds.
        """
        try:
            return msgspec.structs.replace(self, **changes).checked()
        except TypeError as error:
            raise ConfigError(f"{type(self).__name__} cannot be changed so: {error}.") from error


def parse(kind: type[T], raw: object, where: str) -> T:
    """A model out of what JSON gave.

    Args:
        kind: a model, or a type made of models.
        raw: dicts, lists, strings, numbers, None.
        where: what it is, for the error.

    Raises:
        ConfigError: a key is unknown or missing, or a value of the wrong type or out of bounds.
    """
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where} is not valid: {error}. Compare it with one of a bundled loss.") from error
