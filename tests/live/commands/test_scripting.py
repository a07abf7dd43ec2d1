"""Scripts and functions."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from redpoll.errors import NoScript, NotBusy, ServerError
from redpoll.records.commands import FunctionEngine, FunctionInfo, FunctionLibrary, FunctionStats
from tests.live.commands.cases import Case, Line, Raises, Table, called, case

LUA = "return {KEYS[1], ARGV[1], 7}"
SHA = hashlib.sha1(LUA.encode()).hexdigest()
NONE = "0" * 40
LOADED: Line = ("SCRIPT", "LOAD", LUA)
CODE = """#!lua name=lib1
redis.register_function{function_name='f1', callback=function(keys, args) return {keys[1], args[1]} end, flags={'no-writes'}}
redis.register_function{function_name='f2', callback=function() return 2 end, description='two'}
"""
FUNCTION: Line = ("FUNCTION", "LOAD", "REPLACE", CODE)
EMPTY: Line = "FUNCTION FLUSH"
FUNCTIONS = [FunctionInfo("f1", None, {"no-writes"}), FunctionInfo("f2", "two", set())]
LIBRARY = FunctionLibrary("lib1", "LUA", FUNCTIONS)

SCRIPTS: list[Case] = [
    case(lambda c: c.eval(LUA, ["k"], [1]), ["k", "1", 7]),
    case(lambda c: c.eval("return redis.call('SET', 'k', ARGV[1])", args=["v"]), "OK", then={"GET k": "v"}),
    case(lambda c: c.eval(LUA, 1, "k", 1), ["k", "1", 7]),
    case(lambda c: c.eval("return #ARGV", 0), 0),
    case(lambda c: c.eval("return {KEYS, ARGV}", 2, "a", b"b", "c", 1.5), [["a", "b"], ["c", "1.5"]]),
    case(lambda c: c.eval("return nil"), None),
    case(lambda c: c.eval("return {1, 'a', false, {2}}"), [1, "a", None, [2]]),
    case(lambda c: c.eval("return redis.error_reply('MINE own')"), Raises("MINE own", ServerError)),
    case(lambda c: c.evalsha(SHA, ["k"], ["v"]), ["k", "v", 7], LOADED),
    case(lambda c: c.evalsha(SHA, 1, "k", "v"), ["k", "v", 7], LOADED),
    case(lambda c: c.evalsha(NONE), Raises("NOSCRIPT", NoScript)),
    case(lambda c: c.evalsha_ro(SHA, ["k"], ["v"]), ["k", "v", 7], LOADED),
    case(lambda c: c.evalsha_ro(SHA, 1, "k", "v"), ["k", "v", 7], LOADED),
    case(lambda c: c.eval_ro(LUA, ["k"], ["v"]), ["k", "v", 7]),
    case(lambda c: c.eval_ro(LUA, 1, "k", "v"), ["k", "v", 7]),
    case(lambda c: c.eval_ro("return redis.call('SET', 'k', 1)"), Raises("Write commands", ServerError)),
    case(lambda c: c.script_exists(SHA, NONE), [True, False], LOADED),
    case(lambda c: c.script_flush(), True, LOADED, then={f"SCRIPT EXISTS {SHA}": [0]}),
    case(lambda c: c.script_flush(asynchronous=True), True),
    case(lambda c: c.script_flush(sync=True), True),
    case(lambda c: c.script_help(), lambda v: v[0].startswith("SCRIPT")),
    case(lambda c: c.script_kill(), Raises("NOTBUSY", NotBusy)),
    case(lambda c: c.script_load(LUA), SHA),
    case(lambda c: c.script_show(SHA), LUA, LOADED),
]

STORED: list[Case] = [
    case(lambda c: c.fcall("f1", ["k"], [1]), ["k", "1"], FUNCTION),
    case(lambda c: c.fcall("f1", 1, "k", 1), ["k", "1"], FUNCTION),
    case(lambda c: c.fcall("f2"), 2, FUNCTION),
    case(lambda c: c.fcall_ro("f1", ["k"], [1]), ["k", "1"], FUNCTION),
    case(lambda c: c.fcall_ro("f1", 1, "k", 1), ["k", "1"], FUNCTION),
    case(lambda c: c.function_delete("lib1"), True, FUNCTION, then={"FUNCTION LIST": []}),
    case(lambda c: c.function_dump(), lambda v: b"lib1" in v, FUNCTION),
    case(lambda c: c.function_flush(), True, FUNCTION, then={"FUNCTION LIST": []}),
    case(lambda c: c.function_flush(asynchronous=True), True),
    case(lambda c: c.function_flush(sync=True), True),
    case(lambda c: c.function_help(), lambda v: v[0].startswith("FUNCTION")),
    case(lambda c: c.function_kill(), Raises("NOTBUSY", NotBusy)),
    case(lambda c: c.function_list(), [LIBRARY], FUNCTION),
    case(lambda c: c.function_list(libraryname="none*"), [], FUNCTION),
    case(
        lambda c: c.function_list(libraryname="lib*", withcode=True),
        [FunctionLibrary("lib1", "LUA", FUNCTIONS, CODE)],
        FUNCTION,
    ),
    case(lambda c: c.function_load(CODE), "lib1", EMPTY),
    case(lambda c: c.function_load(CODE), Raises("already exists", ServerError), FUNCTION),
    case(lambda c: c.function_load(CODE, replace=True), "lib1", FUNCTION),
    case(lambda c, dump: c.function_restore(dump, flush=True), True, FUNCTION, given="FUNCTION DUMP"),
    case(lambda c, dump: c.function_restore(dump, replace=True), True, FUNCTION, given="FUNCTION DUMP"),
    case(
        lambda c, dump: c.function_restore(dump, append=True),
        Raises("already exists", ServerError),
        FUNCTION,
        given="FUNCTION DUMP",
    ),
    case(lambda c: c.function_stats(), FunctionStats(None, {"LUA": FunctionEngine(1, 2)}), FUNCTION),
]


CASES = [*SCRIPTS, *STORED]
IN_A_BATCH = [each for each in CASES if called(each)[0] not in ("script_kill", "function_kill")]
"""Killing takes a connection of its own, so it has no place in a batch."""


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(IN_A_BATCH if queued else CASES, subtests, queued=queued)


SPIN = "#!lua name=spin\nredis.register_function{function_name='spin', callback=function() while true do end end}"


@pytest.mark.covers("script_kill", "function_kill")
async def test_what_runs_is_killed(table: Table) -> None:
    await table.client.config_set({"busy-reply-threshold": 10})
    await table.client.function_load(SPIN)
    for start, kill in (
        (table.client.eval("while true do end"), table.checked.script_kill),
        (table.client.fcall("spin"), table.checked.function_kill),
    ):
        running = asyncio.ensure_future(start)
        while not running.done():
            try:
                assert await kill() is True
            except NotBusy:
                await asyncio.sleep(0.005)  # not begun yet
                continue
            break
        with pytest.raises(ServerError, match="killed"):
            await running
