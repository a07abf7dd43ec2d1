"""Names and types that come from spec words by rule alone."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from typing import Final

from .ir import LoweringError
from .spec import Argument, Command

METHODS: Final = {"DEL": "delete"}
"""The only command whose method cannot have its own name."""

PAIR_KEYS: Final = frozenset(
    {
        "key",
        "field",
        "parameter",
        "name",
        "label",
        "index",
        "item",
        "option",
        "path",
        "member",
        "username",
        "sectionname",
    }
)
"""Names of a pair's first half that make a repeated pair a mapping."""

LEAF_TYPES: Final = {
    "string": "Value",
    "integer": "int",
    "double": "float",
    "key": "Key",
    "pattern": "Pattern",
}

LOCALS: Final = frozenset({"self", "words", "each", "left", "right", "tuple", "list", "result"})
"""Names that generated code uses beside its parameters, which get another name therefore."""

UNITS: Final = ("M", "KM", "FT", "MI")
"""The tokens of a length's unit, which have an annotation of their own."""

CONVERTERS: Final = {
    "Seconds": "seconds",
    "Milliseconds": "milliseconds",
    "UnixSeconds": "unix_seconds",
    "UnixMilliseconds": "unix_milliseconds",
    "Timestamp": "timestamp",
}
"""Parameter types whose value becomes another word, by a function of ``redpoll.arguments``."""

DURATIONS: Final = frozenset({"seconds", "milliseconds"})
"""Those of the functions that refuse some values, and so are told the command and the parameter."""


def method_name(command: str) -> str:
    """Return the Python name of a command's method: ``"CLIENT LIST"`` → ``client_list``."""
    return METHODS.get(command) or python_name(command)


def python_name(word: str) -> str:
    """Return a spec name or token as a Python identifier: ``"unix-time-seconds"`` → ``unix_time_seconds``.

    Raises:
        LoweringError: nothing of it can be part of an identifier.
    """
    name = re.sub(r"[^0-9a-z]+", "_", word.lower()).strip("_")
    if not name.isidentifier():
        raise LoweringError(f"no Python name can be made of {word!r}")
    return f"{name}_" if keyword.iskeyword(name) else name


def plural(name: str) -> str:
    """Return the plural of a parameter's name: ``member`` → ``members``, ``index`` → ``indexes``."""
    if name.endswith("s") and not name.endswith("ss"):
        return name
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    several = f"{name}es" if name.endswith(("x", "ss", "ch")) else f"{name}s"
    return f"{several}_" if keyword.iskeyword(several) else several  # "i" and "a" become keywords


def leaf_type(node: Argument) -> str:
    """Return the annotation of one value: by the node's type, and for times by its unit.

    Raises:
        LoweringError: the node is no value, but a token or a group.
    """
    words = f"{node.name} {node.token or ''}".lower().replace("_", "-")
    milli = "milli" in words or words.endswith((" px", " pxat"))
    if node.type == "unix-time":
        return "UnixMilliseconds" if milli else "UnixSeconds"
    if node.type == "integer" and ("seconds" in words or words == "ms idle"):
        return "Milliseconds" if milli or words == "ms idle" else "Seconds"
    if node.type not in LEAF_TYPES:
        raise LoweringError(f"a value is needed where {node.name} is a {node.type}")
    return LEAF_TYPES[node.type]


def choice_type(options: Sequence[Argument]) -> str:
    """Return the annotation of one of several tokens."""
    tokens = tuple(str(option.token) for option in options)
    return "Unit" if tokens == UNITS else f"Literal[{', '.join(map(repr, tokens))}]"


def is_count(node: Argument, following: Argument | None) -> bool:
    """Tell whether a node is the number of repetitions of the next one, so that ``len()`` knows it."""
    return (
        node.type == "integer"
        and not node.optional
        and not node.multiple
        and following is not None
        and following.multiple
        and (node.name.startswith("num") or node.name == "count")
    )


_GROUPS: Final = {
    "bf": "bloom",
    "cf": "cuckoo",
    "cms": "count_min_sketch",
    "sorted-set": "sorted_set",
    "suggestion": "search",
    "vectorset": "vector_set",
}
_SPLIT: Final = ("server", "connection", "scripting")


def module_name(command: Command, containers: frozenset[str]) -> str:
    """Return the module of ``redpoll.commands`` for a command: its group, or its container in the large groups.

    ``ACL LIST`` is in ``acl``, ``CLIENT KILL`` in ``client``, ``FUNCTION LOAD`` and ``FCALL`` in ``function``.
    """
    container = command.name.partition(" ")[0]
    if command.group in _SPLIT and container in containers and container != "SCRIPT":
        return python_name(container)
    if command.name.startswith("FCALL"):
        return "function"
    return python_name(_GROUPS.get(command.group, command.group))
