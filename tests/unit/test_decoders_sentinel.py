"""What a Sentinel answers, in all shapes: states that a live test cannot hold, older servers, and nonsense."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from redpoll import decoders as d
from redpoll.records.sentinel import CachedInfo, DownVote, PendingScript
from tests.unit.test_decoders import in_every_shape

EVERY = {
    "name": "main",
    "ip": "127.0.0.1",
    "port": "6379",
    "runid": "",
    "flags": "s_down,o_down,master,disconnected",
    "link-pending-commands": "3",
    "link-refcount": "1",
    "last-ping-sent": "11",
    "last-ok-ping-reply": "12",
    "last-ping-reply": "13",
    "s-down-time": "14",
    "down-after-milliseconds": "100",
}
SERVER = {"info-refresh": "0", "role-reported": "master", "role-reported-time": "15"}
PRIMARY = {
    **EVERY,
    **SERVER,
    "config-epoch": "0",
    "num-slaves": "2",
    "num-other-sentinels": "4",
    "quorum": "3",
    "failover-timeout": "180000",
    "parallel-syncs": "1",
}
REPLICA = {
    **EVERY,
    **SERVER,
    "flags": "slave",
    "master-link-down-time": "16000",
    "master-link-status": "err",
    "master-host": "?",
    "master-port": "0",
    "slave-priority": "100",
    "slave-repl-offset": "14",
}
SENTINEL = {**EVERY, "flags": "", "last-hello-message": "17", "voted-leader": "?", "voted-leader-epoch": "0"}


def test_a_primary_that_fails_over() -> None:
    more = {"o-down-time": "5", "failover-state": "wait_promotion", "client-reconfig-script": "/a b", "new-field": "x"}
    (found,) = in_every_shape(d.sentinel.watched_primaries, [{**PRIMARY, **more}])
    assert found == in_every_shape(d.sentinel.watched_primary, {**PRIMARY, **more})
    assert (found.flags, found.is_down) == (("s_down", "o_down", "master", "disconnected"), True)
    assert (found.s_down_time, found.o_down_time, found.replicas, found.sentinels) == (14, 5, 2, 4)
    assert (found.failover_state, found.client_reconfig_script) == ("wait_promotion", "/a b")
    assert (found.notification_script, found.extra) == (None, {"new-field": "x"})
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_replica_that_has_told_nothing_and_is_old() -> None:
    (found,) = in_every_shape(d.sentinel.watched_replicas, [REPLICA])
    assert (found.primary_host, found.primary_port, found.primary_link_up) == (None, 0, False)
    assert (found.primary_link_down_time, found.announced, found.is_down) == (16_000, None, False)
    (hidden,) = in_every_shape(d.sentinel.watched_replicas, [{**REPLICA, "replica-announced": "0"}])
    assert hidden.announced is False


def test_a_sentinel() -> None:
    (found,) = in_every_shape(d.sentinel.watched_sentinels, [SENTINEL])
    assert (found.flags, found.voted_leader, found.last_hello_message) == ((), None, 17)
    (voted,) = in_every_shape(d.sentinel.watched_sentinels, [{**SENTINEL, "voted-leader": "a" * 40}])
    assert voted.voted_leader == "a" * 40


def test_what_is_lacking_is_no_record() -> None:
    lacking = {name: value for name, value in PRIMARY.items() if name != "quorum"}
    with pytest.raises(TypeError, match="quorum"):
        d.sentinel.watched_primary(lacking)


@pytest.mark.parametrize(
    ("reply", "value"), [(None, None), (["127.0.0.1", "6379"], ("127.0.0.1", 6379)), (["h", "1"], ("h", 1))]
)
def test_address(reply: Any, value: Any) -> None:
    assert in_every_shape(d.sentinel.primary_address, reply) == value


def test_info_cache() -> None:
    found = in_every_shape(d.sentinel.info_cache, ["main", [[20, "# Server\r\ntcp_port:1\r\n"], [0, None]], "b", []])
    assert found["main"][0].info["tcp_port"] == 1
    assert (found["main"][0].age, found["main"][1], found["b"]) == (20, CachedInfo(0, None), [])


def test_votes_and_times() -> None:
    assert in_every_shape(d.sentinel.down_vote, [1, "*", 0]) == DownVote(True, None, 0)
    assert in_every_shape(d.sentinel.down_vote, [0, "a" * 40, 7]) == DownVote(False, "a" * 40, 7)
    assert in_every_shape(d.sentinel.sentinel_times, {"PING-PERIOD": "1000"}) == {"PING-PERIOD": 1000}


def test_scripts() -> None:
    runs = {"argv": ["/s", "a b"], "flags": "running", "pid": "7", "run-time": "5", "retry-num": "1"}
    waits = {"argv": ["/s"], "flags": "scheduled", "pid": "0", "run-delay": "9", "retry-num": "2", "new": "x"}
    assert in_every_shape(d.sentinel.pending_scripts, [runs, waits]) == [
        PendingScript(("/s", "a b"), True, 7, 5, None, 1),
        PendingScript(("/s",), False, 0, None, 9, 2, {"new": "x"}),
    ]
