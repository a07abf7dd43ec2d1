"""Reply expressions, such as ``opt(list(float))``: parsed, typed over ``S``, and turned into decoder source.

An expression comes from the overlay or from a ``reply_schema``. A name that is no built-in one is a function of
``redpoll.decoders``; its static type is that function's return annotation, so that a decoder says its type only once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

from .ir import Reply
from .places import PACKAGE

DECODERS: Final = PACKAGE / "decoders"

ATOMS: Final = {
    "any": Reply("Any"),
    "bool": Reply("bool", "d.flag"),
    "bytes": Reply("bytes", raw=True),
    "float": Reply("float", "d.to_float"),
    "int": Reply("int"),
    "none": Reply("None"),
    "ok": Reply("bool", "d.ok"),
    "str": Reply("str", "d.to_str"),
    "text": Reply("S"),
}


class ReplyError(Exception):
    """An expression that cannot be read."""


def parse(expression: str) -> Reply:
    """Return the static type and decoder of a reply expression.

    Raises:
        ReplyError: bad syntax, or a name that is neither built in nor a decoder.
    """
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError as error:
        raise ReplyError(f"{expression!r} is no reply expression") from error
    return _reply(tree, expression)


def _reply(node: ast.expr, source: str) -> Reply:
    if isinstance(node, ast.Name):
        if node.id in ATOMS:
            return ATOMS[node.id]
        found = bespoke().get(node.id)
        if found is None:
            raise ReplyError(f"{source!r}: there is no decoder {node.id!r}")
        return Reply(found.type, found.source)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        parts = [_reply(part, source) for part in node.args]
        combine = _COMBINATORS.get(node.func.id)
        if combine is None or not parts:
            raise ReplyError(f"{source!r}: there is no combinator {node.func.id!r} of {len(parts)} parts")
        return combine(parts)
    raise ReplyError(f"{source!r} is no reply expression")


def _decoder(function: str, parts: Sequence[Reply], *, always: bool = False) -> str | None:
    if not always and all(part.decode is None for part in parts):
        return None
    return f"d.{function}({', '.join(part.decode or 'None' for part in parts)})"


def _raw(parts: Sequence[Reply]) -> bool:
    return any(part.raw for part in parts)


def _opt(parts: Sequence[Reply]) -> Reply:
    type_ = parts[0].type if parts[0].type.endswith("None") else f"{parts[0].type} | None"
    return Reply(type_, _decoder("opt", parts), _raw(parts))


def _list(parts: Sequence[Reply]) -> Reply:
    return Reply(f"list[{parts[0].type}]", _decoder("list_of", parts), _raw(parts))


def _set(parts: Sequence[Reply]) -> Reply:
    return Reply(f"set[{parts[0].type}]", _decoder("set_of", parts, always=True), _raw(parts))


def _map(parts: Sequence[Reply]) -> Reply:
    decode = "d.as_map" if parts[0].decode is parts[1].decode is None else _decoder("map_of", parts)
    return Reply(f"dict[{parts[0].type}, {parts[1].type}]", decode, _raw(parts))


def _pairs(parts: Sequence[Reply]) -> Reply:
    decode = _decoder("pairs_of", parts, always=True)
    return Reply(f"list[tuple[{parts[0].type}, {parts[1].type}]]", decode, _raw(parts))


def _tuple(parts: Sequence[Reply]) -> Reply:
    inner = ", ".join(part.type for part in parts)
    return Reply(f"tuple[{inner}]", _decoder("tuple_of", parts, always=True), _raw(parts))


def _union(parts: Sequence[Reply]) -> Reply:
    """Alternatives that no argument tells apart: only of values that need no decoder."""
    types = list(dict.fromkeys(part.type for part in parts))
    return Reply(" | ".join(types), None, _raw(parts))


def _by_words(parts: Sequence[Reply]) -> Reply:
    """A decoder that a function chooses by the call's words: of one that is annotated to return a ``Decoder``."""
    found = re.fullmatch(r"Decoder\[(.*)\]", parts[0].type)
    if found is None or parts[0].decode is None:
        raise ReplyError(f"by_words needs a function that returns a Decoder, not {parts[0].type}")
    return Reply(found[1], parts[0].decode, by_words=True)


_COMBINATORS: Final = {
    "by_words": _by_words,
    "list": _list,
    "map": _map,
    "opt": _opt,
    "pairs": _pairs,
    "set": _set,
    "tuple": _tuple,
    "union": _union,
}


@dataclass(frozen=True, slots=True)
class Bespoke:
    """A decoder function: its return type over ``S``, and the source that names it."""

    type: str
    source: str


@cache
def bespoke() -> dict[str, Bespoke]:
    """Return the decoder functions by name.

    One that makes records is named within a lambda, so that its module is imported with the first such reply.
    """
    found: dict[str, Bespoke] = {}
    for path in sorted(DECODERS.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        late = "from redpoll.records" in text
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.returns is not None and not node.name.startswith("_"):
                source = f"d.{node.name}"
                if late:
                    given = node.args.args[0].arg
                    source = f"lambda {given}: d.{path.stem}.{node.name}({given})"
                found[node.name] = Bespoke(re.sub(r"\bText\b", "S", ast.unparse(node.returns)), source)
    return found


@cache
def record_modules() -> dict[str, str]:
    """Return the module of ``redpoll.records`` that defines each name that a reply's type may use."""
    found: dict[str, str] = {}
    for path in sorted((DECODERS.parent / "records").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = path.stem
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = path.stem
    return found


@cache
def search_names() -> frozenset[str]:
    """Return the classes and aliases of ``redpoll.search``, which parameters may be annotated with."""
    source = (DECODERS.parent / "search" / "__init__.py").read_text(encoding="utf-8")
    listed = next(node.value for node in ast.parse(source).body if isinstance(node, ast.Assign))
    return frozenset(name for name in ast.literal_eval(listed) if name[0].isupper())


def from_schema(schema: Mapping[str, Any] | None) -> str:
    """Return the reply expression of a JSON schema; ``any`` where there is none or where it says nothing.

    The schemas describe RESP3 and know no argument: alternatives become a union.
    """
    if schema is None:
        return "any"
    alternatives = schema.get("oneOf") or schema.get("anyOf")
    if alternatives is not None:
        return _alternatives(cast("list[Mapping[str, Any]]", alternatives))
    if "const" in schema:
        return _constant(schema["const"])
    if "enum" in schema:
        return _alternatives([{"const": value} for value in cast("list[object]", schema["enum"])])
    kind = schema.get("type")
    if kind == "array":
        return _array(schema)
    if kind == "object":
        return _object(schema)
    scalars = {"string": "text", "integer": "int", "number": "float", "boolean": "bool", "null": "none"}
    return scalars.get(str(kind), "any")


def _constant(value: object) -> str:
    if value == "OK":
        return "ok"
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int) else "none" if value is None else "str"


def _alternatives(schemas: Sequence[Mapping[str, Any]]) -> str:
    constants = [schema["const"] for schema in schemas if "const" in schema]
    if len(constants) == len(schemas) and set(map(str, constants)) <= {"0", "1"} and len(constants) == 2:
        return "bool"
    parts = list(dict.fromkeys(from_schema(schema) for schema in schemas))
    nil = "none" in parts or any(part.startswith("opt(") for part in parts)
    parts = list(
        dict.fromkeys(
            part.removeprefix("opt(").removesuffix(")") if part.startswith("opt(") else part
            for part in parts
            if part != "none"
        )
    )
    if "any" in parts or not parts:
        return "any"
    if len(parts) > 1 and any(parse(part).decode is not None for part in parts):
        return "any"  # the alternatives differ by arguments: the overlay tells them apart
    inner = parts[0] if len(parts) == 1 else f"union({', '.join(parts)})"
    return f"opt({inner})" if nil else inner


def _array(schema: Mapping[str, Any]) -> str:
    items = schema.get("items")
    if isinstance(items, list):
        parts = [from_schema(cast("Mapping[str, Any]", item)) for item in cast("list[object]", items)]
        return f"tuple({', '.join(parts)})" if parts else "list(any)"
    inner = from_schema(cast("Mapping[str, Any]", items)) if isinstance(items, dict) else "any"
    return f"set({inner})" if schema.get("uniqueItems") and inner == "text" else f"list({inner})"


def _object(schema: Mapping[str, Any]) -> str:
    inner: list[Mapping[str, Any]] = []
    for key in ("properties", "patternProperties"):
        inner += cast("dict[str, Mapping[str, Any]]", schema.get(key, {})).values()
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        inner.append(cast("Mapping[str, Any]", extra))
    kinds = {from_schema(part) for part in inner}
    if len(kinds) == 1:
        key = "str" if schema.get("properties") else "text"
        return f"map({key}, {kinds.pop()})"
    return "map(str, any)"
