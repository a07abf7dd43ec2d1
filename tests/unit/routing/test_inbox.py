"""The messages of one subscription: bounded, in order, with gaps in their place, whoever waits and is cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from redpoll.errors import DecodeFailed, Overloaded, RedisError
from redpoll.records.pubsub import Gap, Message
from redpoll.routing.inbox import End, Inbox, Overflow

LOST = Gap("connection", None, "lost")


def push(number: int) -> list[bytes]:
    return [b"message", b"a", b"%d" % number]


def fill(inbox: Inbox, numbers: range) -> None:
    for number in numbers:
        inbox.take(push(number))


def rest(inbox: Inbox) -> list[Any]:
    """What can be read: the numbers of messages, how many a gap missed, or other things as they are."""
    found: list[Any] = []
    while (item := inbox.get()) is not None:
        if isinstance(item, Message):
            found.append(int(item.data))
        elif isinstance(item, Gap):
            found.append((item.cause, item.missed))
        elif isinstance(item, End):
            return [*found, item.error]
        else:
            found.append(item)
    return found


def test_messages_of_every_kind() -> None:
    inbox = Inbox(True, 10, "drop_oldest")
    inbox.take([b"message", b"a", b"1"])
    inbox.take([b"pmessage", b"a*", b"ab", b"\xc3\xa4"])
    inbox.take([b"smessage", b"s", b""])
    assert inbox.get() == Message("a", "1", None, "message")
    assert inbox.get() == Message("ab", "ä", "a*", "pmessage")
    assert inbox.get() == Message("s", "", None, "smessage")
    raw = Inbox(False, 10, "drop_oldest")
    raw.take([b"pmessage", b"\xff*", b"\xff", b"\xfe"])
    assert raw.get() == Message(b"\xff", b"\xfe", b"\xff*", "pmessage")


def test_what_is_no_text_is_told_in_its_place() -> None:
    inbox = Inbox(True, 10, "drop_oldest")
    inbox.take(push(1))
    inbox.take([b"message", b"a", b"\xff"])
    inbox.take(push(2))
    one, bad, two = rest(inbox)
    assert (one, two) == (1, 2)
    assert isinstance(bad, DecodeFailed)
    assert "binary" in bad.message


@pytest.mark.parametrize(
    ("overflow", "found"),
    [("drop_oldest", [("overflow", 3), 3, 4]), ("drop_newest", [0, 1, ("overflow", 3)])],
)
def test_what_there_is_no_room_for_is_told(overflow: Overflow, found: list[Any]) -> None:
    inbox = Inbox(True, 2, overflow)
    fill(inbox, range(5))
    assert inbox.dropped == 3
    assert rest(inbox) == found
    fill(inbox, range(9, 10))
    assert rest(inbox) == [9]


def test_the_gap_of_new_ones_stands_before_what_comes_after() -> None:
    inbox = Inbox(True, 2, "drop_newest")
    fill(inbox, range(4))
    assert isinstance(inbox.get(), Message)
    fill(inbox, range(4, 5))
    assert rest(inbox) == [1, ("overflow", 2), 4]


def test_a_gap_is_never_dropped() -> None:
    inbox = Inbox(True, 2, "drop_oldest")
    fill(inbox, range(1))
    inbox.gap(LOST)
    fill(inbox, range(1, 4))
    assert rest(inbox) == [("connection", None), ("overflow", 2), 2, 3]


def test_two_losses_with_nothing_between_are_one_gap() -> None:
    inbox = Inbox(True, 2, "drop_oldest")
    inbox.gap(LOST)
    inbox.gap(LOST)
    assert rest(inbox) == [("connection", None)]


def test_waiting_stops_and_goes_on_at_half() -> None:
    told: list[bool] = []
    inbox = Inbox(True, 4, "wait")
    inbox.on_full = told.append
    fill(inbox, range(6))
    assert told == [True]
    for _ in range(3):
        inbox.get()
    assert told == [True]
    inbox.get()
    assert told == [True, False]
    assert rest(inbox) == [4, 5]
    assert inbox.dropped == 0
    fill(inbox, range(6))
    inbox.clear()
    assert told == [True, False, True, False]
    assert rest(inbox) == []


def test_the_end_lets_reading_go_on() -> None:
    told: list[bool] = []
    inbox = Inbox(True, 1, "wait")
    inbox.on_full = told.append
    fill(inbox, range(2))
    inbox.finish(None)
    assert told == [True, False]
    assert rest(inbox) == [0, 1, None]


def test_closing_at_the_limit_keeps_what_is_there() -> None:
    inbox = Inbox(True, 2, "close")
    inbox.on_over = inbox.finish
    fill(inbox, range(4))
    *items, end = rest(inbox)
    assert items == [0, 1]
    assert isinstance(end, Overloaded)


def test_the_first_end_counts() -> None:
    inbox = Inbox(True, 2, "drop_oldest")
    inbox.finish(None)
    inbox.finish(RedisError("late"))
    assert rest(inbox) == [None]


async def test_several_may_wait_and_each_message_goes_to_one() -> None:
    inbox = Inbox(True, 10, "drop_oldest")
    readers = [asyncio.create_task(inbox.next()) for _ in range(3)]
    await asyncio.sleep(0)
    fill(inbox, range(3))
    found = await asyncio.gather(*readers)
    assert sorted(int(item.data) for item in found if isinstance(item, Message)) == [0, 1, 2]


@pytest.mark.parametrize("woken", [False, True])
async def test_being_cancelled_loses_no_message(woken: bool) -> None:
    inbox = Inbox(True, 10, "drop_oldest")
    first, second = (asyncio.create_task(inbox.next()) for _ in range(2))
    await asyncio.sleep(0)
    if woken:
        inbox.take(push(1))
    first.cancel()
    if not woken:
        inbox.take(push(1))
    item = await second
    assert isinstance(item, Message)
    with pytest.raises(asyncio.CancelledError):
        await first
    assert rest(inbox) == []


async def test_the_end_wakes_everybody() -> None:
    inbox = Inbox(True, 10, "drop_oldest")
    readers = [asyncio.create_task(inbox.next()) for _ in range(2)]
    await asyncio.sleep(0)
    inbox.finish(None)
    assert all(isinstance(item, End) for item in await asyncio.gather(*readers))
