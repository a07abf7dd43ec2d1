"""The docstrings of generated methods: our own summary, and the spec's facts."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Final

from .ir import Case, Param
from .spec import Argument, Command

_STOPGAPS: Final = {
    "Key": "a key, as text or bytes",
    "Pattern": "a glob-style pattern, as text or bytes",
    "Value": "text, bytes or a number",
    "int": "a whole number",
    "float": "a number",
    "bool": "off by default",
    "Pattern | Many[Pattern]": "one glob-style pattern, or several",
    "int | Many[int]": "a whole number, or several",
    "Value | Many[Value]": "texts, or collections of them",
    "bytes | bytearray | memoryview": "bytes",
}
"""What is said of a parameter where there is nothing else to say: no more than its type."""

_FORMS: Final = {
    "Unit": '``"M"``, ``"KM"``, ``"FT"`` or ``"MI"``, in either case',
    "Seconds": "in whole seconds or as a timedelta",
    "Milliseconds": "in whole milliseconds or as a timedelta",
    "UnixSeconds": "in seconds since 1970 or as a datetime",
    "UnixMilliseconds": "in milliseconds since 1970 or as a datetime",
    "Timestamp": 'milliseconds since 1970, a datetime, or one of the server\'s words, such as ``"*"``, ``"-"``, ``"+"``',
    "Aggregator": '``Aggregator`` of ``redpoll.types``, such as ``"avg"``',
    "ScoreBound": 'a number, ``"(1.5"`` for an exclusive one, ``"-inf"`` or ``"+inf"``',
}
"""What types take; it stands behind the parameter's phrase, or alone."""

TELLING: Final = {
    "BitGet | BitSet | BitIncrBy": "``BitGet``, ``BitSet`` and ``BitIncrBy`` of ``redpoll.values``, in the order they run",
    "Many[Key] | int": "the keys; or their number, where keys and arguments follow one by one",
    "Many[Value] | Value": "the arguments; behind a number of keys, the first that follows it",
    "Many[float] | bytes | bytearray | memoryview": "numbers, or their bytes as 32-bit floats",
    "Many[float] | bytes | bytearray | memoryview | str": "numbers, their bytes as 32-bit floats, or an element",
    "Field | Many[Field]": "``TextField`` or another field of ``redpoll.search``, or several",
    "IndexDefinition": "``IndexDefinition`` of ``redpoll.search``: which documents the index covers",
    "Value | Query": "text in the language of queries, or a ``Query`` of ``redpoll.search``, which holds its own options",
    "Value | AggregateRequest": "text in the language of queries, or an ``AggregateRequest`` of ``redpoll.search``",
    "HybridQuery": "``HybridQuery`` of ``redpoll.search``",
    "Query | AggregateRequest | HybridQuery": "one of these, of ``redpoll.search``",
    "Step": "``Load``, ``GroupBy``, ``SortBy``, ``Apply``, ``Filter`` or ``Limit`` of ``redpoll.search``, in their order",
    "Cursor": "``Cursor`` of ``redpoll.search``: rows come in parts",
    "SortKey": "a field, or ``Asc`` or ``Desc`` of one",
    "BitGet": "``BitGet`` of ``redpoll.values``",
    "GrepExact | GrepMatch | GrepGlob | GrepRe": "``GrepExact`` and its kind, of ``redpoll.values``",
    "tuple[Value, Aggregator]": "a label, and how the series that share its value become one",
    "Many[Aggregator]": 'several, such as ``("min", "max")``; each sample then has one value for each',
    "Aggregator | Many[str]": 'one for all series, or a list of one a series, where ``"min,max"`` gives two values',
    "object": "any value, sent as JSON text; ``RawJSON`` of ``redpoll.values`` for text that is JSON already",
    "Many[tuple[Key, DocumentPath, object]]": "tuples of key, path and value",
    "Many[tuple[Key, Timestamp, float]]": "tuples of key, timestamp (as in ``ts_add``) and value",
    "DocumentPath": "what begins with ``$`` may match several values; else the first match counts, ``.`` is the whole",
    "Dumps": "turns the value into JSON text; the standard ``json.dumps`` by default",
    "Loads": "turns JSON text into a value; the standard ``json.loads`` by default",
}
"""What is said of parameters whose type tells what they are for."""

_MODULE_SINCE: Final = {
    "ReJSON": "RedisJSON", "search": "RediSearch", "timeseries": "RedisTimeSeries", "bf": "RedisBloom",
}  # fmt: skip


def docstring(
    command: Command,
    summary: str,
    params: Sequence[str],
    cases: Sequence[Case],
    rules: Sequence[str] = (),
    note: str | None = None,
    *,
    page: bool = True,
) -> str:
    """Return the text between the quotes, unindented and escaped.

    Args:
        command: the spec.
        summary: our sentence on it.
        params: a line for each of the method's parameters.
        cases: what it returns.
        rules: what the method checks.
        note: what stands at the end.
        page: the command has a page in its server's documentation.
    """
    lines = [summary, "", f"``{syntax(command)}``"]
    if params:
        lines += ["", "Args:", *(f"    {line}" for line in params)]
    lines += ["", "Returns:", *(f"    {line}" for line in _returns(cases))]
    if rules:
        lines += [
            "",
            "Raises:",
            f"    UsageError: before anything is sent, where a rule is broken: {'; '.join(rules)}.",
        ]
    end = [*_origin(command, page), *([note] if note else [])]
    lines += ["", *end] if end else []
    return escape("\n".join(lines))


def escape(text: str) -> str:
    """Make text safe between triple double quotes: specs are not trusted."""
    text = text.replace("\\", "\\\\")
    return re.sub(r'"{3,}|"+\Z', lambda quotes: '\\"' * len(quotes[0]), text)


def argument(param: Param, phrase: str | None) -> str:
    """Return the line on a parameter.

    Args:
        param: the parameter.
        phrase: what it is for; None where only its type tells.
    """
    text = phrase or TELLING.get(param.type)
    form = _form(param)
    if text is None:
        text = f"any number of them: {form}" if param.kind == "var" else form
        text = f"add ``{param.token}``" if param.token and param.is_flag else text
    elif form != text and param.type in _FORMS:
        head, *tail = text.split("; ", 1)
        text = "; ".join([f"{head}{', ' if form.startswith('in ') else ': '}{form}", *tail])
    if param.token and param.kind == "keyword" and (not param.is_flag if phrase is None else not _named(param)):
        text = f"``{param.token}``, {text}"
    if param.default not in (None, "None", "False", "()", '""'):
        text += f"; {'on' if param.default == 'True' else f'``{param.default}``'} by default"
    since = f" Since {param.since}." if param.since else ""
    return f"{param.name}: {text}.{since}{' Valkey only.' if param.valkey_only else ''}"


def stopgap(param: Param, phrase: str | None) -> bool:
    """Tell whether the line on a parameter says no more than its type."""
    return phrase is None and param.type not in TELLING


def _named(param: Param) -> bool:
    """Whether a parameter is called as its token."""
    return param.name.rstrip("_").replace("_", "-").upper() == param.token.replace("_", "-").upper()


def _form(param: Param) -> str:
    inner = param.type.removeprefix("Many[").removesuffix("]")
    known = {**_STOPGAPS, **_FORMS, **TELLING}
    if param.type in known:
        return known[param.type]
    if param.kind == "var" or isinstance(ast.parse(param.type, mode="eval").body, ast.BinOp):
        return f"``{param.type}``{' each' if param.kind == 'var' else ''}"
    if param.type.startswith("Many["):
        return f"a collection: {known.get(inner, f'``{inner}`` each')}"
    return "a mapping" if param.type.startswith("Pairs[") else f"``{param.type}``"


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
