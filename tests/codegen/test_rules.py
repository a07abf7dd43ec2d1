"""The rules of the generator, one small tree each: the signature that comes of it, and the words."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from codegen.generate import GenerationError
from codegen.ir import LoweringError
from codegen.naming import is_count, leaf_type, method_name, module_name, plural, python_name
from codegen.normalise import normalise, without
from codegen.overlay import ParamPatch
from codegen.spec import Argument
from redpoll.errors import UsageError
from tests.codegen.synthetic import KEY, block, command, leaf, make, oneof, token

INT, STRING = "integer", "string"
LIMIT = block("limit", leaf("offset", INT), leaf("count", INT), token="LIMIT", optional=True)
ORDER = oneof("order", token("ASC"), token("DESC"), optional=True)


def tree(*nodes: dict[str, Any]) -> tuple[Argument, ...]:
    return command("CMD", *nodes).arguments


# Normal form


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            [block("b", token("COUNT"), leaf("n", INT), token("ANY", optional=True))],
            [block("b", leaf("n", INT), token("ANY", optional=True), token="COUNT")],
            id="a block's leading token becomes its own",
        ),
        pytest.param(
            [block("b", leaf("n", INT, token="COUNT"), token("ANY", optional=True))],
            [block("b", leaf("n", INT), token("ANY", optional=True), token="COUNT")],
            id="so does the token of a block's first value",
        ),
        pytest.param(
            [block("b", token("GET"), leaf("f"), leaf("v"), multiple=True)],
            [block("b", leaf("f"), leaf("v"), token="GET", multiple=True, multiple_token=True)],
            id="which a repeated block repeats",
        ),
        pytest.param([token("MATCH"), leaf("p")], [leaf("p", token="MATCH")], id="a token before a value becomes the value's"),
        pytest.param(
            [token("MATCH", optional=True), leaf("p")], [token("MATCH", optional=True), leaf("p")], id="not an optional token"
        ),
        pytest.param(
            [token("MATCH"), leaf("p", token="X")], [token("MATCH"), leaf("p", token="X")], id="not where both have a token"
        ),
        pytest.param([block("b", leaf("n", INT))], [leaf("n", INT)], id="a block of one child is that child"),
        pytest.param(
            [block("b", leaf("n", INT), token="T", optional=True)],
            [leaf("n", INT, token="T", optional=True)],
            id="with the block's token and optionality",
        ),
        pytest.param([oneof("o", leaf("n", INT), optional=True)], [leaf("n", INT, optional=True)], id="so is a choice of one"),
        pytest.param(
            [block("b", leaf("n", INT, token="A"), token="B")],
            [block("b", leaf("n", INT, token="A"), token="B")],
            id="not where both have a token",
        ),
        pytest.param(
            [block("b", leaf("n", INT, multiple=True), multiple=True)],
            [block("b", leaf("n", INT, multiple=True), multiple=True)],
            id="not where both repeat",
        ),
        pytest.param(
            [block("b", leaf("n", INT, optional=True), token="B")],
            [block("b", leaf("n", INT, optional=True), token="B")],
            id="not where the token may stand alone",
        ),
        pytest.param([KEY, leaf("n", INT)], [KEY, leaf("n", INT)], id="a flat list stays"),
    ],
)  # fmt: skip
def test_normal_form(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    assert normalise(tree(*before)) == tree(*after)
    assert normalise(tree(*after)) == tree(*after)


def test_nodes_are_left_out_at_any_depth() -> None:
    nodes = tree(KEY, block("b", leaf("x"), leaf("y")), leaf("x"))
    assert without(nodes, ("x",)) == tree(KEY, block("b", leaf("y")))
    assert without(nodes, ()) == nodes


# Rules: (arguments, overlay fields) → signature, and calls → words

Case = tuple[tuple[Any, ...], dict[str, Any], tuple[Any, ...]]

RULES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str, list[Case]]] = {
    "leading keys are positional only": (
        [KEY, leaf("destination", "key"), leaf("value")],
        {},
        "(key: Key, destination: Key, /, value: Value)",
        [(("k", "d", 1), {}, ("k", "d", 1))],
    ),
    "a key behind a value is not": (
        [leaf("value"), KEY],
        {},
        "(value: Value, key: Key)",
        [((1, "k"), {}, (1, "k"))],
    ),
    "a pure token is a bool": (
        [KEY, token("NX", optional=True)],
        {},
        "(key: Key, /, *, nx: bool=False)",
        [(("k",), {}, ("k",)), (("k",), {"nx": True}, ("k", "NX")), (("k",), {"nx": False}, ("k",))],
    ),
    "a required token is always sent": (
        [KEY, token("FIXED"), token("ALSO")],
        {},
        "(key: Key, /)",
        [(("k",), {}, ("k", "FIXED", "ALSO"))],
    ),
    "an optional value is a keyword, named after its token": (
        [KEY, leaf("seconds", INT, token="COUNT", optional=True), leaf("tail", INT, optional=True)],
        {},
        "(key: Key, /, tail: int | None=None, *, count: Seconds | None=None)",
        [(("k",), {"count": 5}, ("k", "COUNT", 5)), (("k", 7), {}, ("k", 7)), (("k",), {"tail": 0, "count": 0}, ("k", "COUNT", 0, 0))],
    ),
    "a required choice of tokens is a Literal": (
        [KEY, oneof("where", token("LEFT"), token("RIGHT"))],
        {},
        "(key: Key, /, where: Literal['LEFT', 'RIGHT'])",
        [(("k", "LEFT"), {}, ("k", "LEFT"))],
    ),
    "so is one with a token of its own": (
        [KEY, oneof("unit", token("M"), token("K"), token="UNIT", optional=True)],
        {},
        "(key: Key, /, *, unit: Literal['M', 'K'] | None=None)",
        [(("k",), {"unit": "K"}, ("k", "UNIT", "K")), (("k",), {}, ("k",))],
    ),
    "an optional choice of tokens is one bool each": (
        [KEY, ORDER],
        {},
        "(key: Key, /, *, asc: bool=False, desc: bool=False)",
        [(("k",), {}, ("k",)), (("k",), {"desc": True}, ("k", "DESC"))],
    ),
    "unless the overlay wants a Literal": (
        [KEY, ORDER],
        {"literals": ("order",)},
        "(key: Key, /, order: Literal['ASC', 'DESC'] | None=None)",
        [(("k",), {}, ("k",)), (("k", "DESC"), {}, ("k", "DESC"))],
    ),
    "a choice of other things is exclusive keywords": (
        [KEY, oneof("by", leaf("member", token="FROM"), block("place", leaf("x", "double"), leaf("y", "double"), token="AT"))],
        {},
        "(key: Key, /, *, from_: Value | None=None, at: tuple[float, float] | None=None)",
        [(("k",), {"from_": "m"}, ("k", "FROM", "m")), (("k",), {"at": (1.0, 2.0)}, ("k", "AT", 1.0, 2.0))],
    ),
    "a choice that may be made several times is independent keywords": (
        [KEY, oneof("what", token("A"), leaf("b", INT, token="B"), multiple=True, optional=True)],
        {},
        "(key: Key, /, *, a: bool=False, b: int | None=None)",
        [(("k",), {}, ("k",)), (("k",), {"a": True, "b": 2}, ("k", "A", "B", 2))],
    ),
    "a token or a value is one parameter": (
        [KEY, oneof("id", token("*"), leaf("number", INT))],
        {},
        "(key: Key, /, number: int | Literal['*'])",
        [(("k", "*"), {}, ("k", "*")), (("k", 5), {}, ("k", 5))],
    ),
    "a token or a text is a Value": (
        [KEY, oneof("id", token("*"), leaf("id"))],
        {},
        "(key: Key, /, id: Value)",
        [(("k", "*"), {}, ("k", "*"))],
    ),
    "a repeated value at the end is *args": (
        [KEY, leaf("member", multiple=True)],
        {},
        "(key: Key, /, *members: Value)",
        [(("k", "a", 1), {}, ("k", "a", 1))],
    ),
    "repeated keys may be collections": (
        [leaf("key", "key", multiple=True)],
        {},
        "(*keys: Key | Many[Key])",
        [(("a", ["b", "c"]), {}, ("a", "b", "c")), ((["a"],), {}, ("a",))],
    ),
    "other values where the overlay spreads them": (
        [KEY, leaf("field", multiple=True)],
        {"spread": True},
        "(key: Key, /, *fields: Value | Many[Value])",
        [(("k", "a", ["b", 1]), {}, ("k", "a", "b", 1))],
    ),
    "a collection where the overlay wants no *args": (
        [KEY, leaf("member", multiple=True)],
        {"variadic": False},
        "(key: Key, /, members: Many[Value])",
        [(("k", ["a", "b"]), {}, ("k", "a", "b"))],
    ),
    "a repeated value before others is a collection": (
        [leaf("key", "key", multiple=True), leaf("path")],
        {},
        "(keys: Key | Many[Key], path: Value)",
        [((["a", "b"], "p"), {}, ("a", "b", "p")), (("a", "p"), {}, ("a", "p"))],
    ),
    "a repeated option is a collection": (
        [KEY, leaf("get", token="GET", multiple=True, optional=True), leaf("by", token="BY", multiple=True, multiple_token=True, optional=True)],
        {},
        "(key: Key, /, *, get: Many[Value] | None=None, by: Many[Value] | None=None)",
        [(("k",), {"get": ["a", "b"], "by": ["c", "d"]}, ("k", "GET", "a", "b", "BY", "c", "BY", "d"))],
    ),
    "its count is computed": (
        [leaf("numkeys", INT), leaf("key", "key", multiple=True), token("REV", optional=True)],
        {},
        "(*keys: Key | Many[Key], rev: bool=False)",
        [(("a", "b"), {"rev": True}, (2, "a", "b", "REV"))],
    ),
    "within a block as well": (
        [KEY, block("fields", leaf("numfields", INT), leaf("field", multiple=True), token="FIELDS")],
        {},
        "(key: Key, /, *fields: Value)",
        [(("k", "f", "g"), {}, ("k", "FIELDS", 2, "f", "g"))],
    ),
    "and within an optional one": (
        [KEY, block("slots", leaf("count", INT), leaf("slot", INT, multiple=True), token="SLOTS", optional=True)],
        {},
        "(key: Key, /, *, slots: Many[int] | None=None)",
        [(("k",), {"slots": [1, 2]}, ("k", "SLOTS", 2, 1, 2)), (("k",), {}, ("k",))],
    ),
    "a repeated pair is a mapping": (
        [KEY, block("data", leaf("field"), leaf("value"), multiple=True)],
        {},
        "(key: Key, /, mapping: Pairs[Value, Value])",
        [(("k", {"f": 1, "g": 2}), {}, ("k", "f", 1, "g", 2))],
    ),
    "whichever half comes first on the wire": (
        [KEY, block("data", leaf("score", "double"), leaf("member"), multiple=True)],
        {},
        "(key: Key, /, mapping: Pairs[Value, float])",
        [(("k", {"m": 1.5}), {}, ("k", 1.5, "m"))],
    ),
    "its token is repeated where the spec says so": (
        [KEY, block("config", leaf("name"), leaf("value"), token="CONFIG", multiple=True, multiple_token=True, optional=True)],
        {},
        "(key: Key, /, *, config: Pairs[Value, Value] | None=None)",
        [(("k",), {"config": {"a": 1, "b": 2}}, ("k", "CONFIG", "a", 1, "CONFIG", "b", 2))],
    ),
    "and sent once where it does not": (
        [KEY, block("config", leaf("name"), leaf("value"), token="CONFIG", multiple=True, optional=True)],
        {},
        "(key: Key, /, *, config: Pairs[Value, Value] | None=None)",
        [(("k",), {"config": {"a": 1, "b": 2}}, ("k", "CONFIG", "a", 1, "b", 2))],
    ),
    "other repeated blocks are tuples": (
        [KEY, block("point", leaf("x", "double"), leaf("y", "double"), leaf("name"), multiple=True)],
        {},
        "(key: Key, /, *points: tuple[float, float, Value])",
        [(("k", (1.0, 2.0, "a"), (3.0, 4.0, "b")), {}, ("k", 1.0, 2.0, "a", 3.0, 4.0, "b"))],
    ),
    "two lists side by side are one mapping": (
        [block("streams", leaf("key", "key", multiple=True), leaf("id", multiple=True), token="STREAMS")],
        {},
        "(streams: Pairs[Key, Value])",
        [(({"a": 1, "b": 2},), {}, ("STREAMS", "a", "b", 1, 2))],
    ),
    "an optional block of values is a tuple": (
        [KEY, LIMIT],
        {},
        "(key: Key, /, *, limit: tuple[int, int] | None=None)",
        [(("k",), {"limit": (0, 5)}, ("k", "LIMIT", 0, 5)), (("k",), {}, ("k",))],
    ),
    "or single keywords where the overlay flattens it": (
        [KEY, LIMIT],
        {"flatten": ("limit",)},
        "(key: Key, /, *, offset: int | None=None, count: int | None=None)",
        [(("k",), {"offset": 0, "count": 5}, ("k", "LIMIT", 0, 5)), (("k",), {}, ("k",))],
    ),
    "with an option of its own it is flattened": (
        [KEY, block("count", leaf("n", INT, token="COUNT"), token("ANY", optional=True), optional=True)],
        {},
        "(key: Key, /, *, count: int | None=None, any: bool=False)",
        [(("k",), {"count": 5}, ("k", "COUNT", 5)), (("k",), {"count": 5, "any": True}, ("k", "COUNT", 5, "ANY"))],
    ),
    "a block without required parts is a flag and its options": (
        [KEY, block("full", token("FULL"), leaf("count", INT, token="COUNT", optional=True), optional=True)],
        {},
        "(key: Key, /, *, full: bool=False, count: int | None=None)",
        [(("k",), {"full": True}, ("k", "FULL")), (("k",), {"full": True, "count": 2}, ("k", "FULL", "COUNT", 2))],
    ),
    "an optional value before a required one is a keyword": (
        [leaf("username", optional=True), leaf("password")],
        {},
        "(password: Value, *, username: Value | None=None)",
        [(("p",), {}, ("p",)), (("p",), {"username": "u"}, ("u", "p"))],
    ),
    "the overlay's order is Python's, not the wire's": (
        [leaf("group"), leaf("streams"), leaf("name", optional=True, token="NAME")],
        {"order": ("name", "streams", "group"), "params": {"name": ParamPatch(default="'x'")}},
        "(streams: Value, group: Value, *, name: Value='x')",
        [(("s", "g"), {}, ("g", "s", "NAME", "x"))],
    ),
    "the overlay renames, retypes and moves parameters": (
        [KEY, leaf("cursor", INT), leaf("count", INT, token="COUNT", optional=True)],
        {"params": {"cursor": ParamPatch(default="0", name="at"), "count": ParamPatch(kind="plain", type="float")}},
        "(key: Key, /, at: int=0, count: float | None=None)",
        [(("k",), {}, ("k", 0)), (("k", 1, 2), {}, ("k", 1, "COUNT", 2))],
    ),
    "yes or no behind a token is a bool that may be None": (
        [KEY, oneof("skip", token("YES"), token("NO"), token="SKIPME", optional=True)],
        {},
        "(key: Key, /, *, skipme: bool | None=None)",
        [
            (("k",), {}, ("k",)),
            (("k",), {"skipme": True}, ("k", "SKIPME", "YES")),
            (("k",), {"skipme": False}, ("k", "SKIPME", "NO")),
        ],
    ),
    "the overlay takes one value where rules take a collection": (
        [KEY, leaf("pattern", "pattern", token="GET", optional=True, multiple=True, multiple_token=True),
         leaf("id", INT, token="ID", optional=True, multiple=True)],
        {"params": {"get": ParamPatch(type="Pattern | Many[Pattern]"), "id": ParamPatch(type="int | Many[int]")}},
        "(key: Key, /, *, get: Pattern | Many[Pattern] | None=None, id: int | Many[int] | None=None)",
        [
            (("k",), {"get": "a*", "id": 0}, ("k", "GET", "a*", "ID", 0)),
            (("k",), {"get": ["a*", b"b"], "id": (1, 2)}, ("k", "GET", "a*", "GET", b"b", "ID", 1, 2)),
        ],
    ),
    "the overlay drops nodes": (
        [oneof("form", leaf("old"), leaf("new", token="NEW"))],
        {"drop": ("old",)},
        "(new: Value)",
        [(("v",), {}, ("NEW", "v"))],
    ),
    "an argument tree of the overlay's own": (
        [leaf("old")],
        {"arguments": tree(KEY, leaf("fresh"))},
        "(key: Key, /, fresh: Value)",
        [(("k", "v"), {}, ("k", "v"))],
    ),
    "a handwritten signature and encoder": (
        [leaf("old")],
        {"signature": ("key: Key", "/", "*more: Value", "flag: bool = False"), "encode": "words += (key, *more)\nif flag:\n    words.append('F')"},
        "(key: Key, /, *more: Value, flag: bool=False)",
        [(("k", 1), {"flag": True}, ("k", 1, "F"))],
    ),
    "durations and moments": (
        [KEY, leaf("seconds", INT, token="EX", optional=True), leaf("milliseconds", INT, token="PX", optional=True),
         leaf("unix-time-seconds", "unix-time", token="EXAT", optional=True),
         leaf("unix-time-milliseconds", "unix-time", token="PXAT", optional=True)],
        {},
        "(key: Key, /, *, ex: Seconds | None=None, px: Milliseconds | None=None, exat: UnixSeconds | None=None, "
        "pxat: UnixMilliseconds | None=None)",
        [
            (("k",), {"ex": 3, "px": 4, "exat": 5, "pxat": 6}, ("k", "EX", 3, "PX", 4, "EXAT", 5, "PXAT", 6)),
            (("k",), {"ex": dt.timedelta(minutes=1), "px": dt.timedelta(seconds=2)}, ("k", "EX", 60, "PX", 2000)),
            (("k",), {"exat": dt.datetime(1970, 1, 2, tzinfo=dt.UTC)}, ("k", "EXAT", 86400)),
            (("k",), {"pxat": dt.datetime(1970, 1, 2, tzinfo=dt.UTC)}, ("k", "PXAT", 86400000)),
        ],
    ),
    "keywords get an underscore": (
        [leaf("from"), token("ASYNC", optional=True)],
        {},
        "(from_: Value, *, async_: bool=False)",
        [(("a",), {"async_": True}, ("a", "ASYNC"))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    arguments, entry, signature, cases = RULES[rule]
    made = make(command("CMD SUB", *arguments), **entry)
    assert made.signature("cmd_sub") == f"{signature} -> Any"
    for args, keywords, words in cases:
        assert made.words("cmd_sub", *args, **keywords) == ("CMD", "SUB", *words)


REFUSED: dict[str, tuple[list[dict[str, Any]], dict[str, Any], list[tuple[tuple[Any, ...], dict[str, Any]]], str]] = {
    "at most one of an optional choice": ([ORDER], {}, [((), {"asc": True, "desc": True})], "at most one of asc, desc"),
    "exactly one of a required choice": (
        [oneof("by", leaf("a", token="A"), leaf("b", token="B"))],
        {},
        [((), {}), ((), {"a": 1, "b": 2})],
        "exactly one of a, b must be given",
    ),
    "at least one of a repeated choice": (
        [oneof("by", token("A"), token("B"), multiple=True)],
        {},
        [((), {}), ((), {"a": False})],
        "at least one of a, b must be given",
    ),
    "no other word than a Literal's": (
        [oneof("where", token("LEFT"), token("RIGHT"))],
        {},
        [(("UP",), {}), ((1,), {}), ((None,), {})],
        "where must be one of 'LEFT', 'RIGHT'",
    ),
    "all parts of a flattened block": (
        [LIMIT], {"flatten": ("limit",)}, [((), {"offset": 1}), ((), {"count": 1})], "offset, count must be given together"
    ),
    "no option without what it modifies": (
        [block("count", leaf("n", INT, token="COUNT"), token("ANY", optional=True), optional=True)],
        {},
        [((), {"any": True})],
        "any needs count",
    ),
    "no option of a flag that is off": (
        [block("full", token("FULL"), leaf("count", INT, token="COUNT", optional=True), optional=True)],
        {},
        [((), {"count": 1})],
        "count needs full",
    ),
    "no empty *args": ([leaf("key", "key", multiple=True)], {}, [((), {}), (([],), {})], "keys needs at least one element"),
    "no empty collection": (
        [leaf("member", multiple=True), leaf("path")], {}, [(([], "p"), {})], "members needs at least one element"
    ),
    "no empty option": (
        [leaf("get", token="GET", multiple=True, optional=True)], {}, [((), {"get": []})], "get needs at least one element"
    ),
    "no empty mapping": (
        [block("data", leaf("field"), leaf("value"), multiple=True)], {}, [(({},), {})], "mapping needs at least one element"
    ),
    "no empty mapping of lists": (
        [block("streams", leaf("key", "key", multiple=True), leaf("id", multiple=True), token="STREAMS")],
        {},
        [(({},), {})],
        "streams needs at least one element",
    ),
    "no duration that is not whole": (
        [leaf("seconds", INT)], {}, [((dt.timedelta(seconds=1.5),), {})], "must be a whole number of seconds"
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", REFUSED)
def test_refused(rule: str) -> None:
    arguments, entry, calls, message = REFUSED[rule]
    made = make(command("CMD", *arguments), **entry)
    for args, keywords in calls:
        with pytest.raises(UsageError, match=message) as caught:
            made.words("cmd", *args, **keywords)
        assert caught.value.outcome == "not_run"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([leaf("a"), leaf("a")], "CMD: two parameters are called 'a'"),
        ([leaf("!")], "CMD: no Python name can be made of '!'"),
        ([block("b", leaf("x"), leaf("y", optional=True), multiple=True)], "the repeated b is more than a list of values"),
        ([block("b", leaf("x", optional=True), leaf("y", optional=True), optional=True)], "nothing in b is required"),
        (
            [oneof("o", oneof("inner", token("A"), token("B"), multiple=True), leaf("x"))],
            "the repeated choice inner is inside another choice",
        ),
        ([block("b", leaf("x", "key", multiple=True), oneof("o", token("A"), token("B")), multiple=True)], "is more than"),
    ],
)  # fmt: skip
def test_what_rules_cannot_shape_is_an_error(arguments: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        make(command("CMD", *arguments))


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(GenerationError) as caught:
        make(command("ONE", leaf("a"), leaf("a")), command("TWO", leaf("!")), command("FINE", leaf("a")))
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["ONE", "TWO"]


# Names and types


@pytest.mark.parametrize(
    ("word", "name"),
    [("unix-time-seconds", "unix_time_seconds"), ("NX", "nx"), ("CLIENT NO-EVICT", "client_no_evict"), ("in", "in_"),
     ("FT._LIST", "ft_list"), ("__class__", "class_"), ("a.b c", "a_b_c")],
)  # fmt: skip
def test_python_names(word: str, name: str) -> None:
    assert python_name(word) == name


@pytest.mark.parametrize("word", ["", "!", "1st", "é", " "])
def test_no_python_name(word: str) -> None:
    with pytest.raises(LoweringError, match="no Python name can be made of"):
        python_name(word)


def test_method_names() -> None:
    assert method_name("DEL") == "delete"
    assert method_name("JSON.DEL") == "json_del"
    assert method_name("TYPE") == "type"


@pytest.mark.parametrize(
    ("one", "many"),
    [("key", "keys"), ("member", "members"), ("index", "indexes"), ("entry", "entries"), ("class", "classes"),
     ("fields", "fields"), ("branch", "branches")],
)  # fmt: skip
def test_plurals(one: str, many: str) -> None:
    assert plural(one) == many


@pytest.mark.parametrize(
    ("node", "type_"),
    [
        (leaf("x"), "Value"),
        (leaf("x", INT), "int"),
        (leaf("x", "double"), "float"),
        (leaf("x", "key"), "Key"),
        (leaf("x", "pattern"), "Pattern"),
        (leaf("seconds", INT), "Seconds"),
        (leaf("milliseconds", INT), "Milliseconds"),
        (leaf("x", "unix-time", token="EXAT"), "UnixSeconds"),
        (leaf("x", "unix-time", token="PXAT"), "UnixMilliseconds"),
        (leaf("unix-time-milliseconds", "unix-time"), "UnixMilliseconds"),
        (leaf("seconds", "double"), "float"),
    ],
)
def test_types_of_values(node: dict[str, Any], type_: str) -> None:
    assert leaf_type(tree(node)[0]) == type_


def test_counts() -> None:
    number, many, one, other = tree(leaf("numkeys", INT), leaf("key", multiple=True), leaf("x"), leaf("index", INT))
    assert is_count(number, many)
    assert not is_count(number, one)
    assert not is_count(number, None)
    assert not is_count(other, many)


@pytest.mark.parametrize(
    ("name", "group", "module"),
    [("HGET", "hash", "hash"), ("ZADD", "sorted-set", "sorted_set"), ("CLIENT LIST", "connection", "client"),
     ("ACL LIST", "server", "acl"), ("SCRIPT LOAD", "scripting", "scripting"), ("FCALL_RO", "scripting", "function"),
     ("BF.ADD", "bf", "bloom"), ("FT.SUGADD", "suggestion", "search"), ("INFO", "server", "server")],
)  # fmt: skip
def test_modules(name: str, group: str, module: str) -> None:
    containers = frozenset({"CLIENT", "ACL", "SCRIPT"})
    assert module_name(command(name, group=group), containers) == module
