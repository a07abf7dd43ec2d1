"""Decoders on replies as the parser leaves them: both protocols, both readers, older and newer servers, nonsense."""

from __future__ import annotations

import ast
import copy
import inspect
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redpoll import decoders as d
from redpoll.records import cluster as cluster_records
from redpoll.records import commands as commands_records
from redpoll.records import data as data_records
from redpoll.records import server as server_records
from redpoll.records import streams as streams_records
from redpoll.records import vectors as vectors_records


def as_bytes(value: Any) -> Any:
    """The same reply from a reader that does not decode."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [as_bytes(item) for item in value]
    if isinstance(value, dict):
        return {as_bytes(key): as_bytes(item) for key, item in value.items()}
    return value


def flat(value: Any) -> Any:
    """The same reply in RESP2: maps become flat lists, doubles text."""
    if isinstance(value, dict):
        return [flat(part) for pair in value.items() for part in pair]
    if isinstance(value, list):
        return [flat(item) for item in value]
    if isinstance(value, float):
        return repr(value)
    return value


def in_every_shape(decode: Callable[[Any], Any], reply: Any) -> Any:
    """Decode a RESP3 text reply in all four shapes; return the value that all agree on (all text must be ``str``)."""
    value = decode(copy.deepcopy(reply))
    for other in (flat(reply), as_bytes(reply), as_bytes(flat(reply))):
        assert decode(other) == value
    return value


@pytest.mark.parametrize(("reply", "value"), [(None, False), ("OK", True), (b"QUEUED", True), ("", True)])
def test_ok(reply: Any, value: bool) -> None:
    assert d.ok(reply) is value


@pytest.mark.parametrize(("reply", "value"), [(0, False), (1, True), (True, True), (False, False)])
def test_flag(reply: Any, value: bool) -> None:
    assert d.flag(reply) is value


@pytest.mark.parametrize("reply", [2, -1, "1", b"OK", None, [1]])
def test_flag_takes_nothing_else(reply: Any) -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        d.flag(reply)


@pytest.mark.parametrize("text", ["1.5", "inf", "-inf", "1e300", "3"])
def test_to_float(text: str) -> None:
    assert d.to_float(text) == d.to_float(text.encode()) == d.to_float(float(text)) == float(text)


def test_to_float_of_nan_and_nonsense() -> None:
    assert math.isnan(d.to_float(b"nan"))
    with pytest.raises(ValueError, match="could not convert"):
        d.to_float("one")
    with pytest.raises(TypeError):
        d.to_float(None)


def test_text_that_is_not_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        d.to_str(b"\xff")
    assert d.readable(b"a\xff") == r"a\xff"


def test_migrated() -> None:
    assert d.migrated("OK") is True
    assert d.migrated(b"NOKEY") is False


@pytest.mark.parametrize(
    ("decode", "reply", "value"),
    [
        (d.opt(d.to_float), None, None),
        (d.opt(d.to_float), "1", 1.0),
        (d.list_of(None), ["a"], ["a"]),
        (d.list_of(d.opt(d.to_float)), ["1", None], [1.0, None]),
        (d.set_of(None), ["a", "a"], {"a"}),
        (d.set_of(d.to_str), [b"a", "b"], {"a", "b"}),
        (d.map_of(None, None), ["a", 1], {"a": 1}),
        (d.map_of(None, None), {"a": 1}, {"a": 1}),
        (d.map_of(d.to_str, d.to_float), [b"a", "1"], {"a": 1.0}),
        (d.map_of(d.to_str, None), {b"a": b"b"}, {"a": b"b"}),
        (d.pairs_of(None, None), ["a", "b", "c", "d"], [("a", "b"), ("c", "d")]),
        (d.pairs_of(None, None), [["a", "b"], ["c", "d"]], [("a", "b"), ("c", "d")]),
        (d.pairs_of(None, None), {"a": "b"}, [("a", "b")]),
        (d.pairs_of(None, d.to_float), ["a", "1"], [("a", 1.0)]),
        (d.pairs_of(d.to_int, None), [[3, "x"]], [(3, "x")]),
        (d.pairs_of(None, None), [], []),
        (d.tuple_of(None, None), [1, 2], (1, 2)),
        (d.tuple_of(d.to_float, None), ["1", "x"], (1.0, "x")),
    ],
)
def test_combinators(decode: Callable[[Any], Any], reply: Any, value: Any) -> None:
    assert decode(reply) == value


@pytest.mark.parametrize(
    ("decode", "reply"),
    [
        (d.map_of(None, None), ["a", 1, "b"]),
        (d.map_of(None, None), 3),
        (d.pairs_of(None, None), ["a", "b", "c"]),
        (d.pairs_of(None, None), [["a"]]),
        (d.tuple_of(None, None), [1]),
        (d.tuple_of(d.to_float), [1, 2]),
        (d.list_of(d.to_float), None),
        (d.scored, ["a", "1", "b"]),
        (d.scored, [["a"]]),
        (d.scan, ["x", []]),
        (d.scan, "0"),
        (d.key_value, ["a"]),
        (d.entries, [["1-1", ["f"]]]),
        (d.xread, [["x"]]),
        (d.stream_state.xpending, [1, 2]),
        (d.stream_state.xinfo_stream, {"length": 1}),
        (d.matches.lcs_matches, {"len": 1}),
        (d.geo_positions, [["1"]]),
        (d.server.role, ["king", 1]),
        (d.server.unix_time, ["1"]),
        (d.text.cluster_nodes, "abc def"),
        (d.cluster.cluster_slots, [[1, 2]]),
        (d.text.client_info, "id=x addr=a"),
        (d.text.client_info, "nothing here"),
        (d.vectors.similar_all, ["a", "1"]),
        (d.vectors.array_result, "x"),
    ],
)
def test_unexpected_shapes_raise(decode: Callable[[Any], Any], reply: Any) -> None:
    with pytest.raises((TypeError, ValueError, KeyError, IndexError)):
        decode(reply)


@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False))))
def test_scores_agree_nested_and_flat(members: list[tuple[str, float]]) -> None:
    nested: list[Any] = [list(pair) for pair in members]
    assert d.scored(nested) == d.scored([part for pair in flat(nested) for part in pair]) == members


@given(st.dictionaries(st.text(), st.text()))
def test_maps_agree(table: dict[str, str]) -> None:
    assert d.as_map(table) == d.as_map(flat(table)) == table


def test_popped_one() -> None:
    assert d.popped_one([]) is None
    assert d.popped_one(["a", b"1"]) == ("a", 1.0)


def test_claim_leaves_out_what_is_gone() -> None:
    assert d.claimed([None, ["1-1", None], ["2-1", ["f", "v"]]]) == [("2-1", {"f": "v"})]


def test_autoclaim_of_an_older_server() -> None:
    assert d.stream_state.xautoclaim(["0-0", [["1-1", ["f", "v"]]]]) == streams_records.AutoClaim(
        "0-0", [("1-1", {"f": "v"})], []
    )
    assert d.stream_state.xautoclaim_ids(["0-0", ["1-1"]]) == streams_records.AutoClaimIds("0-0", ["1-1"], [])


def test_xreadgroup_with_claim() -> None:
    reply = {"x": [["1-1", ["f", "v"], 1500, 2], ["2-1", None, 7, 1], ["3-1", ["f", "v"]]]}
    expected = {
        "x": [
            streams_records.DeliveredEntry("1-1", {"f": "v"}, 1500, 2),
            streams_records.DeliveredEntry("2-1", None, 7, 1),
            streams_records.DeliveredEntry("3-1", {"f": "v"}),
        ]
    }
    assert d.stream_state.xreadgroup_claim(reply) == d.stream_state.xreadgroup_claim([["x", reply["x"]]]) == expected
    assert d.stream_state.xreadgroup_claim(None) == d.xreadgroup(None) == d.xread(None) == {}


GROUP = {"name": "g", "consumers": 1, "pending": 2, "last-delivered-id": "1-1", "entries-read": None, "lag": None}


def test_unknown_fields_are_kept_as_text() -> None:
    (group,) = d.stream_state.xinfo_groups([as_bytes({**GROUP, "mood": "good", "list": ["a", {"b": "c"}]})])
    assert group.name == b"g"
    assert group.extra == {"mood": "good", "list": ["a", {"b": "c"}]}


def test_missing_fields_of_an_older_server() -> None:
    older = {key: value for key, value in GROUP.items() if key not in {"entries-read", "lag"}}
    assert d.stream_state.xinfo_groups([older]) == [streams_records.StreamGroup("g", 1, 2, "1-1")]
    assert d.stream_state.xinfo_consumers([["name", "c", "pending", 1, "idle", 5]]) == [
        streams_records.StreamConsumer("c", 1, 5)
    ]
    assert d.server.modules([["name", "m", "ver", 3]]) == [server_records.ModuleInfo("m", 3)]
    assert d.server.latency_latest([["fork", 1, 2, 3]]) == [server_records.LatencyEvent("fork", 1, 2, 3)]
    user = {"flags": ["on"], "passwords": [], "commands": "+@all", "keys": ["a", "b"], "channels": ["*"]}
    assert in_every_shape(d.server.acl_user, user) == server_records.AclUser(["on"], [], "+@all", "a b", "*", [])
    (command,) = d.commands.command_infos([["get", 2, ["readonly"], 1, 1, 1, ["@read"]]])
    assert (command.acl_categories, command.tips, command.subcommands) == (["@read"], [], [])


def test_geo_results_by_type() -> None:
    reply = [["a", b"1.5", 7, ["1", "2"]], ["b", 2.5], ["c", 9], ["d", [1.0, 2.0]]]
    assert d.matches.geo_found(reply) == [
        data_records.GeoResult("a", 1.5, 7, (1.0, 2.0)),
        data_records.GeoResult("b", 2.5),
        data_records.GeoResult("c", hash=9),
        data_records.GeoResult("d", position=(1.0, 2.0)),
    ]


def test_lcs_lengths_follow_from_positions() -> None:
    reply = {"matches": [[[4, 7], [5, 8], 4]], "len": 6}
    found = in_every_shape(d.matches.lcs_matches, reply)
    assert found == data_records.LcsMatches(6, [data_records.LcsMatch((4, 7), (5, 8))])
    assert found.matches[0].length == 4


INFO = """# Server\r
redis_version:7.2.4\r
server_name:valkey\r
valkey_version:9.1.2\r
redis_git_sha1:00000000\r
redis_build_id:12e456\r
run_id:1234567890123456789012345678901234567890\r
executable:/opt/a=b\r
process_id:42\r
listener0:name=tcp,bind=*,bind=-::*,port=6379\r
\r
# Memory\r
mem_fragmentation_ratio:1.20\r
used_memory_human:1.5M\r
maxmemory_policy:noeviction\r
negative:-1\r
\r
# Modules\r
module:name=a,ver=1,using=[x,y],options=[p|q]\r
module:name=b,ver=2\r
\r
# Keyspace\r
db0:keys=3,expires=1,avg_ttl=50\r
db15:keys=1,expires=0,avg_ttl=0,subexpiry=2\r
"""


def test_info() -> None:
    info = d.text.info(INFO)
    assert d.text.info(INFO.encode()) == info
    assert list(info.sections) == ["server", "memory", "modules", "keyspace"]
    assert (info.server, info.version) == ("valkey", "9.1.2")
    assert (info["redis_git_sha1"], info["redis_build_id"], info["process_id"]) == ("00000000", "12e456", 42)
    assert info["run_id"] == "1234567890123456789012345678901234567890"
    assert info["executable"] == "/opt/a=b"
    assert info["listener0"] == {"name": "tcp", "bind": "*,-::*", "port": 6379}
    assert (info["mem_fragmentation_ratio"], info["used_memory_human"], info["negative"]) == (1.2, "1.5M", -1)
    assert info["module"] == {"name": "a", "ver": 1, "using": "[x,y]", "options": "[p|q]"}
    assert info["module.2"] == {"name": "b", "ver": 2}
    assert info.keyspace == {
        0: server_records.Keyspace(3, 1, 50),
        15: server_records.Keyspace(1, 0, 0, {"subexpiry": 2}),
    }
    assert "negative" in info
    assert info.get("nothing") is None
    with pytest.raises(KeyError):
        info["nothing"]
    assert pickle.loads(pickle.dumps(info)) == info


def test_info_without_its_server_section() -> None:
    info = d.text.info("# Memory\r\nused_memory:1\r\n")
    assert info.keyspace == {}
    with pytest.raises(KeyError):
        assert info.version


CLIENT = "id=7 addr=/tmp/my dir/s:0 laddr=/tmp/my dir/s:0 fd=8 name= age=1 idle=0 flags=U db=0 cmd=client|list mood=a-b"


def test_client_lines() -> None:
    (client,) = d.text.client_list((CLIENT + "\n").encode())
    assert (client.id, client.addr, client.name, client.flags) == (7, "/tmp/my dir/s:0", "", "U")
    assert (client.sub, client.lib_name, client.extra) == (None, None, {"mood": "a-b"})
    assert d.text.client_list("") == []


A, B = "a" * 40, "b" * 40
NODES = f"""{A} ::1:7000@17000,host.example,shard-id=xyz myself,master - 0 0 3 connected 0-5 7 [8->-{B}] [9-<-{B}]
{B} 10.0.0.2:7001@17001 slave,fail? {A} 5 6 3 disconnected
{B} :0@0,,tls-port=0 noflags - 0 0 0 disconnected
"""


def test_cluster_nodes() -> None:
    first, second, third = d.text.cluster_nodes(NODES)
    assert d.text.cluster_nodes(NODES.encode()) == [first, second, third]
    assert (first.host, first.port, first.bus_port, first.hostname) == ("::1", 7000, 17000, "host.example")
    assert (first.slots, first.migrating, first.importing) == ([(0, 5), (7, 7)], {8: B}, {9: B})
    assert (first.extra, first.is_myself, first.is_primary) == ({"shard-id": "xyz"}, True, True)
    assert (second.primary_id, second.ping_sent, second.pong_received, second.slots) == (A, 5, 6, [])
    assert (second.flags, second.is_primary, second.link_state) == (["slave", "fail?"], False, "disconnected")
    assert (third.host, third.hostname, third.flags, third.extra) == ("", "", [], {"tls-port": "0"})
    assert d.text.cluster_replicas(NODES.splitlines()) == d.text.cluster_replicas(NODES) == [first, second, third]


def test_cluster_slots_of_older_and_newer_servers() -> None:
    reply = [[0, 5, ["h", 1, A, {"hostname": "x"}], [None, 2, B, {}]], [6, 7, ["h", 1]]]
    assert in_every_shape(d.cluster.cluster_slots, reply) == [
        cluster_records.SlotRange(
            0, 5, cluster_records.SlotNode("h", 1, A, {"hostname": "x"}), [cluster_records.SlotNode(None, 2, B)]
        ),
        cluster_records.SlotRange(6, 7, cluster_records.SlotNode("h", 1), []),
    ]


def test_migration_tasks() -> None:
    task = {
        "id": "t",
        "slots": "0-5 7",
        "source": A,
        "dest": B,
        "operation": "import",
        "state": "done",
        "last_error": "",
        "retries": 0,
        "create_time": 1,
        "start_time": 2,
        "end_time": 3,
        "write_pause_ms": 4,
    }
    assert in_every_shape(d.cluster.migration_tasks, [task]) == [
        cluster_records.MigrationTask("t", "import", [(0, 5), (7, 7)], A, B, "done", "", 0, 1, 2, 3, 4)
    ]


def test_hot_keys() -> None:
    report = {
        "tracking-active": 1,
        "sample-ratio": 2,
        "selected-slots": [[3], [5, 9]],
        "collection-duration-ms": 10,
        "by-cpu-time-us": ["x", 104, "y", 98],
    }
    expected = commands_records.HotKeys(
        [("x", 104), ("y", 98)], None, True, 2, [(3, 3), (5, 9)], {"collection-duration-ms": 10}
    )
    assert (
        d.commands.hot_keys([report])
        == d.commands.hot_keys([flat(report)])
        == d.commands.hot_keys(flat(report))
        == expected
    )
    assert d.commands.hot_keys(None) is None


def test_backup_status() -> None:
    reply = {"state": "sealed", "error": "", "start_time": "17", "end_time": "18"}
    assert in_every_shape(d.server.backup_status, reply) == server_records.BackupStatus("sealed", "", 17, 18)


def test_arrays() -> None:
    reply = {
        "count": 1,
        "len": 2,
        "next-insert-index": 3,
        "slices": 4,
        "directory-size": 5,
        "super-dir-entries": 6,
        "slice-size": 7,
        "dense-slices": 8,
        "sparse-slices": 9,
        "avg-dense-size": 1.5,
        "avg-dense-fill": 0.5,
        "avg-sparse-size": 2.0,
    }
    full = in_every_shape(d.vectors.array_info, reply)
    assert full == vectors_records.ArrayInfo(1, 2, 3, 4, 5, 6, 7, 8, 9, 1.5, 0.5, 2.0)
    assert d.vectors.array_info(dict(list(reply.items())[:7])) == vectors_records.ArrayInfo(1, 2, 3, 4, 5, 6, 7)
    assert [d.vectors.array_result(reply) for reply in (None, 3, "12", b"1.5", "-2")] == [None, 3, 12, 1.5, -2]


def test_log_entries_of_any_bytes() -> None:
    reply = [[1, 2, 3, [b"SET", b"\xff"], b"h:1", b""], [0, 2, 3, ["GET"]]]
    assert d.server.log_entries(reply) == [
        server_records.LogEntry(1, 2, 3, ["SET", r"\xff"], "h:1", ""),
        server_records.LogEntry(0, 2, 3, ["GET"]),
    ]


def test_roles() -> None:
    assert in_every_shape(d.server.role, ["master", 9, [["h", "1", "8"]]]) == server_records.PrimaryRole(
        9, [("h", 1, 8)]
    )
    assert in_every_shape(d.server.role, ["slave", "h", 1, "sync", -1]) == server_records.ReplicaRole(
        "h", 1, "sync", -1
    )
    assert in_every_shape(d.server.role, ["sentinel", ["a"]]) == server_records.SentinelRole(["a"])


def public_records() -> list[type[Any]]:
    modules = (cluster_records, commands_records, data_records, server_records, streams_records, vectors_records)
    return [
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and found.__module__ == module.__name__
    ]


def test_importing_the_client_makes_no_records() -> None:
    code = "import redpoll, sys; print([name for name in sys.modules if name.startswith(('redpoll.records', 'redpoll.search'))])"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("record", public_records(), ids=lambda record: record.__name__)
def test_records_are_frozen_slotted_and_described(record: type[Any]) -> None:
    assert record.__dataclass_params__.frozen
    assert "__slots__" in vars(record)
    assert record.__doc__
    described = record.__doc__
    fields = [name for name in record.__dataclass_fields__ if record.__name__ != "AutoClaimIds"]
    if "Attributes:" in described and "mean the same" not in described:
        assert [name for name in fields if f"{name}:" not in described] == []


def decoder_functions() -> list[ast.FunctionDef]:
    folder = Path(inspect.getfile(d)).parent
    return [
        node
        for file in sorted(folder.glob("*.py"))
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and file.stem != "basic"
    ]


@pytest.mark.parametrize("function", decoder_functions(), ids=lambda function: function.name)
def test_every_family_can_be_read_by_the_generator(function: ast.FunctionDef) -> None:
    if function.name in {"client_line", "slot_ranges"}:  # helpers that take text, not a reply
        return
    assert function.returns is not None
    chooses = ast.unparse(function.returns).startswith("Decoder[")  # by the call's words
    assert [argument.arg for argument in function.args.args] == ["words" if chooses else "reply"]
    if function.name in {"json_value", "json_values"}:  # documents, which may hold anything
        return
    assert "Any" not in ast.unparse(function.returns).replace("ANY", "")
    assert function.name in d.__all__ or any(hasattr(getattr(d, module), function.name) for module in d.LATE)
    assert ast.get_docstring(function)
