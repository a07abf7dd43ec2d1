"""The JSON commands, on the stand-in."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from redpoll import Redis
from redpoll.errors import ServerError
from redpoll.values import JSONPath, RawJSON
from tests.live.commands.cases import Case, Raises, called, case
from tests.live.modules.conftest import ModuleTable

DOCUMENT = {"a": [1, 2.5, "x"], "o": {"k": 1}, "s": "str", "n": 1, "f": 1.5, "b": True, "z": None}
D = ("JSON.SET", "d", "$", json.dumps(DOCUMENT))
E = ("JSON.SET", "e", "$", '{"n": 7}')
ALL = JSONPath("$.*")


CASES: list[Case] = [
    case(lambda c: c.json_set("k", "$", {"a": [1, "é"]}), True, then={"JSON.GET k $": '[{"a": [1, "\\u00e9"]}]'}),
    case(lambda c: c.json_set("k", ".", RawJSON('{"a":1}')), True, then={"JSON.GET k $.a": "[1]"}),
    case(lambda c: c.json_set("k", ".", RawJSON(b"[1]")), True, then={"JSON.GET k .": "[1]"}),
    case(lambda c: c.json_set("k", "$", Decimal(2), dumps=str), True, then={"JSON.GET k $": "[2]"}),
    case(lambda c: c.json_set("d", "$", 1, nx=True), False, D),
    case(lambda c: c.json_set("d", "$.n", "text", xx=True), True, D, then={"JSON.GET d $.n": '["text"]'}),
    case(lambda c: c.json_set("d", b"$.n", None), True, D, then={"JSON.GET d $.n": "[null]"}),
    case(lambda c: c.json_get("d"), DOCUMENT, D),
    case(lambda c: c.json_get("d", "$"), [DOCUMENT], D),
    case(lambda c: c.json_get("d", "$.a", "$.s"), {"$.a": [[1, 2.5, "x"]], "$.s": ["str"]}, D),
    case(lambda c: c.json_get("d", b".n"), 1, D),
    case(lambda c: c.json_get("d", "$.z"), [None], D),
    case(lambda c: c.json_get("d", "$.none"), [], D),
    case(lambda c: c.json_get("none"), None),
    case(lambda c: c.json_get("d", ".f", loads=partial(json.loads, parse_float=Decimal)), Decimal("1.5"), D),
    case(lambda c: c.json_get("d", ".f", loads=float), 1.5, D),
    case(lambda c: c.json_mget(["d", "none", "e"], "$.n"), lambda v: v[1:] == [None, v[2]] and v[2] in (7, [7]), D, E),
    case(lambda c: c.json_mget("e", ".n"), [7], E),
    case(lambda c: c.json_mget("e", ".n", loads=len), [1], E),
    case(lambda c: c.json_mset([("k1", "$", {"a": 1}), (b"k2", "$", 2)]), True, then={"JSON.GET k2 $": "[2]"}),
    case(lambda c: c.json_mset([("k", "$", 3)], dumps=repr), True, then={"JSON.GET k $": "[3]"}),
    case(lambda c: c.json_merge("d", "$", {"w": 1}), True, D, then={"JSON.GET d $.w": "[1]"}),
    case(lambda c: c.json_merge("d", "$.o", {"k": 5}, dumps=json.dumps), True, D, then={"JSON.GET d $.o.k": "[5]"}),
    case(lambda c: c.json_del("d", "$..k"), 1, D, then={"JSON.GET d $.o": "[{}]"}),
    case(lambda c: c.json_del("d"), 1, D, then={"EXISTS d": 0}),
    case(lambda c: c.json_forget("d", ".s"), 1, D),
    case(lambda c: c.json_clear("d", "$.a"), 1, D, then={"JSON.ARRLEN d $.a": [0]}),
    case(lambda c: c.json_clear("d"), 1, D, then={"JSON.GET d .": "{}"}),
    case(lambda c: c.json_type("d"), "object", D),
    case(lambda c: c.json_type("d", ".n"), "integer", D),
    case(lambda c: c.json_type("d", JSONPath("$..k")), ["integer"], D),
    case(lambda c: c.json_type("d", "$.f"), ["number"], D),
    case(lambda c: c.json_type("d", JSONPath("$.none")), [], D),
    case(lambda c: c.json_arrappend("d", JSONPath("$.a"), 1, {"b": None}), [5], D),
    case(lambda c: c.json_arrappend("d", ".a", RawJSON("1")), 4, D),
    case(lambda c: c.json_arrindex("d", JSONPath("$.a"), 2.5), [1], D),
    case(lambda c: c.json_arrindex("d", ".a", 7), -1, D),
    case(lambda c: c.json_arrindex("d", JSONPath("$.a"), 1, 1, 2), [-1], D),
    case(lambda c: c.json_arrinsert("d", JSONPath("$.a"), 0, "y"), [4], D),
    case(lambda c: c.json_arrinsert("d", ".a", 1, 8, 9), 5, D),
    case(lambda c: c.json_arrlen("k"), 3, ("JSON.SET", "k", "$", "[1,2,3]")),
    case(lambda c: c.json_arrlen("d", ".a"), 3, D),
    case(lambda c: c.json_arrlen("d", ALL), [3, None, None, None, None, None, None], D),
    case(lambda c: c.json_arrpop("k"), {"a": 1}, ("JSON.SET", "k", "$", '[0, {"a": 1}]')),
    case(lambda c: c.json_arrpop("d", ".a", 1), 2.5, D),
    case(lambda c: c.json_arrpop("d", JSONPath("$.a"), 0), [1], D),
    case(lambda c: c.json_arrpop("d", JSONPath("$.a"), 0, loads=len), [1], D),
    case(lambda c: c.json_arrtrim("d", JSONPath("$.a"), 0, 1), [2], D),
    case(lambda c: c.json_arrtrim("d", ".a", 1, 1), 1, D),
    case(lambda c: c.json_objkeys("d"), list(DOCUMENT), D),
    case(lambda c: c.json_objkeys("d", ".o"), ["k"], D),
    case(lambda c: c.json_objkeys("d", ALL), [None, ["k"], None, None, None, None, None], D),
    case(lambda c: c.json_objlen("d"), 7, D),
    case(lambda c: c.json_objlen("d", ".o"), 1, D),
    case(lambda c: c.json_objlen("d", JSONPath("$.o")), [1], D),
    case(lambda c: c.json_strappend("k", "q"), 4, ("JSON.SET", "k", "$", '"str"')),
    case(lambda c: c.json_strappend("d", "q", ".s"), 4, D),
    case(lambda c: c.json_strappend("d", RawJSON('"q"'), JSONPath("$.s")), [4], D),
    case(lambda c: c.json_strlen("k"), 3, ("JSON.SET", "k", "$", '"str"')),
    case(lambda c: c.json_strlen("d", ".s"), 3, D),
    case(lambda c: c.json_strlen("none", ".s"), None),
    case(lambda c: c.json_strlen("d", JSONPath("$.s")), [3], D),
    case(lambda c: c.json_toggle("d", ".b"), False, D),
    case(lambda c: c.json_toggle("d", JSONPath("$.*")), [None, None, None, None, None, False, None], D),
    # The stand-in makes every number of RESP3 a float, so only values are compared.
    case(lambda c: c.json_numincrby("d", ".n", 2), lambda v: v == 3, D),
    case(lambda c: c.json_numincrby("d", ".f", 2), 3.5, D),
    case(lambda c: c.json_numincrby("d", JSONPath("$.n"), 0.5), [1.5], D),
    case(lambda c: c.json_nummultby("d", ".f", 3), 4.5, D),
    case(lambda c: c.json_nummultby("d", JSONPath("$.f"), 3), [4.5], D),
    case(lambda c: c.json_numpowby("d", ".f", 2), 2.25, D),
    case(lambda c: c.json_numpowby("d", JSONPath("$.f"), 2), [2.25], D),
]

REFUSED: list[Case] = [
    case(lambda c: c.json_type("none", "$"), Raises("exist", ServerError)),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: ModuleTable, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda each: called(each)[0])
async def test_refusals(table: ModuleTable, refused: Case) -> None:
    await table.one(refused)


async def test_text_comes_as_the_client_reads_it(client: Redis[Any], decode_responses: bool) -> None:
    await client.execute("JSON.SET", "k", "$", '{"a": 1}')
    text = await client.json_get("k", "$.a", loads=lambda text: text)
    assert text == ("[1]" if decode_responses else b"[1]")
