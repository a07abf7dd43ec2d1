"""PUBLISH and what PUBSUB tells; a connection beside the client subscribes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redpoll.testing import EmbeddedServer
from tests.live.commands.cases import Case, Table, case
from tests.live.raw import Raw

CASES: list[Case] = [
    case(lambda c: c.publish("news", "hello"), 2),
    case(lambda c: c.publish("none", b"\xff"), 0),
    case(lambda c: c.spublish("shard", 1), 1),
    case(lambda c: c.spublish("none", "x"), 0),
    case(lambda c: c.pubsub_channels(), ["news"]),
    case(lambda c: c.pubsub_channels("q*"), []),
    case(lambda c: c.pubsub_help(), lambda v: v[0].startswith("PUBSUB")),
    case(lambda c: c.pubsub_numpat(), 1),
    case(lambda c: c.pubsub_numsub("news", "none"), {"news": 1, "none": 0}),
    case(lambda c: c.pubsub_numsub(), {}),
    case(lambda c: c.pubsub_shardchannels(), ["shard"]),
    case(lambda c: c.pubsub_shardchannels("q*"), []),
    case(lambda c: c.pubsub_shardnumsub("shard", "none"), {"shard": 1, "none": 0}),
]


@pytest.fixture
def subscriber(server: EmbeddedServer) -> Iterator[None]:
    with Raw(server.port) as raw:
        for words in (("SUBSCRIBE", "news"), ("PSUBSCRIBE", "new*"), ("SSUBSCRIBE", "shard")):
            raw.call(*words)
        yield


@pytest.mark.usefixtures("subscriber")
@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)
