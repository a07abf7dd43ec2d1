"""Proof that the generated encoders say what the spec allows: ``python -m codegen.verify``.

Every method is called in many ways (``calls``), on both faces, against clients that record what they are asked to run.
Of each call's words it is then checked that

- both faces give the same ``Spec`` and the same words;
- an independent parser finds them in the command's argument tree (``grammar``), and every token of the tree is sent by
  some call;
- they satisfy the command's arity;
- a blocking call's block time is found;
- the keys that the ``Spec`` finds are exactly the words that were passed as keys.

What cannot hold is in a table here, with the reason; an exception that is not needed is a fault as well.
"""

from __future__ import annotations

import ast
import datetime as dt
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar, cast

from typing_extensions import override

from redpoll.commands import Commands, QueuedCommands, QueuedStateCommands, StateCommands
from redpoll.errors import UsageError
from redpoll.faces import Queued
from redpoll.spec import Spec
from redpoll.types import Arg

from . import generate, overlay, places, spec
from .calls import Calls, Given, KeySample, enumerate_calls
from .grammar import accepts, tokens
from .ir import Method, Param
from .spec import Command

T = TypeVar("T")


class Recorded(NamedTuple):
    """What a method asked its client to run."""

    spec: Spec[Any]
    words: tuple[Arg, ...]


class Awaited(Commands[str], StateCommands[str]):
    """A client whose calls return what they would have run."""

    @override
    async def _run(self, spec: Spec[T], words: tuple[Arg, ...]) -> T:
        return cast("T", Recorded(spec, words))


class Batched(QueuedCommands[str], QueuedStateCommands[str]):
    """A batch whose calls return what they would have queued."""

    @override
    def _queue(self, spec: Spec[T], words: tuple[Arg, ...]) -> Queued[T]:
        return cast("Queued[T]", Recorded(spec, words))


_AMOUNT: Final = "an amount other than 1 is sent by the command that takes one, as in redis-py"
_BOUND: Final = "a bound may be exclusive or infinite, which the spec's double cannot say"
_WEIGHT: Final = "weights are doubles, which the spec's integer cannot say"
_OFFSET: Final = "an offset may be #n, which the spec's integer cannot say"
_CORNERS: Final = "the arity is Redis', which has no polygon; one of one corner is shorter"
_STEPS: Final = "steps repeat in any order, which the spec's tree cannot say: tests/unit/search has its own grammar"
_FUNCTIONS: Final = "functions of expressions stand within the caller's text; reducers are tested in tests/unit/search"
_VALUES: Final = "the spec leaves out the number behind VALUES"

_COUNT: Final = "the aggregator count is spelled like a token"
_EACH: Final = "the spec leaves out that there is one aggregator for each key"
_FORMAT: Final = "FORMAT is not documented, and is left out"
_REDUCER: Final = "an aggregator is spelled like a reducer, which is a token"
_FORMATS: Final = {
    "ARRPOP": ("STRINGS", "EXPAND1", "EXPAND"),
    "GET": ("STRING", "EXPAND1", "EXPAND"),
    "MERGE": ("STRING", "JSON", "BSON"),
    "SET": ("STRING", "JSON", "BSON"),
}

SENDS: Final[Mapping[str, tuple[str, str]]] = {
    "DECR": ("DECRBY", _AMOUNT),
    "INCR": ("INCRBY", _AMOUNT),
}
"""Methods that send another command, by whose tree and arity those words are judged."""

GRAMMAR: Final[Mapping[str, str]] = {
    "DEBUG": "the spec has no arguments for it",
    "FT.AGGREGATE": _STEPS,
    "FT.ALTER": "the spec has one word for all options of a field",
    "FT.CREATE": "the spec leaves out what each type of field takes",
    "FT.HYBRID": _STEPS,
    "FT.PROFILE": "the spec leaves out the words of the query behind QUERY",
    "FT.SEARCH": "the spec leaves out WITHCOUNT and exclusive bounds, and counts PARAMS by pairs",
    "FT.SPELLCHECK": "the spec leaves out that TERMS may come several times",
    "SENTINEL SET": "the spec's pairs leave out that rename-command takes two words",
    "TS.NRANGE": _EACH,
    "TS.NREVRANGE": _EACH,
    "VADD": _VALUES,
    "VSIM": _VALUES,
}
"""Commands whose tree cannot judge every call."""

LEAVES: Final[Mapping[tuple[str, str], str]] = {
    ("BITFIELD", "offset"): _OFFSET,
    ("BITFIELD_RO", "offset"): _OFFSET,
    ("TS.MRANGE", "aggregators"): _REDUCER,
    ("TS.MREVRANGE", "aggregators"): _REDUCER,
    ("TS.RANGE", "aggregators"): _COUNT,
    ("TS.REVRANGE", "aggregators"): _COUNT,
    ("ZCOUNT", "max"): _BOUND,
    ("ZCOUNT", "min"): _BOUND,
    ("ZINCRBY", "increment"): "scores are doubles, which the spec's integer cannot say",
    ("ZINTER", "weight"): _WEIGHT,
    ("ZINTERSTORE", "weight"): _WEIGHT,
    ("ZRANGEBYSCORE", "max"): _BOUND,
    ("ZRANGEBYSCORE", "min"): _BOUND,
    ("ZREMRANGEBYSCORE", "max"): _BOUND,
    ("ZREMRANGEBYSCORE", "min"): _BOUND,
    ("ZREVRANGEBYSCORE", "max"): _BOUND,
    ("ZREVRANGEBYSCORE", "min"): _BOUND,
    ("ZUNION", "weight"): _WEIGHT,
    ("ZUNIONSTORE", "weight"): _WEIGHT,
}
"""Leaves (command, name) of a narrower type than the server takes, or strings that are spelled like tokens."""

ARITY: Final[Mapping[str, str]] = {
    "CLUSTER REPLICATE": "the arity is Redis', which has no NO ONE",
    "GEOSEARCH": _CORNERS,
    "GEOSEARCHSTORE": _CORNERS,
    "SCRIPT DEBUG": "the arity is Redis', which knows no engine",
    "SENTINEL FAILOVER": "the arity is Redis', which has no COORDINATED",
}
"""Commands of which some calls have another number of words than the spec tells."""

KEYS: Final[Mapping[str, str]] = {
    "FT.SEARCH": "the documents of INKEYS do not decide where a query runs",
    "MIGRATE": "the empty word that stands for several keys is found as a key, in front of them",
}
"""Commands of which the spec finds other keys than were passed."""

UNSENT: Final[Mapping[tuple[str, str], str]] = {
    ("CLUSTER MIGRATION", "ALL"): "sent where a task's id is ALL",
    ("FT.AGGREGATE", "*"): _FUNCTIONS,
    ("FT.HYBRID", "*"): _FUNCTIONS,
    **{(f"JSON.{name}", token): _FORMAT for name, tokens in _FORMATS.items() for token in ("FORMAT", *tokens)},
    ("XGROUP SETID", "$"): "sent where the id is $",
}
"""Tokens (command, token; ``*``: any) that no sample call sends."""

TABLES: Final[Mapping[str, Mapping[Any, object]]] = {
    "SENDS": SENDS, "GRAMMAR": GRAMMAR, "LEAVES": LEAVES, "ARITY": ARITY, "KEYS": KEYS, "UNSENT": UNSENT,
}  # fmt: skip


@dataclass(slots=True)
class Result:
    """What the calls of one command's method showed.

    Attributes:
        command: its name.
        calls: how many legal calls were made.
        refused: how many combinations the encoder refused.
        outside: words outside the grammar.
        arity: words of another number than the command takes.
        keys: words of which the spec finds other keys than were passed.
        blocking: words of which the spec finds another block time than was passed.
        faces: words that the queued face gives another spec or other words for.
        unsent: tokens of the tree that no call sent.
        excused: the exceptions that were needed.
    """

    command: str
    calls: int = 0
    refused: int = 0
    outside: list[tuple[Arg, ...]] = field(default_factory=list[tuple[Arg, ...]])
    arity: list[tuple[Arg, ...]] = field(default_factory=list[tuple[Arg, ...]])
    keys: list[tuple[Arg, ...]] = field(default_factory=list[tuple[Arg, ...]])
    blocking: list[tuple[Arg, ...]] = field(default_factory=list[tuple[Arg, ...]])
    faces: list[tuple[Arg, ...]] = field(default_factory=list[tuple[Arg, ...]])
    unsent: list[str] = field(default_factory=list[str])
    excused: set[object] = field(default_factory=set[object])

    def faults(self) -> Iterator[str]:
        """Yield one line a kind of fault, with the first words that show it."""
        if not self.calls:
            yield f"{self.command}: every combination of arguments is refused ({self.refused})"
        kinds = {
            "outside the grammar": self.outside,
            "of another arity": self.arity,
            "whose keys are not found": self.keys,
            "whose block time is not found": self.blocking,
            "that differ between the faces": self.faces,
        }
        for kind, found in kinds.items():
            if found:
                yield f"{self.command}: {len(found)} of {self.calls} calls {kind}: {found[0]}"
        if self.unsent:
            yield f"{self.command}: no call sends {', '.join(self.unsent)}"


def verify(commands: Mapping[str, Command], methods: Sequence[Method]) -> list[Result]:
    """Check every method; return one result each, in their order."""
    awaited, batched = Awaited(), Batched()
    return [_verify(commands, method, awaited, batched) for method in methods]


def unneeded(results: Sequence[Result]) -> list[str]:
    """Return a line for each exception that no command needed."""
    excused = {item for result in results for item in result.excused}
    unused = [(table, key) for table, entries in TABLES.items() for key in entries if (table, key) not in excused]
    return [f"{key}: the exception in {table} is not needed" for table, key in unused]


def _verify(commands: Mapping[str, Command], method: Method, awaited: Awaited, batched: Batched) -> Result:
    calls = enumerate_calls(method, _both(method, awaited, batched))
    result = Result(method.command, len(calls.made), calls.refused)
    for given, (recorded, again) in calls.made:
        if recorded != again:
            result.faces.append(recorded.words)
        _words(_judge(commands, recorded.words, result), recorded, result)
        if recorded.spec.blocking is not None:
            told, meant = recorded.spec.blocking.seconds(recorded.words), _blocks(method.params, given)
            if told != meant and (told is None or meant is None or abs(told - meant) > 1e-9):
                result.blocking.append(recorded.words)
    _unsent(commands[method.command], calls, result)
    return result


def _both(method: Method, awaited: Awaited, batched: Batched) -> Callable[..., tuple[Recorded, Recorded | None]]:
    """Return a function that makes a call on both faces, or on the only one of a command that batches do not take."""
    first = getattr(awaited, method.name)
    second = None if method.facts.dedicated else getattr(batched, method.name)

    def call(*args: Any, **keywords: Any) -> tuple[Recorded, Recorded | None]:
        recorded = _finished(first(*args, **keywords))
        if second is None:
            return recorded, recorded
        try:
            return recorded, second(*args, **keywords)
        except UsageError:
            return recorded, None

    return call


def _finished(coroutine: Coroutine[Any, Any, Any]) -> Recorded:
    """Run a method that waits for nothing; return what it recorded."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("Recorded", stop.value)
    raise AssertionError("the method waits for something else than its reply")


def _judge(commands: Mapping[str, Command], words: Sequence[Arg], result: Result) -> Command:
    """Return the command by whose facts the words are judged: the method's own, but for ``SENDS``."""
    if result.command in SENDS and words[0] == SENDS[result.command][0]:
        result.excused.add(("SENDS", result.command))
        return commands[SENDS[result.command][0]]
    return commands[result.command]


def _words(command: Command, recorded: Recorded, result: Result) -> None:
    words = recorded.words
    if command.arity is not None and not _arity(command.arity, len(words)):
        _fault(result, result.arity, words, "ARITY", ARITY)
    if not _in_grammar(command, words, result):
        _fault(result, result.outside, words, "GRAMMAR", GRAMMAR)
    passed = [index for index, word in enumerate(words) if isinstance(word, KeySample)]
    if sorted(recorded.spec.key_positions(words)) != passed:
        _fault(result, result.keys, words, "KEYS", KEYS)


def _fault(
    result: Result, found: list[tuple[Arg, ...]], words: tuple[Arg, ...], table: str, entries: Mapping[str, str]
) -> None:
    if result.command in entries:
        result.excused.add((table, result.command))
    else:
        found.append(words)


def _blocks(params: Sequence[Param], given: Given) -> float | None:
    """Return how many seconds a blocking call was asked to block; None where it was not."""
    param = next(param for param in params if param.name in ("block", "timeout"))
    value = given.get(param.name, ast.literal_eval(param.default or "None"))
    if param.type.startswith("tuple[") and value is not None:
        value = value[0]
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    return None if value is None else value * (0.001 if "Milliseconds" in param.type else 1.0)


def _arity(arity: int, number: int) -> bool:
    return number == arity if arity >= 0 else number >= -arity


def _in_grammar(command: Command, words: Sequence[object], result: Result) -> bool:
    if accepts(command, words):
        return True
    loose = frozenset(leaf for name, leaf in LEAVES if name == command.name)
    if not loose or not accepts(command, words, loose):
        return False
    needed = [leaf for leaf in loose if not accepts(command, words, loose - {leaf})]
    result.excused.update(("LEAVES", (command.name, leaf)) for leaf in needed)
    return True


def _unsent(command: Command, calls: Calls, result: Result) -> None:
    sent = {word for _, (recorded, _) in calls.made for word in recorded.words if type(word) is str}
    for token in dict.fromkeys(tokens(command.arguments)):
        if token in sent:
            continue
        key = next((key for key in ((command.name, token), (command.name, "*")) if key in UNSENT), None)
        if key is None:
            result.unsent.append(token)
        else:
            result.excused.add(("UNSENT", key))


def lowered() -> tuple[dict[str, Command], list[Method]]:
    """Return the commands and their methods, as they are generated.

    Raises:
        SpecError: ``commands.json`` cannot be read.
        OverlayError: the overlay is wrong or stale.
        GenerationError: a command that cannot be made a method of.
    """
    commands = spec.load(places.ROOT / "commands.json")
    containers, modules = generate.layout(commands)
    return commands, generate.methods(commands, overlay.load(), modules, containers)


def main() -> int:
    """Verify all commands and print what was found; return the exit code."""
    results = verify(*lowered())
    faults = [fault for result in results for fault in result.faults()] + unneeded(results)
    for fault in faults:
        print(fault, file=sys.stderr)
    calls, refused = sum(result.calls for result in results), sum(result.refused for result in results)
    print(f"{len(results)} methods, {calls} calls, {refused} refused, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
