"""What the client may do with each command: the rules, and every command's facts for a reviewer to see.

The facts of all commands are in ``expected_facts.txt``; ``python -m tests.codegen.test_facts`` writes it anew. Look at
the difference: a command that is wrongly replayed is run twice, one that is wrongly cached gives old values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codegen import overlay, spec
from codegen.facts import facts
from codegen.generate import ROOT
from codegen.ir import Facts, LoweringError
from codegen.overlay import Entry
from codegen.spec import Command
from tests.codegen.synthetic import KEY, command

EXPECTED = Path(__file__).parent / "expected_facts.txt"


def all_facts() -> dict[str, Facts]:
    over = overlay.load()
    return {name: facts(item, over.entry(name)) for name, item in spec.load(ROOT / "commands.json").items()}


def lines() -> list[str]:
    """One line a command: its name, then what is true of it."""
    found: list[str] = []
    for name, item in sorted(all_facts().items()):
        words = [word for word in ("replay", "cacheable", "dedicated") if getattr(item, word)]
        words += [] if item.blocking is None else [f"blocking={item.blocking}"]
        found.append(f"{name}: {' '.join(words) or '-'}")
    return found


@pytest.fixture(scope="module")
def found() -> dict[str, Facts]:
    return all_facts()


def named(found: dict[str, Facts], fact: str) -> set[str]:
    return {name for name, item in found.items() if getattr(item, fact)}


# All commands


def test_the_facts_are_as_reviewed(found: dict[str, Facts]) -> None:
    print("replay:", ", ".join(sorted(named(found, "replay"))))
    print("cacheable:", ", ".join(sorted(named(found, "cacheable"))))
    assert lines() == EXPECTED.read_text(encoding="utf-8").splitlines()


def test_nothing_that_writes_may_be_replayed_or_cached(found: dict[str, Facts]) -> None:
    commands = spec.load(ROOT / "commands.json")
    writes = {name for name, item in commands.items() if "write" in item.flags}
    assert writes & (named(found, "replay") | named(found, "cacheable")) == set()


def test_what_consumes_skips_or_runs_scripts_is_not_replayed(found: dict[str, Facts]) -> None:
    hazards = {
        "CLUSTERSCAN", "EVAL", "EVALSHA", "EVALSHA_RO", "EVAL_RO", "FCALL", "FCALL_RO", "FT.CURSOR DEL", "FT.CURSOR READ",
        "GETDEL", "GETEX", "HSCAN", "LPOP", "PUBLISH", "SCAN", "SPOP", "SSCAN", "TS.READ", "XREAD", "XREADGROUP", "ZSCAN",
    }  # fmt: skip
    assert hazards <= found.keys()
    assert hazards & named(found, "replay") == set()


def test_what_may_be_replayed_without_the_flag(found: dict[str, Facts]) -> None:
    assert {"CLUSTER SLOTS", "CONFIG GET", "ECHO", "INFO", "PING", "ROLE", "SCRIPT LOAD", "TIME"} <= named(
        found, "replay"
    )


def test_what_changes_without_an_invalidation_is_not_cached(found: dict[str, Facts]) -> None:
    fickle = {
        "DUMP", "EVALSHA_RO", "EVAL_RO", "FT.SEARCH", "HPTTL", "HRANDFIELD", "HTTL", "KEYS", "MEMORY USAGE",
        "OBJECT ENCODING", "OBJECT FREQ", "OBJECT IDLETIME", "OBJECT REFCOUNT", "PTTL", "RANDOMKEY", "SCAN", "SORT_RO",
        "SRANDMEMBER", "TIME", "TOUCH", "TS.GET", "TS.MGET", "TS.RANGE", "TS.READ", "TTL", "VRANDMEMBER", "XINFO CONSUMERS",
        "XINFO GROUPS", "XINFO STREAM", "XPENDING", "XREAD", "ZRANDMEMBER",
    }  # fmt: skip
    assert fickle <= found.keys()
    assert fickle & named(found, "cacheable") == set()
    assert {"GET", "HGET", "JSON.GET", "LRANGE", "MGET", "ZRANGE"} <= named(found, "cacheable")


def test_what_is_cached_may_be_replayed_and_has_keys(found: dict[str, Facts]) -> None:
    cached = {name: item for name, item in found.items() if item.cacheable}
    assert all(item.replay and item.keys and item.blocking is None and not item.dedicated for item in cached.values())


def test_what_changes_its_connection_is_dedicated(found: dict[str, Facts]) -> None:
    state = {
        "ASKING", "AUTH", "CLIENT CACHING", "CLIENT CAPA", "CLIENT IMPORT-SOURCE", "CLIENT NO-EVICT", "CLIENT NO-TOUCH",
        "CLIENT REPLY", "CLIENT SETINFO", "CLIENT SETNAME", "CLIENT TRACKING", "CLUSTER SYNCSLOTS", "DISCARD", "EXEC",
        "HELLO", "HIMPORT DISCARD", "HIMPORT DISCARDALL", "HIMPORT PREPARE", "HIMPORT SET", "MONITOR", "MULTI",
        "PSUBSCRIBE", "PSYNC", "PUNSUBSCRIBE", "QUIT", "READONLY", "READWRITE", "REPLCONF", "RESET", "SCRIPT DEBUG",
        "SELECT", "SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE", "SYNC", "UNSUBSCRIBE", "UNWATCH", "WAIT", "WAITAOF", "WATCH",
    }  # fmt: skip
    assert named(found, "dedicated") == state


def test_what_blocks_says_for_how_long(found: dict[str, Facts]) -> None:
    flagged = {name for name, item in spec.load(ROOT / "commands.json").items() if "blocking" in item.flags}
    assert named(found, "blocking") == flagged | {"TS.READ"}


# The rules


def of(entry: Entry | None = None, **told: Any) -> Facts:
    return facts(command("CMD", KEY, **told), entry or Entry("CMD"))


def key_spec(begin: dict[str, Any], find: dict[str, Any], **flags: bool) -> dict[str, Any]:
    def search(told: dict[str, Any]) -> dict[str, Any]:
        return {"type": told.pop("type"), "spec": told}

    return {"begin_search": search(begin), "find_keys": search(find), **flags}


def at(index: int, lastkey: int = 0, keystep: int = 1, limit: int = 0, **flags: bool) -> dict[str, Any]:
    span = {"type": "range", "lastkey": lastkey, "keystep": keystep, "limit": limit}
    return key_spec({"type": "index", "index": index}, span, **flags)


READS: dict[str, Any] = {"command_flags": ["readonly"], "key_specs": [at(1)]}


@pytest.mark.parametrize(
    ("told", "replay", "cacheable"),
    [
        ({}, False, False),
        ({"command_flags": ["write"], "key_specs": [at(1)]}, False, False),
        (READS, True, True),
        ({"command_flags": ["readonly"]}, True, False),
        ({**READS, "hints": ["nondeterministic_output"]}, True, False),
        ({**READS, "hints": ["dont_cache"]}, True, False),
        ({**READS, "hints": ["nondeterministic_output_order"]}, True, True),
    ],
)
def test_replay_and_cacheable_follow_the_flags(told: dict[str, Any], replay: bool, cacheable: bool) -> None:
    item = of(**told)
    assert (item.replay, item.cacheable, item.dedicated, item.blocking) == (replay, cacheable, False, None)


def test_the_overlay_overrides_them() -> None:
    entry = Entry("CMD", facts={"replay": False, "cacheable": False, "dedicated": True, "keys": ["KeyRange(2, 2)"]})
    item = of(entry, **READS)
    assert item == Facts(keys=("KeyRange(2, 2)",), dedicated=True)
    assert of(Entry("CMD", facts={"replay": True})).replay
    assert of(Entry("CMD", facts={"keys": "KeyRange(1, 1)"})).keys == ("KeyRange(1, 1)",)


def test_what_blocks_is_not_cached() -> None:
    assert not of(Entry("CMD", facts={"blocking": "Block(1, 1.0)"}), **READS).cacheable


@pytest.mark.parametrize(
    ("specs", "keys"),
    [
        ([at(1)], ("KeyRange(1, 1)",)),
        ([at(1, -1)], ("KeyRange(1, -1)",)),
        ([at(1, -2)], ("KeyRange(1, -2)",)),
        ([at(2, 1)], ("KeyRange(2, 3)",)),
        ([at(1, -1, 2)], ("KeyRange(1, -1, 2)",)),
        ([at(1), at(2)], ("KeyRange(1, 1)", "KeyRange(2, 2)")),
        (
            [key_spec({"type": "index", "index": 1}, {"type": "keynum", "keynumidx": 0, "firstkey": 1, "keystep": 1})],
            ("KeyCount(1, 2)",),
        ),
        (
            [key_spec({"type": "index", "index": 1}, {"type": "keynum", "keynumidx": 0, "firstkey": 1, "keystep": 2})],
            ("KeyCount(1, 2, 2)",),
        ),
        (
            [
                key_spec(
                    {"type": "keyword", "keyword": "STREAMS", "startfrom": 1},
                    {"type": "range", "lastkey": -1, "keystep": 1, "limit": 2},
                )
            ],
            ("KeyAfter('STREAMS', 1, KeyRange(0, -1, 1, 2))",),
        ),
        ([key_spec({"type": "unknown"}, {"type": "unknown"})], ()),
        ([key_spec({"type": "index", "index": 1}, {"type": "unknown"})], ()),
        ([at(1, not_key=True)], ()),
    ],
)
def test_keys_follow_the_key_specs(specs: list[dict[str, Any]], keys: tuple[str, ...]) -> None:
    assert of(key_specs=specs).keys == keys


def test_policies_follow_the_tips() -> None:
    item = of(hints=["request_policy:all_shards", "response_policy:agg_sum"])
    assert (item.request_policy, item.response_policy) == ("all_shards", "agg_sum")
    entry = Entry("CMD", facts={"request_policy": "all_nodes"})
    assert of(entry, hints=["request_policy:all_shards"]).request_policy == "all_nodes"
    with pytest.raises(LoweringError, match="CMD: unknown request_policy 'some'"):
        of(hints=["request_policy:some"])
    with pytest.raises(LoweringError, match="CMD: unknown response_policy 'agg_odd'"):
        of(hints=["response_policy:agg_odd"])


def test_a_blocking_command_needs_a_place_of_its_block_time() -> None:
    blocks: Command = command("CMD", KEY, command_flags=["blocking"])
    with pytest.raises(
        LoweringError, match=r"CMD: the overlay must say where the block time stands \(facts.blocking\)"
    ):
        facts(blocks, Entry("CMD"))
    assert facts(blocks, Entry("CMD", exclude=True)).blocking is None
    assert facts(blocks, Entry("CMD", facts={"blocking": "Block(1, 1.0)"})).blocking == "Block(1, 1.0)"


if __name__ == "__main__":
    EXPECTED.write_text("\n".join(lines()) + "\n", encoding="utf-8")
