"""The docstrings of generated methods: our own summary, and the spec's facts."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Final

from .ir import Case, Param
from .spec import Argument, Command

_PHRASES: Final = {
    "Key": "a key, as text or bytes.",
    "Pattern": "a glob-style pattern, as text or bytes.",
    "Value": "text, bytes or a number.",
    "int": "a whole number.",
    "float": "a number.",
    "bool": "off by default.",
    "Unit": '``"M"``, ``"KM"``, ``"FT"`` or ``"MI"``, in either case.',
    "Seconds": "whole seconds, or a timedelta.",
    "Milliseconds": "whole milliseconds, or a timedelta.",
    "UnixSeconds": "seconds since 1970, or a datetime.",
    "UnixMilliseconds": "milliseconds since 1970, or a datetime.",
    "BitGet | BitSet | BitIncrBy": "``BitGet``, ``BitSet`` and ``BitIncrBy`` of ``redpoll.values``, in the order they run.",
    "Many[Key] | int": "the keys; or their number, where keys and arguments follow one by one.",
    "Many[Value] | Value": "the arguments; behind a number of keys, the first that follows it.",
    "Many[float] | bytes | bytearray | memoryview": "numbers, or their bytes as 32-bit floats.",
    "Many[float] | bytes | bytearray | memoryview | str": "numbers, their bytes as 32-bit floats, or an element.",
    "Pattern | Many[Pattern]": "one glob-style pattern, or several.",
    "int | Many[int]": "a whole number, or several.",
    "Field | Many[Field]": "``TextField`` or another field of ``redpoll.search``, or several.",
    "IndexDefinition": "``IndexDefinition`` of ``redpoll.search``: which documents the index covers.",
    "Value | Query": "text in the language of queries, or a ``Query`` of ``redpoll.search``, which holds its own options.",
    "Value | AggregateRequest": "text in the language of queries, or an ``AggregateRequest`` of ``redpoll.search``.",
    "HybridQuery": "``HybridQuery`` of ``redpoll.search``.",
    "Query | AggregateRequest | HybridQuery": "one of these, of ``redpoll.search``.",
    "Step": "``Load``, ``GroupBy``, ``SortBy``, ``Apply``, ``Filter`` or ``Limit`` of ``redpoll.search``, in their order.",
    "Cursor": "``Cursor`` of ``redpoll.search``: rows come in parts.",
    "SortKey": "a field, or ``Asc`` or ``Desc`` of one.",
    "BitGet": "``BitGet`` of ``redpoll.values``.",
    "GrepExact | GrepMatch | GrepGlob | GrepRe": "``GrepExact`` and its kind, of ``redpoll.values``.",
    "Timestamp": 'milliseconds since 1970, a datetime, or one of the server\'s words, such as ``"*"``, ``"-"``, ``"+"``.',
    "tuple[Value, Aggregator]": "a label, and how the series that share its value become one.",
    "Aggregator": '``Aggregator`` of ``redpoll.types``, such as ``"avg"``.',
    "Many[Aggregator]": 'several, such as ``("min", "max")``; each sample then has one value for each.',
    "Aggregator | Many[str]": 'one for all series, or a list of one a series, where ``"min,max"`` gives two values.',
    "Value | Many[Value]": "texts, or collections of them.",
    "object": "any value, sent as JSON text; ``RawJSON`` of ``redpoll.values`` for text that is JSON already.",
    "Many[tuple[Key, DocumentPath, object]]": "tuples of key, path and value.",
    "Many[tuple[Key, Timestamp, float]]": "tuples of key, timestamp (as in ``ts_add``) and value.",
    "DocumentPath": "what begins with ``$`` may match several values; else the first match counts, ``.`` is the whole.",
    "Dumps": "turns the value into JSON text; the standard ``json.dumps`` by default.",
    "Loads": "turns JSON text into a value; the standard ``json.loads`` by default.",
    "bytes | bytearray | memoryview": "bytes.",
    "ScoreBound": 'a score, ``"(1.5"`` for an exclusive one, ``"-inf"`` or ``"+inf"``.',
}

_MODULE_SINCE: Final = {
    "ReJSON": "RedisJSON", "search": "RediSearch", "timeseries": "RedisTimeSeries", "bf": "RedisBloom",
}  # fmt: skip


def docstring(
    command: Command,
    summary: str,
    params: Sequence[Param],
    cases: Sequence[Case],
    note: str | None = None,
    *,
    page: bool = True,
) -> str:
    """Return the text between the quotes, unindented and escaped.

    Args:
        command: the spec.
        summary: our sentence on it.
        params: the method's parameters.
        cases: what it returns.
        note: what stands at the end.
        page: the command has a page in its server's documentation.
    """
    lines = [summary, "", f"``{syntax(command)}``"]
    if params:
        lines += ["", "Args:", *(f"    {param.name}: {_phrase(param)}" for param in params)]
    lines += ["", "Returns:", *(f"    {line}" for line in _returns(cases))]
    end = [*_origin(command, page), *([note] if note else [])]
    lines += ["", *end] if end else []
    return escape("\n".join(lines))


def escape(text: str) -> str:
    """Make text safe between triple double quotes: specs are not trusted."""
    text = text.replace("\\", "\\\\")
    return re.sub(r'"{3,}|"+\Z', lambda quotes: '\\"' * len(quotes[0]), text)


def _phrase(param: Param) -> str:
    phrase = _kind(param)
    if param.token and param.is_flag:
        phrase = f"add ``{param.token}``."
    elif param.token and param.kind == "keyword":
        phrase = f"``{param.token}``, {phrase}"
    if param.since:
        phrase += f" Since {param.since}."
    return f"{phrase} Valkey only." if param.valkey_only else phrase


def _kind(param: Param) -> str:
    inner = param.type.removeprefix("Many[").removesuffix("]")
    if param.kind == "var":
        return f"any number of them: {_PHRASES.get(param.type, f'``{param.type}`` each.')}"
    if param.type in _PHRASES:
        return _PHRASES[param.type]
    if isinstance(ast.parse(param.type, mode="eval").body, ast.BinOp):
        return f"``{param.type}``."
    if param.type.startswith("Many["):
        return f"a collection: {_PHRASES.get(inner, f'``{inner}`` each.')}"
    return "a mapping." if param.type.startswith("Pairs[") else f"``{param.type}``."


def _returns(cases: Sequence[Case]) -> list[str]:
    while len(cases) > 1 and cases[-2].reply.type == cases[-1].reply.type:
        cases = [*cases[:-2], cases[-1]]
    if len(cases) == 1:
        return [f"``{cases[0].reply.type}``"]
    lines = [f"``{case.reply.type}`` with {_condition(case)};" for case in cases[:-1]]
    return [*lines, f"else ``{cases[-1].reply.type}``."]


def _condition(case: Case) -> str:
    if case.when == ("jsonpath(path)",):
        return "a ``path`` that begins with ``$``"
    return " and ".join(f"no ``{name[1:]}``" if name.startswith("!") else f"``{name}``" for name in case.when)


def _origin(command: Command, page: bool) -> list[str]:
    facts: list[str] = []
    if command.complexity:
        facts.append(f"Complexity: {command.complexity}.")
    names = {"redis": _MODULE_SINCE.get(command.module or "", "Redis"), "valkey": "Valkey"}
    if command.module and not page:
        names = dict.fromkeys(names, command.module)
    since = [f"{names[provider]} {version}" for provider, version in command.providers.items() if version]
    if since:
        facts.append(f"Since {', '.join(since)}.")
    if command.deprecated_since:
        instead = f": use {', '.join(command.replaced_by)}" if command.replaced_by else ""
        facts.append(f"Deprecated since {command.deprecated_since}{instead}.")
    if page:
        path = command.name.lower().replace(" ", "-")
        host = "redis.io/docs/latest" if "redis" in command.providers else "valkey.io"
        facts.append(f"See https://{host}/commands/{path}/")
    return facts


def syntax(command: Command) -> str:
    """Return the command's syntax line: ``LPOP key [count]``."""
    return " ".join([command.name, *(_node(node) for node in command.arguments)])


def _node(node: Argument) -> str:
    if node.type == "pure-token":
        text = node.token or '""'
    elif node.type == "oneof":
        text = "|".join(_node(child) for child in node.arguments)
        text = text if node.optional and not node.token and not node.multiple else f"<{text}>"
    elif node.type == "block":
        text = " ".join(_node(child) for child in node.arguments)
    else:
        text = node.name
    token = f"{node.token} " if node.token is not None and node.type != "pure-token" else ""
    if node.multiple:
        again = f"{token}{text}" if node.multiple_token else text
        text = f"{text} [{again} ...]"
    return f"[{token}{text}]" if node.optional else f"{token}{text}"
