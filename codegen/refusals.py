"""The rules that a method checks before anything is sent, in words, read off the checks of its encoder."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

from .ir import Check, Step, When

_FEW: Final = 8
"""How many options a rule names; of more, it says so."""


_HELPERS: Final = {
    "pairs": ("a mapping, or one {0} and its value", "a mapping needs at least one element"),
    "trim": ("at most one of maxlen, minid", "limit needs maxlen or minid", "limit needs approximate"),
}
"""The rules of functions of ``redpoll.arguments`` that check what they are given; ``{0}`` is their second argument."""


def refusals(steps: Iterable[Step], body: Sequence[str]) -> list[str]:
    """Return the rules that a method raises ``UsageError`` by, each once, in the checks' order.

    Args:
        steps: the encoder's steps.
        body: the encoder's handwritten lines.
    """
    errors = [ast.parse(error, mode="eval").body for error in _errors(steps)]
    found = [rule for raised in _raised([*errors, *_calls(body)]) for rule in _rules(*raised)]
    return list(dict.fromkeys(filter(None, found)))


def _errors(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Check):
            yield step.error
        elif isinstance(step, When):
            yield from _errors(step.steps)


def _calls(body: Sequence[str]) -> list[ast.Call]:
    """Return the calls in handwritten lines, in their order; none of lines that are no Python, which fail later."""
    try:
        calls = [node for node in ast.walk(ast.parse("\n".join(body))) if isinstance(node, ast.Call)]
    except SyntaxError:
        return []
    return sorted(calls, key=lambda node: (node.lineno, node.col_offset))


def _raised(errors: Iterable[ast.expr]) -> Iterator[tuple[str, list[object]]]:
    """Yield the name of each error, or function that checks, and what it is told beside the command."""
    for call in errors:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            told = [_literal(argument) for argument in call.args[1:]]
            if told and (told[0] is not None or call.func.attr in _HELPERS):
                yield call.func.attr, told


def _literal(node: ast.expr) -> object:
    try:
        value: object = ast.literal_eval(node)
    except ValueError:  # a name: what it holds is known at run time alone
        return None
    return value


def _rules(name: str, told: Sequence[object]) -> list[str]:
    return [rule.format(told[0]) for rule in _HELPERS.get(name, ())] or [_rule(name, told)]


def _rule(error: str, told: Sequence[object]) -> str:
    """Return a rule, worded as the error is; empty for an error that this does not know."""
    names = _names(told[0])
    many = "these options" if len(names) > _FEW else ", ".join(names)
    match error, told:
        case "at_most_one" | "at_least_one" | "exactly_one", _:
            return f"{error.replace('_', ' ')} of {many}"
        case "all_or_none", _:
            return f"{many} together or not at all"
        case "requires", [_, other]:
            return f"{many} needs {other}"
        case "refused", _:
            return many
        case "empty", _:
            return f"{many} needs at least one element"
        case "not_a_mapping" | "not_a_collection", _:
            return f"{many} must be a {error.rpartition('_')[2]}"
        case "not_a_tuple", [_, length]:
            return f"{many} must be a tuple of {length}"
        case "not_one_of", [_, words] if words is not None:
            return f"{many} must be one of {', '.join(_names(words))}"
        case _:
            return ""


def _names(told: object) -> list[str]:
    return list(map(str, cast("tuple[object, ...]", told))) if isinstance(told, tuple) else [str(told)]
