"""Which version has which command: what ``supports`` says, takes and refuses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from redpoll import UsageError, supports
from redpoll.commands.since import SINCE
from redpoll.commands.table import FACTS
from redpoll.records.server import HelloInfo, ModuleInfo, ServerInfo

VALKEY = HelloInfo("valkey", "9.1.2", 3, 1, "standalone", "master", [])
JSON = HelloInfo("redis", "7.4.2", 3, 1, "standalone", "master", [ModuleInfo("ReJSON", 20_609)])
STACK = ServerInfo(
    {
        "server": {"redis_version": "7.4.2"},
        "modules": {"module": {"name": "ReJSON", "ver": 20_006}, "module.2": {"name": "bf", "ver": 20_404}},
    }
)


@pytest.mark.parametrize(
    ("command", "version", "server", "has"),
    [
        ("HGETEX", "8.0.0", "redis", True),
        ("HGETEX", "7.4.9", "redis", False),
        ("hgetex", "9.0.0", "valkey", True),
        ("HGETEX", "8.1.3", "valkey", False),
        ("GET", "1.0.0", "redis", True),
        ("DELIFEQ", "99.0", "redis", False),
        ("DELIFEQ", "9.0", "valkey", True),
        ("client  no-evict", "7", "redis", True),
        ("CLIENT|NO-EVICT", "6.2.14", "redis", False),
        ("VADD", "8.0.0", "redis", True),
        ("INCREX", "8.10.0", "redis", True),
        ("INCREX", "8.6.9", "redis", False),
        ("HGETEX", "8.0-rc1", "redis", True),
        ("HGETEX", (8,), "redis", True),
        ("HGETEX", (7, 4, 9), "redis", False),
        ("SENTINEL PRIMARIES", (8, 0), "valkey", True),
    ],
)
def test_a_version(command: str, version: Any, server: Any, has: bool) -> None:
    assert supports(command, version, server=server) is has


@pytest.mark.parametrize(
    ("command", "argument", "redis", "valkey"),
    [
        ("SET", "EX", "2.6.12", "2.6.12"),
        ("SET", "ifeq", "8.4.0", "8.1.0"),
        ("SET", "IFDEQ", "8.4.0", None),
        ("XREAD", "BLOCK", "5.0.0", "5.0.0"),
        ("GEOSEARCH", "BYPOLYGON", None, "9.0.0"),
        ("SENTINEL FAILOVER", "COORDINATED", None, "9.0.0"),
    ],
)
def test_an_argument(command: str, argument: str, redis: str | None, valkey: str | None) -> None:
    for server, since in (("redis", redis), ("valkey", valkey)):
        made: Any = {"argument": argument, "server": server}
        assert supports(command, "99", **made) is (since is not None)
        if since is not None:
            numbers = tuple(map(int, since.split(".")))
            assert supports(command, numbers, **made)
            assert not supports(command, (*numbers[:-1], numbers[-1] - 1), **made)


def test_what_a_server_told() -> None:
    assert supports("HGETEX", VALKEY)
    assert supports("SET", VALKEY, argument="IFEQ")
    assert not supports("SET", VALKEY, argument="IFDEQ")
    assert not supports("HGETEX", JSON)
    assert supports("HPERSIST", STACK)


def test_modules_have_versions_of_their_own() -> None:
    assert supports("JSON.MERGE", JSON)
    assert not supports("JSON.MERGE", STACK)
    assert supports("JSON.GET", STACK)
    assert supports("BF.CARD", STACK)
    assert not supports("BF.CARD", JSON)
    assert not supports("JSON.GET", VALKEY)
    with pytest.raises(UsageError, match=r"JSON\.GET is of the module ReJSON"):
        supports("JSON.GET", "8.2.3")


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        (("HGETX", "8"), {}, "no command 'HGETX'; near it: HGETEX"),
        (("", "8"), {}, "no command ''"),
        (("Q" * 900, "8"), {}, "no command 'QQQ"),
        (("SET", "8"), {"argument": "IFEX"}, "SET has no argument 'IFEX'; near it: IFNE, IFEQ, IFDNE"),
        (("PING", "8"), {"argument": "X"}, "PING has no argument 'X'"),
        (("GET", "new"), {}, "a version is text like .* not 'new'"),
        (("GET", "8.0.0.0.0"), {}, "a version is text"),
        (("GET", ()), {}, "a version is text"),
        (("GET", (8, "2")), {}, "a version is text"),
        (("GET", "8"), {"server": "keydb"}, "'redis' or 'valkey', not 'keydb'"),
        (("GET", VALKEY), {"server": "redis"}, "tells its server itself"),
        (("GET", None), {}, "INFO or HELLO, is needed, not None"),
    ],
)
def test_what_is_refused(args: tuple[Any, Any], options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as found:
        supports(*args, **options)
    assert len(str(found.value)) < 160


def test_the_table_has_every_command_and_only_versions() -> None:
    assert SINCE.keys() == FACTS.keys()
    for name, (redis, valkey, module, words, newer) in SINCE.items():
        assert redis or valkey, name
        assert not newer.keys() & set(words.split()), name
        for since in (redis, valkey, *(each for both in newer.values() for each in both)):
            assert all(part.isdigit() for part in since.split(".")) or not since, name
        assert module in ("", "ReJSON", "bf", "search", "timeseries"), name


def test_an_import_of_redpoll_does_not_load_the_table() -> None:
    code = "import sys, redpoll; assert 'redpoll.commands.since' not in sys.modules and 'difflib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": "src"})
