"""What is wrong with the answers of one server, and the table of what was asked."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft201909Validator

from codegen.grammar import accepts, tokens
from redpoll.commands import Commands, StateCommands
from tests.live.annotations import as_text, misfit, shapes
from tests.live.proof.probe import Answer, Made
from tests.live.proof.run import Server, generated

SYNTAX = re.compile("syntax error|unknown command|unknown subcommand|wrong number of arguments", re.IGNORECASE)


@dataclass(frozen=True)
class Fault:
    """One deviation.

    Attributes:
        kind: ``syntax``, ``step``, ``decode``, ``type``, ``protocol``, ``schema``, ``keys``, ``since`` or ``value``.
        command: the command.
        what: the call and what was wrong with it.
    """

    kind: str
    command: str
    what: str


def faults(server: Server) -> Iterator[Fault]:
    """Yield everything that deviates, known or not."""
    for command, calls in server.calls.items():
        for made in calls:
            yield from _answers(command, made)
            yield from _types(command, made)
            yield from _protocols(command, made)
        yield from _schema(command, calls)
        if not any(not made.answers[3].error for made in calls):
            errors = {made.answers[3].error.partition(" [")[0] for made in calls}
            yield Fault("value", command, f"{len(calls)} calls, none of them gave a value: {sorted(errors)[:2]}")
    for command, words, found, reply in server.getkeys:
        if isinstance(reply, Exception):
            yield Fault("keys", command, f"COMMAND GETKEYS {shown(words)} is refused: {reply}")
        elif sorted(reply) != sorted(found):
            yield Fault("keys", command, f"{shown(words)} has the keys {reply}, the Spec finds {found}")
    for command, newer in server.newer.items():
        known = server.documented[command]
        there = set(tokens(known.arguments))
        late = set(tokens(generated()[0][command].arguments)) - there
        for words in newer:
            if accepts(known, words) and not any(type(word) is str and word in late for word in words):
                yield Fault("since", command, f"{shown(words)} is left out, and the server documents it")


def senseless(server: Server) -> Iterator[Fault]:
    """Yield what is wrong with the answers to calls whose values mean nothing to the server."""
    for command, calls in server.calls.items():
        for made in calls:
            yield from (fault for fault in _answers(command, made) if fault.kind != "syntax")
            yield from _types(command, made)


def _answers(command: str, made: Made) -> Iterator[Fault]:
    for protocol, answer in made.answers.items():
        if answer.refused and SYNTAX.search(answer.error):
            yield Fault("syntax", command, f"{made}: {answer.error.partition(' [')[0]}")
        if answer.out_of_step:
            yield Fault("step", command, f"{made}: the server does not answer once on RESP{protocol}")
        if answer.error and not answer.refused and not (answer.lost and not answer.out_of_step and command in ENDS):
            yield Fault("decode", command, f"{made}: {answer.error} on RESP{protocol}, from {answer.raw!r:.200}")


ENDS = frozenset({"SHUTDOWN", "CLIENT KILL"})
"""Commands that may end the connection instead of answering."""


def _types(command: str, made: Made) -> Iterator[Fault]:
    method = getattr(Commands, made.method.name, None) or getattr(StateCommands, made.method.name)
    fitting = [shape for shape in shapes(method) if shape.takes(tuple(made.args), made.keywords)]
    if not fitting:
        yield Fault("type", command, f"{made}: no overload takes {made.args} {made.keywords}")
    for protocol, answer in made.answers.items():
        if answer.error:
            continue
        for shape in fitting:
            if why := _broken(answer, shape.returns):
                yield Fault("type", command, f"{made} on RESP{protocol} promises {shape.returns}: {why:.300}")


def _broken(answer: Answer, promise: Any) -> str:
    """Return how a client's values, of str or of bytes, break a promise, or differ; an empty string where they do not."""
    if why := misfit(answer.value, promise, str):
        return why
    if why := misfit(answer.binary, promise, bytes):
        return f"on a client of bytes {why}"
    text = as_text(answer.binary, promise)
    return "" if text == answer.value else f"a client of bytes has {text!r:.120}, one of str {answer.value!r:.120}"


def _protocols(command: str, made: Made) -> Iterator[Fault]:
    two, three = made.answers[2], made.answers[3]
    if two.lost or three.lost:
        return
    hints = generated()[0][command].hints
    if bool(two.error) != bool(three.error):
        yield Fault(
            "protocol",
            command,
            f"{made}: RESP2 {two.error or two.value!r:.100}, RESP3 {three.error or three.value!r:.100}",
        )
    elif two.error or "nondeterministic_output" in hints:
        return
    elif "nondeterministic_output_order" in hints and isinstance(two.value, list):
        if sorted(map(repr, two.value)) != sorted(map(repr, three.value)):
            yield Fault("protocol", command, f"{made}: RESP2 {two.value!r:.200}, RESP3 {three.value!r:.200}")
    elif two.value != three.value:
        yield Fault("protocol", command, f"{made}: RESP2 {two.value!r:.200}, RESP3 {three.value!r:.200}")


@functools.cache
def validator(command: str) -> Draft201909Validator | None:
    schema = generated()[0][command].reply_schema
    return None if schema is None else Draft201909Validator(dict(schema))


def _schema(command: str, calls: list[Made]) -> Iterator[Fault]:
    judge = validator(command)
    seen: set[str] = set()
    for made in calls if judge is not None else ():
        answer = made.answers[3]
        label = repr(answer.raw)
        if answer.error or label in seen:
            continue
        seen.add(label)
        error = next(judge.iter_errors(as_json(answer.raw)), None)  # type: ignore[union-attr]  # not None here
        if error is not None:
            yield Fault("schema", command, f"{made}: {error.message:.160} in {label:.200}")


def as_json(reply: Any) -> Any:
    """Return a RESP3 reply as JSON Schema sees it."""
    if isinstance(reply, Mapping):
        return {key if isinstance(key, str) else str(as_json(key)): as_json(value) for key, value in reply.items()}
    if isinstance(reply, list | tuple | set | frozenset):
        return [as_json(each) for each in reply]
    return reply.decode("latin-1") if isinstance(reply, bytes) else reply


def shown(words: tuple[Any, ...]) -> str:
    return " ".join(repr(word) if isinstance(word, bytes) else str(word) for word in words)
