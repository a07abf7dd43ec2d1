"""Reply expressions become types and decoders, and schemas become expressions."""

from __future__ import annotations

from typing import Any

import pytest

import redpoll.decoders
from codegen import replies, spec
from codegen.generate import ROOT, GenerationError
from codegen.ir import Reply
from codegen.overlay import ParamPatch, ReplyCase
from codegen.replies import ReplyError, from_schema, parse
from tests.codegen.synthetic import KEY, command, leaf, make, token

TEXT, INT, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}


# Expressions


@pytest.mark.parametrize(
    ("expression", "type_", "decode"),
    [
        ("any", "Any", None),
        ("int", "int", None),
        ("none", "None", None),
        ("text", "S", None),
        ("ok", "bool", "d.ok"),
        ("bool", "bool", "d.flag"),
        ("str", "str", "d.to_str"),
        ("float", "float", "d.to_float"),
        ("opt(int)", "int | None", None),
        ("opt(float)", "float | None", "d.opt(d.to_float)"),
        ("opt(opt(int))", "int | None", None),
        ("list(text)", "list[S]", None),
        ("list(float)", "list[float]", "d.list_of(d.to_float)"),
        ("list(opt(float))", "list[float | None]", "d.list_of(d.opt(d.to_float))"),
        ("opt(list(text))", "list[S] | None", None),
        ("set(text)", "set[S]", "d.set_of(None)"),
        ("map(text, text)", "dict[S, S]", "d.as_map"),
        ("map(text, float)", "dict[S, float]", "d.map_of(None, d.to_float)"),
        ("map(str, int)", "dict[str, int]", "d.map_of(d.to_str, None)"),
        ("pairs(text, float)", "list[tuple[S, float]]", "d.pairs_of(None, d.to_float)"),
        ("pairs(int, text)", "list[tuple[int, S]]", "d.pairs_of(None, None)"),
        ("tuple(int, int)", "tuple[int, int]", "d.tuple_of(None, None)"),
        ("tuple(text, list(float))", "tuple[S, list[float]]", "d.tuple_of(None, d.list_of(d.to_float))"),
        ("union(int, text)", "int | S", None),
        ("union(int, int)", "int", None),
    ],
)
def test_types_and_decoders(expression: str, type_: str, decode: str | None) -> None:
    assert parse(expression) == Reply(type_, decode)


def test_a_decoder_that_the_words_choose() -> None:
    reply = parse("by_words(search_reply)")
    assert reply == Reply("SearchResult[S]", "lambda words: d.search.search_reply(words)", by_words=True)
    for expression in ("by_words(aggregate_reply)", "by_words(text)"):
        with pytest.raises(ReplyError, match="by_words needs a function that returns a Decoder"):
            parse(expression)


def test_annotations_of_search() -> None:
    assert {"Query", "Step", "TextField"} <= replies.search_names()
    assert not {name for name in replies.search_names() if name[0].islower()}


@pytest.mark.parametrize(
    ("expression", "raw"),
    [
        ("bytes", True),
        ("opt(bytes)", True),
        ("list(bytes)", True),
        ("set(bytes)", True),
        ("map(bytes, int)", True),
        ("pairs(int, bytes)", True),
        ("tuple(int, bytes)", True),
        ("union(int, bytes)", True),
        ("opt(list(text))", False),
    ],
)
def test_bytes_anywhere_make_the_whole_reply_raw(expression: str, raw: bool) -> None:
    assert parse(expression).raw is raw


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "'' is no reply expression"),
        ("list(", "'list(' is no reply expression"),
        ("list", "there is no decoder 'list'"),
        ("list()", "there is no combinator 'list' of 0 parts"),
        ("odd(int)", "there is no combinator 'odd' of 1 parts"),
        ("list(nothing)", "there is no decoder 'nothing'"),
        ("list(int, of=int)", "is no reply expression"),
        ("a.b", "'a.b' is no reply expression"),
        ("list[int]", "is no reply expression"),
        ("1", "'1' is no reply expression"),
        ("__import__('os').system('x')", "is no reply expression"),
        ("int; int", "is no reply expression"),
        ("_flag", "there is no decoder '_flag'"),
    ],
)
def test_what_is_no_expression(expression: str, message: str) -> None:
    with pytest.raises(ReplyError) as caught:
        parse(expression)
    assert message in str(caught.value)


def test_every_decoder_can_be_named_and_says_its_type() -> None:
    found = replies.bespoke()
    assert {"scan", "entries", "scored"} <= found.keys()
    for name, decoder in found.items():
        assert parse(name) == Reply(decoder.type, decoder.source)
        assert "Text" not in decoder.type
        assert decoder.type != "Any" or name in ("identity", "json_value")  # a document may hold anything
        assert callable(eval(decoder.source, {"d": redpoll.decoders}))


def test_the_decoders_that_expressions_name_exist() -> None:
    for expression in ("ok", "bool", "str", "float", "opt(float)", "list(float)", "set(text)", "map(text, text)",
                       "map(text, float)", "pairs(text, text)", "tuple(int, int)"):  # fmt: skip
        decode = parse(expression).decode
        assert decode is not None
        assert callable(eval(decode, {"d": redpoll.decoders}))


# Schemas


@pytest.mark.parametrize(
    ("schema", "expression"),
    [
        (None, "any"),
        ({}, "any"),
        (TEXT, "text"),
        (INT, "int"),
        (NULL, "none"),
        ({"type": "number"}, "float"),
        ({"type": "boolean"}, "bool"),
        ({"type": "odd"}, "any"),
        ({"const": "OK"}, "ok"),
        ({"const": "PONG"}, "str"),
        ({"const": 1}, "int"),
        ({"const": None}, "none"),
        ({"const": True}, "bool"),
        ({"enum": ["a", "b"]}, "str"),
        ({"enum": [0, 1]}, "bool"),
        ({"oneOf": [{"const": 0}, {"const": 1}]}, "bool"),
        ({"oneOf": [{"const": 1}, {"const": 0}]}, "bool"),
        ({"oneOf": [{"const": -1}, {"const": 1}]}, "int"),
        ({"oneOf": [{"const": 0}, {"const": 1}, {"const": 2}]}, "int"),
        ({"oneOf": [TEXT, NULL]}, "opt(text)"),
        ({"anyOf": [NULL, {"type": "array", "items": TEXT}]}, "opt(list(text))"),
        ({"oneOf": [{"const": -2}, INT]}, "int"),
        ({"oneOf": [TEXT, INT]}, "union(text, int)"),
        ({"oneOf": [TEXT, INT, NULL]}, "opt(union(text, int))"),
        ({"oneOf": [{"oneOf": [TEXT, NULL]}, TEXT]}, "opt(text)"),
        ({"oneOf": [{"const": "OK"}, TEXT]}, "any"),
        ({"oneOf": [{"type": "number"}, INT]}, "any"),
        ({"oneOf": [{}, INT]}, "any"),
        ({"oneOf": [NULL]}, "any"),
        ({"type": "array"}, "list(any)"),
        ({"type": "array", "items": INT}, "list(int)"),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, "set(text)"),
        ({"type": "array", "items": INT, "uniqueItems": True}, "list(int)"),
        ({"type": "array", "items": [TEXT, INT]}, "tuple(text, int)"),
        ({"type": "array", "items": []}, "list(any)"),
        ({"type": "array", "items": {"oneOf": [TEXT, NULL]}}, "list(opt(text))"),
        ({"type": "object"}, "map(str, any)"),
        ({"type": "object", "additionalProperties": TEXT}, "map(text, text)"),
        ({"type": "object", "patternProperties": {"^.*$": INT}}, "map(text, int)"),
        ({"type": "object", "properties": {"a": INT, "b": INT}}, "map(str, int)"),
        ({"type": "object", "properties": {"a": INT, "b": TEXT}}, "map(str, any)"),
        ({"type": "object", "properties": {"a": INT}, "additionalProperties": False}, "map(str, int)"),
    ],
)  # fmt: skip
def test_schemas(schema: dict[str, Any] | None, expression: str) -> None:
    assert from_schema(schema) == expression
    parse(expression)


def test_every_committed_schema_gives_an_expression() -> None:
    for item in spec.load(ROOT / "commands.json").values():
        parse(from_schema(item.reply_schema))


# In generated code


def test_shapes_become_overloads() -> None:
    made = make(
        command("GET", KEY, token("FULL", optional=True), leaf("count", "integer", token="COUNT", optional=True)),
        reply=(ReplyCase(("count", "full"), "list(float)"), ReplyCase(("count",), "int"), ReplyCase((), "opt(text)")),
    )
    assert made.signatures("get") == [
        "(key: Key, /, *, full: Literal[True], count: int) -> list[float]",
        "(key: Key, /, *, full: Literal[False]=False, count: int) -> int",
        "(key: Key, /, *, full: bool=False, count: None=None) -> S | None",
        "(key: Key, /, *, full: bool=False, count: int) -> list[float] | int",
        "(key: Key, /, *, full: bool=False, count: int | None=None) -> list[float] | int | S | None",
    ]
    assert made.words("get", "k", full=True, count=1) == ("GET", "k", "FULL", "COUNT", 1)
    assert made.spaces["string"]["GET_COUNT_FULL"].decode is not None
    assert made.spaces["string"]["GET"].decode is None


def test_flags_alone_get_one_fallback() -> None:
    made = make(
        command("GET", KEY, token("A", optional=True), token("B", optional=True)),
        reply=(ReplyCase(("a",), "list(text)"), ReplyCase(("b",), "int"), ReplyCase((), "text")),
    )
    assert made.signatures("get") == [
        "(key: Key, /, *, a: Literal[True], b: bool=False) -> list[S]",
        "(key: Key, /, *, a: Literal[False]=False, b: Literal[True]) -> int",
        "(key: Key, /, *, a: Literal[False]=False, b: Literal[False]=False) -> S",
        "(key: Key, /, *, a: bool=False, b: bool=False) -> list[S] | int | S",
        "(key: Key, /, *, a: bool=False, b: bool=False) -> list[S] | int | S",
    ]


def test_shapes_of_one_type_need_no_overloads() -> None:
    made = make(
        command("GET", KEY, token("FULL", optional=True)),
        reply=(ReplyCase(("full",), "ok"), ReplyCase((), "bool")),
    )
    assert made.signatures("get") == ["(key: Key, /, *, full: bool=False) -> bool"]
    specs = made.spaces["string"]
    assert specs["GET_FULL"].decode is redpoll.decoders.ok
    assert specs["GET"].decode is redpoll.decoders.flag


def test_what_only_running_tells_apart_needs_no_overload() -> None:
    made = make(
        command("GET", KEY, token("A", optional=True), leaf("count", "integer", token="COUNT", optional=True)),
        reply=(ReplyCase(("count",), "int"), ReplyCase(("a",), "ok"), ReplyCase((), "bool")),
    )
    assert made.signatures("get")[:2] == [
        "(key: Key, /, *, a: bool=False, count: int) -> int",
        "(key: Key, /, *, a: bool=False, count: None=None) -> bool",
    ]
    assert made.spaces["string"]["GET_A"].decode is redpoll.decoders.ok


def test_a_value_may_decide() -> None:
    """What passes the test by its type, no argument, and what checkers know nothing of."""
    path = {"path": ParamPatch(type="DocumentPath", default="'.'")}
    made = make(
        command("GET", KEY, leaf("path", optional=True), leaf("count", "integer", optional=True)),
        params=path,
        reply=(ReplyCase(("jsonpath(path)",), "list(float)"), ReplyCase((), "opt(float)")),
    )
    assert made.signatures("get") == [
        "(key: Key, /, path: JSONPath, count: int | None=None) -> list[float]",
        "(key: Key, /, *, count: int | None=None) -> float | None",
        "(key: Key, /, path: DocumentPath, count: int | None=None) -> list[float] | float | None",
        "(key: Key, /, path: DocumentPath='.', count: int | None=None) -> list[float] | float | None",
    ]
    assert made.words("get", "k") == ("GET", "k", ".")
    specs = made.spaces["string"]
    assert made.spec("get", "k", "$.a") is specs["GET_JSONPATH"]
    assert made.spec("get", "k", b".a") is specs["GET"]


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([("jsonpath(none)", "int"), ("", "text")], "unknown parameters: none"),
        ([("other(key)", "int"), ("", "text")], "unknown parameters: other"),
        ([("jsonpath(key)", "int"), ("full", "float"), ("", "text")], "tells two replies apart"),
    ],
)
def test_wrong_tests_of_a_value(cases: list[tuple[str, str]], message: str) -> None:
    reply = tuple(ReplyCase((when,) if when else (), expression) for when, expression in cases)
    with pytest.raises(GenerationError, match=message):
        make(command("GET", KEY, token("FULL", optional=True)), reply=reply)


def test_documents_are_read_by_the_given_function() -> None:
    made = make(
        command("GET", KEY),
        signature=("key: Key", "/", "*", "loads: Loads | None = None"),
        encode="words.append(key)",
        reply=(ReplyCase((), "json_value"),),
    )
    assert made.signatures("get") == ["(key: Key, /, *, loads: Loads | None=None) -> Any"]
    assert made.spec("get", "k") is made.spaces["string"]["GET"]
    assert made.spec("get", "k", loads=len).decode("[1]") == 3


def test_an_absent_parameter_may_decide() -> None:
    made = make(
        command("GET", KEY, leaf("count", "integer", token="COUNT", optional=True)),
        reply=(ReplyCase(("!count",), "text"), ReplyCase((), "list(text)")),
    )
    assert made.signatures("get")[:2] == [
        "(key: Key, /, *, count: None=None) -> S",
        "(key: Key, /, *, count: int | None=None) -> list[S]",
    ]


def test_a_raw_reply_is_raw_in_the_constant_and_in_the_table() -> None:
    made = make(command("DUMP", KEY), reply=(ReplyCase((), "opt(bytes)"),))
    assert not made.spaces["string"]["DUMP"].text
    assert not made.spaces["table"]["FACTS"]["DUMP"].text
    assert made.signature("dump") == "(key: Key, /) -> bytes | None"
    made = make(command("DUMP", KEY), reply=(ReplyCase((), "text"),), text=False)
    assert not made.spaces["string"]["DUMP"].text


def test_a_builtin_that_a_method_shadows_is_named_in_full() -> None:
    made = make(command("SET", KEY), command("SMEMBERS", KEY), reply=(ReplyCase((), "set(text)"),))
    assert made.signature("set") == "(key: Key, /) -> builtins.set[S]"


def test_a_reply_that_depends_on_the_words_of_its_call() -> None:
    made = make(
        command("FT.SEARCH", leaf("index"), leaf("query")),
        signature=("index: Value", "query: Value", "*", "nocontent: bool = False"),
        encode="words += (index, query)\nif nocontent:\n    words.append('NOCONTENT')",
        reply=(ReplyCase((), "by_words(search_reply)"),),
    )
    assert made.signature("ft_search").endswith("nocontent: bool=False) -> SearchResult[S]")
    words = made.words("ft_search", "idx", "q", nocontent=True)
    shapes = made.spaces["string"]["FT_SEARCH"]
    assert shapes.of(words) is shapes.of(("FT.SEARCH", "other", "q", "NOCONTENT"))
    assert shapes.of(words).decode([1, "d1"]).documents[0].id == "d1"
    assert shapes.of(words[:3]) is not shapes.of(words)


def test_an_overload_may_say_what_it_returns() -> None:
    made = make(
        command("GET", KEY),
        signature=("query: Query | Step",),
        overloads=("query: Query -> int", "query: Step"),
        encode="words.append(0)",
        reply=(ReplyCase((), "union(int, text)"),),
    )
    assert made.signatures("get") == [
        "(query: Query) -> int",
        "(query: Step) -> int | S",
        "(query: Query | Step) -> int | S",
    ]
    assert "if TYPE_CHECKING:\n    from redpoll.search import Query, Step\n" in made.files["string.py"]
