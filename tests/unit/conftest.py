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

    def _fill(self, call: Call, name: str, text: bool) -> None:
        call.spec, call.payload, call.text = Spec(name), b"", text
        call.replay, call.given, call.batch, call.timeout, call.deadline = False, 0, None, None, 0.0

    def one(self, name: str = "GET", *, text: bool = True) -> Call:
        call = Call(loop=self.loop)
        self._fill(call, name, text)
        return call

    def group(self, *texts: bool) -> Group:
        group = Group(loop=self.loop)
        self._fill(group, "PIPELINE", True)
        group.texts = list(texts)
        group.again()
        return group

    def change(self, kind: bytes = b"subscribe") -> Change:
        change = Change(loop=self.loop)
        self._fill(change, kind.decode().upper(), True)
        change.kind = kind
        change.again()
        return change


@pytest.fixture
def calls() -> Iterator[Calls]:
    loop = asyncio.new_event_loop()
    yield Calls(loop)
    loop.close()
