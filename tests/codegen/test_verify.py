"""The proof itself, and that it would notice a generator that is wrong."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

import pytest

import redpoll.commands.bitmap
import redpoll.commands.geo
import redpoll.commands.list
import redpoll.commands.sorted_set
import redpoll.commands.string
from codegen import calls, verify
from codegen.grammar import Sample, accepts, counts
from codegen.ir import Method, Param
from codegen.spec import Command
from redpoll.errors import UsageError
from redpoll.spec import Block, KeyRange, Spec
from tests.codegen.synthetic import KEY, block, command, leaf, oneof, token

Lowered = tuple[dict[str, Command], list[Method]]


@pytest.fixture(scope="module")
def lowered() -> Lowered:
    return verify.lowered()


# Every method


def test_every_generated_call_follows_the_spec(lowered: Lowered) -> None:
    start = time.process_time()
    results = verify.verify(*lowered)
    seconds = time.process_time() - start
    made, refused = sum(result.calls for result in results), sum(result.refused for result in results)
    print(f"{len(results)} methods, {made} calls, {refused} refused, {seconds:.1f} s of CPU")
    assert [fault for result in results for fault in result.faults()] == []
    assert verify.unneeded(results) == []
    assert {result.command for result in results} == {method.command for method in lowered[1]}
    assert len(results) >= 580
    assert made > 11_000
    assert seconds < 20


def test_every_exception_has_a_reason() -> None:
    for table in verify.TABLES.values():
        for value in table.values():
            reason = value[1] if isinstance(value, tuple) else value
            assert isinstance(reason, str)
            assert len(reason) > 15


@pytest.mark.parametrize("name", ["eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"])
@pytest.mark.parametrize(("keys", "args"), [((), ()), (("a",), ()), ((), ("x",)), (("a", b"b"), ("x", 1, 1.5))])
def test_scripts_take_a_number_of_keys_as_well(name: str, keys: tuple[Any, ...], args: tuple[Any, ...]) -> None:
    """The form that no enumerated call has: redis-py's, where keys and arguments follow their number."""
    batch: Any = verify.Batched()
    collections = getattr(batch, name)("s", keys, args)
    in_a_row = getattr(batch, name)("s", len(keys), *keys, *args)
    assert in_a_row == collections
    assert in_a_row.words[1:] == ("s", len(keys), *keys, *args)
    assert [in_a_row.words[at] for at in in_a_row.spec.key_positions(in_a_row.words)] == list(keys)


# What it notices


def broken(lowered: Lowered, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, change: Any) -> list[str]:
    """The faults found once an encoder's words go through ``change``."""
    original = getattr(module, f"encode_{name}")
    monkeypatch.setattr(module, f"encode_{name}", lambda *args, **keywords: change(original(*args, **keywords)))
    commands, methods = lowered
    (result,) = verify.verify(commands, [method for method in methods if method.name == name])
    return list(result.faults())


def without(word: str) -> Any:
    return lambda words: tuple(each for each in words if each != word)


@pytest.mark.parametrize(
    ("module", "name", "change", "kinds"),
    [
        pytest.param(
            redpoll.commands.string, "set", without("PX"), ["outside the grammar", "no call sends PX"], id="token lost"
        ),
        pytest.param(
            redpoll.commands.string,
            "set",
            lambda words: tuple("KEEPTTL" if word == "GET" else word for word in words),
            ["outside the grammar", "no call sends GET"],
            id="wrong token",
        ),
        pytest.param(
            redpoll.commands.sorted_set,
            "zunion",
            lambda words: (words[0], words[1] + 1, *words[2:]),
            ["outside the grammar", "whose keys are not found"],
            id="wrong count",
        ),
        pytest.param(
            redpoll.commands.bitmap, "bitcount", lambda words: words[:1], ["outside the grammar", "of another arity", "no call sends BYTE, BIT"], id="no arguments"
        ),
        pytest.param(
            redpoll.commands.sorted_set,
            "zadd",
            lambda words: (words[0], str(words[1]), *words[2:]),
            ["whose keys are not found"],
            id="key copied as a value",
        ),
        pytest.param(
            redpoll.commands.geo,
            "geoadd",
            lambda words: (*words[:-2], words[-1], words[-2]),
            ["outside the grammar"],
            id="text for a number",
        ),
        pytest.param(
            redpoll.commands.string, "set", lambda words: (*words, words[-1]), ["outside the grammar"], id="word twice"
        ),
        pytest.param(
            redpoll.commands.list,
            "blpop",
            lambda words: (*words[:-1], words[-1] * 2),
            ["whose block time is not found"],
            id="other block time",
        ),
    ],
)  # fmt: skip
def test_a_wrong_encoder_is_noticed(
    lowered: Lowered, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, change: Any, kinds: list[str]
) -> None:
    faults = broken(lowered, monkeypatch, module, name, change)
    for kind in kinds:
        assert any(kind in fault for fault in faults), faults
    assert len(faults) == len(kinds)


def only(lowered: Lowered, name: str) -> tuple[dict[str, Command], list[Method]]:
    commands, methods = lowered
    return commands, [method for method in methods if method.command == name]


def test_a_face_that_differs_is_noticed(lowered: Lowered, monkeypatch: pytest.MonkeyPatch) -> None:
    queued = redpoll.commands.string.QueuedStringCommands
    monkeypatch.setattr(queued, "get", lambda self, key: self._queue(redpoll.commands.string.GETDEL, ("GET", key)))
    (result,) = verify.verify(*only(lowered, "GET"))
    assert list(result.faults()) == ["GET: 1 of 1 calls that differ between the faces: ('GET', 'sample-1')"]

    def refuses(self: Any, key: str) -> None:
        raise UsageError("no")

    monkeypatch.setattr(queued, "get", refuses)
    (result,) = verify.verify(*only(lowered, "GET"))
    assert len(result.faces) == 1


def test_wrong_facts_are_noticed(lowered: Lowered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redpoll.commands.string, "MGET", Spec[Any]("MGET", keys=(KeyRange(1, 1),)))
    (result,) = verify.verify(*only(lowered, "MGET"))
    assert result.keys
    assert all(len(words) > 2 for words in result.keys)
    later = Spec[Any]("BLPOP", keys=(KeyRange(1, -2),), blocking=Block(1, 1.0))
    monkeypatch.setattr(redpoll.commands.list, "BLPOP", later)
    (result,) = verify.verify(*only(lowered, "BLPOP"))
    assert result.blocking


def test_a_method_that_refuses_everything_is_noticed(lowered: Lowered, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*args: Any) -> None:
        raise UsageError("no")

    monkeypatch.setattr(redpoll.commands.string, "encode_set", refuses)
    (result,) = verify.verify(*only(lowered, "SET"))
    fault, unsent = result.faults()
    assert fault.startswith("SET: every combination of arguments is refused (")
    assert "no call sends" in unsent


def test_an_exception_that_is_not_needed_is_a_fault(lowered: Lowered, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in (
        ("GRAMMAR", "GET"),
        ("ARITY", "GET"),
        ("KEYS", "GET"),
        ("LEAVES", ("GET", "key")),
        ("UNSENT", ("SET", "NX")),
        ("SENDS", "SET"),
    ):
        monkeypatch.setattr(verify, name, {key: ("GETSET", "why")})
        monkeypatch.setattr(verify, "TABLES", {name: getattr(verify, name)})
        commands, methods = lowered
        chosen = [method for method in methods if method.command in ("GET", "MGET", "SET")]
        assert verify.unneeded(verify.verify(commands, chosen)) == [f"{key}: the exception in {name} is not needed"]
        monkeypatch.undo()


def test_the_command_line_says_how_much_and_what(
    lowered: Lowered, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "lowered", lambda: only(lowered, "GET"))
    monkeypatch.setattr(verify, "TABLES", {})
    assert verify.main() == 0
    assert capsys.readouterr().out == "1 methods, 1 calls, 0 refused, 0 faults\n"
    monkeypatch.setattr(redpoll.commands.string, "GET", Spec[Any]("GET"))
    assert verify.main() == 1
    out, err = capsys.readouterr()
    assert out == "1 methods, 1 calls, 0 refused, 1 faults\n"
    assert err == "GET: 1 of 1 calls whose keys are not found: ('GET', 'sample-1')\n"


# The parser

MODES = oneof("mode", token("NX"), token("XX"))
PAIR = block("data", leaf("field"), leaf("value"), multiple=True)


@pytest.mark.parametrize(
    ("arguments", "good", "bad"),
    [
        ([KEY], [["k"], [b"k"]], [[], ["k", "k"], [1]]),
        ([KEY, token("NX", optional=True)], [["k"], ["k", "NX"], ["k", "nx"]], [["k", "XX"], ["k", Sample("NX")], ["k", b"NX"]]),
        ([leaf("value")], [["v"], [1], [1.5], [b"v"]], [[None], [True]]),
        ([leaf("value"), token("NX", optional=True)], [[Sample("NX")]], [["NX"], ["nx"], ["NX", "NX"]]),
        ([leaf("n", "integer")], [[1], ["-1"], [b"1"]], [[1.5], ["x"], [True], [""]]),
        ([leaf("n", "double")], [[1], [1.5], ["-inf"], ["1e5"], [".5"]], [["x"], [True], ["(1"]]),
        ([leaf("n", "unix-time")], [[1]], [["x"]]),
        ([leaf("p", "pattern")], [["*"]], [[1]]),
        ([leaf("ex", "integer", token="EX", optional=True)], [[], ["EX", 1]], [["EX"], [1], ["EX", "EX", 1]]),
        ([leaf("key", "key", multiple=True)], [["a"], ["a", "b"]], [[]]),
        ([leaf("key", "key", multiple=True, optional=True)], [[], ["a", "b"]], [[1]]),
        ([leaf("key", "key", multiple=True), leaf("path")], [["a", "b"], ["a", "b", "c"]], [["a"]]),
        ([leaf("get", token="GET", multiple=True)], [["GET", "a", "b"]], [["GET"], ["GET", "a", "GET", "b"]]),
        ([leaf("get", token="GET", multiple=True, multiple_token=True)], [["GET", "a", "GET", "b"]], [["GET", "a", "b"], []]),
        ([MODES], [["NX"], ["XX"]], [[], ["NX", "XX"], ["YY"]]),
        ([{**MODES, "token": "IF"}], [["IF", "NX"]], [["NX"], ["IF"]]),
        ([{**MODES, "multiple": True, "optional": True}], [[], ["NX", "XX", "NX"]], [["NX", "YY"]]),
        ([PAIR], [["f", "v"], ["f", "v", "g", "w"]], [["f"], ["f", "v", "g"]]),
        ([{**PAIR, "token": "GET", "multiple_token": True}], [["GET", "f", "v", "GET", "g", "w"]], [["GET", "GET", "f", "v"]]),
        (
            [block("limit", leaf("offset", "integer"), leaf("count", "integer"), token="LIMIT", optional=True)],
            [[], ["LIMIT", 0, 1]],
            [["LIMIT", 0], [0, 1]],
        ),
        ([leaf("numkeys", "integer"), leaf("key", "key", multiple=True)], [[1, "a"], [2, "a", "b"]], [[1, "a", "b"], [0], ["1", "a"]]),
        ([leaf("numkeys", "integer"), leaf("key", "key", multiple=True, optional=True)], [[0], [1, "a"]], [[1]]),
        ([leaf("num-x", "integer", token="N"), leaf("x", multiple=True)], [["N", 7, "a"]], [["N", "a"]]),
        ([leaf("num_fields", "integer", token="N"), {**PAIR}], [["N", 2, "f", "v", "g", "w"]], [["N", 2, "f", "v"], [2]]),
        ([oneof("any", leaf("a", "integer"), block("b", token("X"), leaf("c")))], [[1], ["X", "c"]], [["X"], ["c"]]),
        ([leaf("all", token="FIELDS *", optional=True)], [["FIELDS", "*", "v"]], [["FIELDS *", "v"]]),
        ([{**token("X"), "token": ""}, leaf("v")], [["", "v"]], [["v"]]),
    ],
)  # fmt: skip
def test_the_parser(arguments: list[dict[str, Any]], good: list[list[Any]], bad: list[list[Any]]) -> None:
    spec = command("CMD SUB", *arguments)
    assert [words for words in good if not accepts(spec, ["CMD", "SUB", *words])] == []
    assert [words for words in bad if accepts(spec, ["CMD", "SUB", *words])] == []


def test_the_parser_wants_the_commands_own_name() -> None:
    spec = command("CMD SUB", leaf("v", optional=True))
    assert accepts(spec, ["CMD", "SUB"])
    assert not accepts(spec, ["CMD"])
    assert not accepts(spec, ["CMD", "OTHER"])
    assert not accepts(spec, ["CMD", Sample("SUB")])


def test_a_loose_leaf_takes_any_value_but_no_token() -> None:
    spec = command("CMD", leaf("score", "double"), leaf("other", "double"), token("NX", optional=True))
    assert accepts(spec, ["CMD", "(1", 1.0], frozenset({"score"}))
    assert not accepts(spec, ["CMD", 1.0, "(1"], frozenset({"score"}))
    assert not accepts(spec, ["CMD", "NX", 1.0], frozenset({"score"}))


def test_a_loose_string_may_be_spelled_like_a_token() -> None:
    spec = command("CMD", leaf("reducer"), token("SUM", optional=True))
    assert not accepts(spec, ["CMD", "sum", "SUM"])
    assert accepts(spec, ["CMD", "sum", "SUM"], frozenset({"reducer"}))


def test_a_count_is_told_by_its_name_and_place() -> None:
    (spec,) = [command("CMD", leaf("numkeys", "integer"), leaf("key", "key", multiple=True), leaf("index", "integer"))]
    number, key, index = spec.arguments
    assert counts(number, key)
    assert not counts(number, index)
    assert not counts(number, None)
    assert not counts(index, key)


# The enumerator


def made(function: Any, *params: Param) -> calls.Calls:
    method = Method("CMD", "cmd", "string", params, (), (), facts=None, doc="")  # type: ignore[arg-type]  # not looked at
    return calls.enumerate_calls(method, function)


def given(found: calls.Calls) -> list[set[str]]:
    return [set(arguments) for arguments, _ in found.made]


def test_alone_in_pairs_and_all_together() -> None:
    names = ("a", "b", "c")
    found = made(
        lambda key, **_: None, Param("key", "Key"), *(Param(name, "bool", "keyword", "False") for name in names)
    )
    assert found.refused == 0
    for chosen in (set(), {"a"}, {"b"}, {"c"}, {"a", "b"}, {"a", "c"}, {"b", "c"}, {"a", "b", "c"}):
        assert {"key", *chosen} in given(found)


def test_every_value_of_a_choice_is_tried() -> None:
    found = made(lambda key, by=None: by, Param("key", "Key"), Param("by", "Literal['A', 'B', 'C']", "keyword", "None"))
    assert {result for _, result in found.made} == {None, "A", "B", "C"}


def test_what_belongs_together_is_found() -> None:
    def call(start: int | None = None, end: int | None = None, unit: str | None = None) -> None:
        if (start is None) != (end is None) or (unit is not None and start is None):
            raise UsageError("no")

    found = made(call, *(Param(name, "int", "keyword", "None") for name in ("start", "end", "unit")))
    assert {"start", "end"} in given(found)
    assert {"start", "end", "unit"} in given(found)
    assert found.refused > 0


def test_what_must_be_given_is_found() -> None:
    def call(**options: Any) -> None:
        if ("a" in options) + ("b" in options) != 1 or ("x" in options) + ("y" in options) != 1:
            raise UsageError("no")

    found = made(call, *(Param(name, "bool", "keyword", "False") for name in ("a", "b", "x", "y", "z")))
    for chosen in ({"a", "x"}, {"a", "y"}, {"b", "x"}, {"b", "y"}, {"a", "x", "z"}):
        assert chosen in given(found)


@pytest.mark.parametrize(
    ("type_", "check"),
    [
        ("Key", lambda value: isinstance(value, calls.KeySample)),
        ("Many[Key]", lambda value: all(isinstance(each, calls.KeySample) for each in value)),
        ("Pairs[Key, Value]", lambda value: all(isinstance(each, calls.KeySample) for each in value)),
        ("tuple[int, float]", lambda value: [type(each) for each in value] == [int, float]),
        ("bytes | bytearray", lambda value: isinstance(value, bytes | bytearray)),
    ],
)
def test_samples_have_their_type(type_: str, check: Any) -> None:
    found = made(lambda value: value, Param("value", type_))
    assert found.made
    assert all(check(result) for _, result in found.made)


def test_a_type_without_samples_is_an_error() -> None:
    with pytest.raises(TypeError, match="no sample values for Odd"):
        made(lambda value: value, Param("value", "Odd[int]"))


def test_arguments_reach_their_places() -> None:
    params = (
        Param("key", "Key", "only"),
        Param("start", "int", "plain", "0"),
        Param("end", "int", "plain", "None"),
        Param("more", "Value", "var"),
        Param("flag", "bool", "keyword", "False"),
    )
    assert calls.spread(params, {"key": "k"}) == (["k"], {})
    assert calls.spread(params, {"key": "k", "end": 2}) == (["k"], {"end": 2})
    assert calls.spread(params, {"key": "k", "end": 2, "more": ("a", "b"), "flag": True}) == (
        ["k", 0, 2, "a", "b"],
        {"flag": True},
    )
