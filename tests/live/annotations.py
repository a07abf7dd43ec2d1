"""What a method promises, and whether a value keeps the promise: annotations read at run time."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from typing_extensions import override

from redpoll import records, search
from redpoll import types as types_
from redpoll.errors import ServerError

PLAIN = (bool, int, float, str, bytes)
OWN = ("redpoll.search", "redpoll.values")
"""Where the classes are that are passed to methods, and of which overloads may tell one from another."""


def _records() -> dict[str, Any]:
    modules = [
        importlib.import_module(f"{records.__name__}.{found.name}") for found in pkgutil.iter_modules(records.__path__)
    ]
    return {
        name: value for module in [types_, search, *modules] for name, value in vars(module).items() if name[0] != "_"
    }


NAMES = _records()


@dataclasses.dataclass(frozen=True)
class Shape:
    """One overload of a method, or a method without overloads.

    Attributes:
        name: the method.
        index: which overload, counted from 0.
        fallback: it takes a plain ``bool`` where others take its two values, so no call needs it.
        returns: the annotation of the value.
        promise: the same as it is written.
    """

    name: str
    index: int
    fallback: bool
    returns: Any
    promise: str
    signature: inspect.Signature = dataclasses.field(compare=False, repr=False)
    hints: dict[str, Any] = dataclasses.field(compare=False, repr=False)

    @override
    def __hash__(self) -> int:
        return hash((self.name, self.index))

    def takes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Tell whether a call fits this overload: its parameters, and which of them are None, True or False."""
        try:
            bound = self.signature.bind(None, *args, **kwargs)
        except TypeError:
            return False
        bound.apply_defaults()
        kinds = self.signature.parameters
        return all(
            kinds[name].kind is inspect.Parameter.VAR_POSITIONAL or _accepts(value, self.hints[name])
            for name, value in bound.arguments.items()
            if name != "self"
        )


def _accepts(value: Any, annotation: Any) -> bool:
    members = _members(annotation)
    if value is None:
        return any(member in (None, type(None), Any, object) for member in members)
    if all(isinstance(member, type) and member.__module__.startswith(OWN) for member in members):
        return isinstance(value, members)
    if isinstance(value, dict):
        return any(get_origin(member) is types_.Pairs or member in (Any, object) for member in members)
    if all(get_origin(member) is Literal or member is type(None) for member in members):
        return any(value == word and type(value) is type(word) for member in members for word in get_args(member))
    return any(member not in (None, type(None)) for member in members)


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


@functools.cache
def shapes(method: Callable[..., Any]) -> tuple[Shape, ...]:
    """Return the overloads of a method, or the method itself; the implementation's own annotation is not among them."""
    found = typing.get_overloads(method) or [method]
    # Names that the generated modules import for checkers alone are found here.
    every = [get_type_hints(each, localns={**NAMES, **each.__globals__}) for each in found]
    split = {
        name
        for hints in every
        for name, hint in hints.items()
        if name != "return" and get_origin(hint) is Literal and isinstance(get_args(hint)[0], bool)
    }
    result: list[Shape] = []
    for index, (each, hints) in enumerate(zip(found, every, strict=True)):
        # A flag is plain where all flags that tell overloads apart are; LCS' LEN is plain where IDX decides alone.
        fallback = bool(split) and all(hints[name] is bool for name in split if name in hints)
        fallback = fallback and index == len(found) - 1
        result.append(
            Shape(
                method.__name__,
                index,
                fallback,
                hints["return"],
                each.__annotations__["return"],
                inspect.signature(each),
                hints,
            )
        )
    return tuple(result)


def misfit(value: Any, annotation: Any, text: type) -> str:
    """Return where and how a value does not fit an annotation; an empty string where it does.

    Args:
        value: what a method returned.
        annotation: what it promised.
        text: what ``S`` stands for, ``str`` or ``bytes``.
    """
    if annotation is Any:
        return ""
    if isinstance(annotation, TypeVar):
        annotation = text
    if annotation in (None, type(None)):
        return "" if value is None else f"{value!r} is not None"
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        found = [misfit(value, member, text) for member in args]
        return "" if "" in found else f"{value!r} fits no part of {annotation}"
    if origin is Literal:
        return "" if any(value == word and type(value) is type(word) for word in args) else f"{value!r} not in {args}"
    record = origin or annotation
    if type(value) is not record:
        return f"{value!r} is {type(value).__name__}, not {annotation}"
    if record in PLAIN or issubclass(record, ServerError):
        return ""
    for where, part, hint in _parts(value, record, args):
        if why := misfit(part, hint, text):
            return f"{where}: {why}"
    return ""


def matches(value: Any, annotation: Any, text: type) -> bool:
    """Tell whether a value fits an annotation, exactly: an int is no bool and no float."""
    return not misfit(value, annotation, text)


@functools.cache
def _fields(record: type) -> dict[str, Any]:
    return get_type_hints(record)


def _parts(value: Any, record: Any, args: tuple[Any, ...]) -> Iterator[tuple[str, Any, Any]]:
    if dataclasses.is_dataclass(record):
        hints = _fields(cast("type", record))
        for field in dataclasses.fields(record):
            yield f".{field.name}", getattr(value, field.name), hints[field.name]
    elif record is dict:
        for key, part in value.items():
            yield "key", key, args[0]
            yield f"[{key!r}]", part, args[1]
    elif record is tuple and args[1:] != (...,):
        if len(value) != len(args):
            yield "length", len(value), Literal[len(args)]
        else:
            for index, (part, hint) in enumerate(zip(value, args, strict=True)):
                yield f"[{index}]", part, hint
    elif record in (list, set, tuple):
        for index, part in enumerate(value):
            yield f"[{index}]", part, args[0]
    else:
        raise NotImplementedError(f"no rule for {record!r}")


def as_text(value: Any, annotation: Any) -> Any:
    """Return a bytes client's value as a text client would have it: what ``S`` stands for decoded, all else as it is.

    Args:
        value: a value that ``matches`` its annotation for bytes.
        annotation: the promise.
    """
    return _all_text(value) if annotation is Any else _as_text(value, annotation)


def _as_text(value: Any, annotation: Any) -> Any:
    if isinstance(annotation, TypeVar):
        return value.decode()
    args = get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return _as_text(value, next(member for member in args if matches(value, member, bytes)))
    record = get_origin(annotation) or annotation
    if dataclasses.is_dataclass(record):
        hints = _fields(cast("type", record))
        changed = {
            field.name: _as_text(getattr(value, field.name), hints[field.name]) for field in dataclasses.fields(record)
        }
        return dataclasses.replace(value, **changed)
    if record is dict:
        return {_as_text(key, args[0]): _as_text(part, args[1]) for key, part in value.items()}
    if record is tuple and args[1:] != (...,):
        return tuple(_as_text(part, hint) for part, hint in zip(value, args, strict=True))
    if record in (list, set, tuple):
        return record(_as_text(part, args[0]) for part in value)
    return value


def _all_text(value: Any) -> Any:
    if isinstance(value, str):
        raise AssertionError(f"str on a client of bytes: {value!r}")
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {_all_text(key): _all_text(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(map(_all_text, value))
    return value
