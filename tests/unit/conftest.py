"""What unit tests share: calls to wait for replies, without a running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from redpoll.protocol.calls import Call, Change, Group
from redpoll.spec import Spec


class Calls:
    """Makes calls of each kind."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def one(self, name: str = "GET", *, text: bool = True) -> Call:
        call = Call()
        call.fill(self.loop, Spec(name), b"", text=text)
        return call

    def group(self, *texts: bool) -> Group:
        group = Group()
        group.fill(self.loop, Spec("PIPELINE"), b"")
        group.fill_group(list(texts))
        return group

    def change(self, kind: bytes = b"subscribe") -> Change:
        change = Change()
        change.fill(self.loop, Spec(kind.decode().upper()), b"")
        change.kind = kind
        change.again()
        return change


@pytest.fixture
def calls() -> Iterator[Calls]:
    loop = asyncio.new_event_loop()
    yield Calls(loop)
    loop.close()
