"""What decides a result, as text by its place: values, and the code that a user wrote. Never an address.

Code counts as the interpreter sees it, so comments, docstrings and line numbers do not matter; with it count the
functions, classes and constants of the user's files that it names. The code of installed packages is left to their
versions. Of a ``nn.Module`` the layers count, not the weights: a network that only lends its structure has other
weights in every process.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PART = re.compile(r"[.\[(]")
_INSTALLED = ("site-packages", "dist-packages")
_STANDARD = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib"))
_WRAPPERS = ("__func__", "fget", "func", "__wrapped__")
"""Where a method stands within what wraps it: class methods, properties, cached ones."""
_SHOWING = ("__repr__", "__str__")
_ABSENT = object()


class Identity(NamedTuple):
    """What decides a result.

    Attributes:
        values: text by place, such as ``training.lr``; code stands at ``training.configs[0].family.objective()``.
        defaults: places of fields that hold their default.
    """

    values: dict[str, str]
    defaults: frozenset[str]

    def changes(self, before: Mapping[str, str]) -> list[str]:
        """Where another identity's values differ, a few words each. A field that it lacks may hold its default."""
        found = []
        for place in dict.fromkeys((*before, *self.values)):
            old, new = before.get(place), self.values.get(place)
            if old == new or (old is None and self._is_default(place)):
                continue
            told = place.endswith("()") or max(len(old or ""), len(new or "")) > 60
            found.append(f"{place} changed" if told else f"{place} was {old or 'not there'}, is {new or 'not there'}")
        return found

    def digest(self) -> str:
        """All of it in one hash."""
        return hashlib.sha256(repr(sorted(self.values.items())).encode()).hexdigest()

    def _is_default(self, place: str) -> bool:
        ends = [*(match.start() for match in _PART.finditer(place)), len(place)]
        return any(place[:end] in self.defaults for end in ends)


def identity_of(**parts: Any) -> Identity:
    """The identity of named values of any type."""
    reader = _Reader()
    for name, value in parts.items():
        reader.read(name, value)
    return Identity(reader.values, frozenset(reader.defaults))


class _Reader:
    """Collects the text of values; an object within itself is named, not read again."""

    def __init__(self, within: Sequence[object] = (), codes: dict[int, str] | None = None) -> None:
        self.values: dict[str, str] = {}
        self.defaults: set[str] = set()
        self._within = [*within]
        self._codes: dict[int, str] = {} if codes is None else codes

    def read(self, place: str, value: Any) -> None:
        """All that a value holds, by place."""
        if any(value is each for each in self._within):
            self.values[place] = "itself"
            return
        self._within.append(value)
        try:
            self._read(place, value)
        finally:
            self._within.pop()

    def _read(self, place: str, value: Any) -> None:
        if isinstance(value, Tensor):
            value = value.detach().cpu()
            value = value.view(torch.int16).numpy() if value.dtype == torch.bfloat16 else value.numpy()
        if isinstance(value, np.ndarray) and value.dtype != object:
            self.values[place] = f"{value.dtype} {value.shape} {_hash(np.ascontiguousarray(value).tobytes())}"
        elif isinstance(value, ModuleType):
            self.values[place] = value.__name__
        elif isinstance(value, torch.Generator):
            self.read(place, value.get_state())
        elif isinstance(value, type):
            self.values[place] = _name(value)
            self._read_class(place, value)
        elif isinstance(value, MethodType):
            self.read(f"{place}.self", value.__self__)
            self.read(place, value.__func__)
        elif isinstance(value, FunctionType):
            self.values[place] = _name(value)
            if _is_users(value):
                self.values[f"{place}()"] = self._code(value)
        elif isinstance(value, functools.partial):
            self.read(place, value.func)
            self.read(f"{place}.args", value.args)
            self.read(f"{place}.keywords", value.keywords)
        elif isinstance(value, Mapping):
            self._read_parts(place, type(value), {f"{place}[{key!r}]": each for key, each in value.items()})
        elif isinstance(value, list | tuple):
            self._read_parts(place, type(value), {f"{place}[{k}]": each for k, each in enumerate(value)})
        elif isinstance(value, set | frozenset):
            self.values[place] = f"{{{', '.join(sorted(map(repr, value)))}}}"
        elif isinstance(value, nn.Module):
            self._read_module(place, value)
        else:
            self._read_object(place, value)

    def _read_parts(self, place: str, kind: type, parts: Mapping[str, Any]) -> None:
        self.values[place] = f"{kind.__name__} of {len(parts)}"
        for name, each in parts.items():
            self.read(name, each)

    def _read_module(self, place: str, module: nn.Module) -> None:
        self.values[place] = _ADDRESS.sub("", repr(module))
        for name, layer in module.named_modules():
            settings = {key: each for key, each in vars(layer).items() if not key.startswith("_") and key != "training"}
            for key, each in settings.items():
                self.read(f"{place}.{name}.{key}" if name else f"{place}.{key}", each)
            self._read_class(f"{place}.{name}" if name else place, type(layer))

    def _read_object(self, place: str, value: Any) -> None:
        parts = _fields(value)
        if parts is None:
            self.values[place] = _ADDRESS.sub("", repr(value))
            return
        self.values[place] = _name(type(value))
        for name, each, default in parts:
            at = f"{place}.{name}"
            self.read(at, each)
            if default is not _ABSENT and self._text(each) == self._text(default):
                self.defaults.add(at)
        self._read_class(place, type(value))

    def _text(self, value: Any) -> dict[str, str]:
        reader = _Reader(self._within[:-1], self._codes)
        reader.read("", value)
        return reader.values

    def _read_class(self, place: str, kind: type) -> None:
        """What a user wrote into a class: its methods and constants."""
        fields = {each.name for each in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
        for base in reversed(kind.__mro__):
            if _is_users(base):
                for name, member in vars(base).items():
                    if name not in fields:
                        self._read_member(place, name, member)

    def _read_member(self, place: str, name: str, member: Any) -> None:
        function = next((f for of in _WRAPPERS if isinstance(f := getattr(member, of, None), FunctionType)), member)
        if isinstance(function, FunctionType):
            generated = function.__code__.co_filename == "<string>"  # as dataclasses write them
            if not generated and name not in _SHOWING:
                self.values[f"{place}.{name}()"] = self._code(function) if _is_users(function) else _name(function)
        elif not (name.startswith("__") or name == "_abc_impl" or inspect.isdatadescriptor(member)):
            self.read(f"{place}.{name}", member)

    def _code(self, function: FunctionType) -> str:
        """A digest of a function's code and of all that it names in its user's files."""
        if id(function) in self._codes:
            return self._codes[id(function)]
        parts = _Reader([*self._within, function], self._codes)
        self._codes[id(function)] = function.__qualname__
        for name, default in (function.__kwdefaults__ or {}).items():
            parts.read(f"default {name}", default)
        parts.read("defaults", function.__defaults__)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if cell != type(cell)():
                parts._read_named(name, cell.cell_contents)
        names = sorted(set(_names(function.__code__)))
        for name in names:
            found = function.__globals__.get(name, _ABSENT)
            if isinstance(found, ModuleType) and _is_users_module(found):
                for within in names:
                    parts._read_named(f"{name}.{within}", vars(found).get(within, _ABSENT))
            else:
                parts._read_named(name, found)
        code = _without_places(function.__code__, function.__doc__)
        self._codes[id(function)] = _hash(repr((code, sorted(parts.values.items()))).encode())
        return self._codes[id(function)]

    def _read_named(self, name: str, value: Any) -> None:
        """What code names: functions and classes of a user, and constants."""
        if value is _ABSENT or isinstance(value, ModuleType):
            return
        if isinstance(value, type | FunctionType | BuiltinFunctionType) and not _is_users(value):
            return
        self.read(name, value)


def _fields(value: Any) -> list[tuple[str, Any, Any]] | None:
    """Names, values and defaults of what an object holds; None if its ``repr`` says all."""
    if dataclasses.is_dataclass(value):
        return [
            (each.name, getattr(value, each.name), _default(each.default, each.default_factory, dataclasses.MISSING))
            for each in dataclasses.fields(value)
            if each.compare and hasattr(value, each.name)
        ]
    if isinstance(value, msgspec.Struct):
        return [
            (each.name, getattr(value, each.name), _default(each.default, each.default_factory, msgspec.NODEFAULT))
            for each in msgspec.structs.fields(value)
        ]
    if hasattr(value, "__dict__"):
        return [(name, each, _ABSENT) for name, each in sorted(vars(value).items())]
    return None


def _default(value: Any, factory: Any, missing: object) -> Any:
    if value is not missing:
        return value
    return _ABSENT if factory is missing else factory()


def _name(thing: Any) -> str:
    return str(thing.__qualname__ if _is_users(thing) else f"{thing.__module__}.{thing.__qualname__}")


def _is_users(thing: Any) -> bool:
    """Whether a function or class stands in a user's own file."""
    name = getattr(thing, "__module__", None) or ""
    module = sys.modules.get(name)
    return name == "__main__" or (_is_users_module(module) if module else name != "")


def _is_users_module(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is None or module.__name__.partition(".")[0] == "ml3zoo":
        return False
    return not (file.startswith(_STANDARD) or set(_INSTALLED) & set(Path(file).parts))


def _names(code: CodeType) -> Iterator[str]:
    """All global names and attributes in code, also within."""
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)


def _without_places(code: CodeType, doc: str | None = None) -> object:
    """What code does, without its file, lines and docstrings."""
    constants = []
    for each in code.co_consts:
        if isinstance(each, CodeType):
            first = None if each.co_name.startswith("<") else next(iter(each.co_consts), None)
            constants.append(_without_places(each, first if isinstance(first, str) else None))
        elif isinstance(each, frozenset):
            constants.append(sorted(map(repr, each)))
        elif not (doc is not None and each == doc):
            constants.append(repr(each))
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return code.co_code, constants, code.co_names, arguments


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
