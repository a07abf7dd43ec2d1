"""One consumer's part in its groups, as the server sees it: joining, reading, taking over, acknowledging.

What may be lost where, and why it is not:

An entry that the server delivered and nobody saw, as the reply was lost or the read was cancelled, is pending under
this consumer's own name. So after anything that fails, and at the start, its own pending entries are read first.

An entry of a consumer that died is pending under that one's name. Whoever finds it idle for ``min_idle`` seconds takes
it over: XPENDING lists, XCLAIM takes what is still idle, so of several consumers one gets it. (XAUTOCLAIM would do both
at once, but it does not tell how often an entry was delivered, and counts each as delivered once more.)

An entry beyond its limit is added to the dead-letter stream first and acknowledged after that has succeeded: not in one
pipeline, where the second would run though the first was refused. Lost in between, it is there twice.

A stream or group that is gone is made again, from the last entry that was delivered; from the beginning where the
stream is another one, whose ids are lower. What was pending in a group is gone with it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from redpoll.commands import Commands
from redpoll.errors import BusyGroup, ServerError
from redpoll.protocol.encode import encode
from redpoll.types import Value

from .entries import Delivered, Plan

_log: Final = logging.getLogger("redpoll")
_FIRST: Final = b"0-0"


@dataclass(frozen=True, slots=True)
class _Page:
    """Pending entries to be looked through: this consumer's own (``idle`` is 0), or all that are idle for long."""

    stream: bytes
    idle: int = 0  # milliseconds
    start: bytes = b"-"


class Membership:
    """A consumer in its groups: one group, of the same name, in each of its streams."""

    __slots__ = ("_commands", "_in_hand", "_joined", "_last", "_pages", "_safe", "_sweep_at", "plan")

    def __init__(self, commands: Commands[bytes], safe: Commands[bytes], plan: Plan) -> None:
        """Begin; nothing is sent yet.

        Args:
            commands: runs commands.
            safe: runs those that may run twice.
            plan: how to work.
        """
        self.plan: Plan = plan
        self._commands = commands
        self._safe = safe
        self._joined = False
        self._last: dict[bytes, bytes] = {}  # the last id that each group has delivered, as far as is known
        self._in_hand: dict[tuple[bytes, bytes], float] = {}  # delivered, not acknowledged: until when nobody claims it
        self._pages: deque[_Page] = deque()
        self._sweep_at = 0.0  # when to look for idle entries next

    async def fetch(self) -> list[Delivered]:
        """Return the next entries; none where none came in time.

        Raises:
            NoGroup: a stream or group is gone; it is made again at the next call.
            RedisError: whatever a command raises.
        """
        try:
            if not self._joined:
                await self._join()
            found = await self._next()
        except BaseException:
            self._look_at_own()
            raise
        until = monotonic() + self.plan.min_idle
        self._in_hand.update((each.place, until) for each in found)
        return found

    def leave(self) -> None:
        """Have the groups made again, if they are gone, at the next ``fetch``."""
        self._joined = False

    def holds(self, entry: Delivered) -> bool:
        """Tell whether an entry is still this consumer's to handle: not yet acknowledged, nor to be claimed by others."""
        return self._in_hand.get(entry.place, 0.0) > monotonic()

    async def acknowledge(self, entry: Delivered) -> bool:
        """Acknowledge an entry; return whether it was pending."""
        count = await self._safe.xack(entry.stream, self.plan.group, entry.id)
        self._in_hand.pop(entry.place, None)
        return count > 0

    async def renew(self, entries: Iterable[Delivered]) -> None:
        """Have entries that are being handled not count as idle, nor as delivered once more."""
        by_stream: dict[bytes, list[bytes]] = {}
        for entry in entries:
            by_stream.setdefault(entry.stream, []).append(entry.id)
        plan = self.plan
        for stream, ids in by_stream.items():
            await self._safe.xclaim(stream, plan.group, plan.name, 0, *ids, justid=True)
            until = monotonic() + plan.min_idle
            self._in_hand.update(((stream, id_), until) for id_ in ids if (stream, id_) in self._in_hand)

    async def give_back(self, entries: Iterable[Delivered]) -> None:
        """Have entries that were not handled count as idle, and not as delivered, so that others take them at once."""
        alike: dict[tuple[bytes, int], list[bytes]] = {}
        for entry in entries:
            if self.holds(entry):
                alike.setdefault((entry.stream, entry.deliveries - 1), []).append(entry.id)
        plan = self.plan
        idle = round(plan.min_idle * 1000)
        for (stream, deliveries), ids in alike.items():
            await self._safe.xclaim(
                stream, plan.group, plan.name, 0, *ids, idle=idle, retrycount=deliveries, justid=True
            )
            for id_ in ids:
                self._in_hand.pop((stream, id_), None)

    # Joining.

    async def _join(self) -> None:
        for stream in self.plan.streams:
            await self._create(stream)
        self._look_at_own()
        self._joined = True

    async def _create(self, stream: bytes) -> None:
        group, last = self.plan.group, self._last.get(stream)
        start = self.plan.start if last is None else await self._resume(stream, last)
        try:
            await self._commands.xgroup_create(stream, group, start, mkstream=True)
            if last is not None:
                _log.warning("a consumer's stream or group was gone: made again, to go on after %s", start)
        except BusyGroup:
            pass
        name = _said(group)
        for each in await self._safe.xinfo_groups(stream):
            if each.name == name:
                self._last[stream] = each.last_delivered_id

    async def _resume(self, stream: bytes, last: bytes) -> bytes:
        try:
            newest = (await self._safe.xinfo_stream(stream)).last_generated_id
        except ServerError:  # there is none
            return _FIRST
        return last if _order(newest) >= _order(last) else _FIRST

    # Reading.

    async def _next(self) -> list[Delivered]:
        plan, now = self.plan, monotonic()
        if now >= self._sweep_at:
            self._sweep_at = now + plan.claim_interval
            self._in_hand = {place: until for place, until in self._in_hand.items() if until > now}
            idle = max(1, round(plan.min_idle * 1000))
            self._pages.extend(_Page(stream, idle) for stream in plan.streams)
        while self._pages:
            if found := await self._page():
                return found
        block = max(1, round(min(plan.block, self._sweep_at - monotonic()) * 1000))
        fresh = dict.fromkeys(plan.streams, ">")
        reply = await self._commands.xreadgroup(plan.group, plan.name, fresh, count=plan.count, block=block)
        for stream, entries in reply.items():
            self._last[stream] = entries[-1][0]
        return [Delivered(stream, id_, fields or {}, 1) for stream, entries in reply.items() for id_, fields in entries]

    def _look_at_own(self) -> None:
        self._pages = deque(_Page(stream) for stream in self.plan.streams)
        self._sweep_at = 0.0

    async def _page(self) -> list[Delivered]:
        """Take over what is to be handled of one page of pending entries."""
        plan, page = self.plan, self._pages[0]
        listed = await self._safe.xpending(
            page.stream,
            plan.group,
            idle=page.idle or None,
            start=page.start,
            end="+",
            count=plan.count,
            consumer=None if page.idle else plan.name,
        )
        _ = self._pages.popleft()
        if len(listed) == plan.count:
            self._pages.appendleft(replace(page, start=b"(" + listed[-1].id))
        now = monotonic()
        wanted = {each.id: each for each in listed if self._in_hand.get((page.stream, each.id), 0.0) <= now}
        if not wanted:
            return []
        # Another consumer may have taken some over by now: these are idle for less.
        idle = page.idle or min(each.idle for each in wanted.values())
        claimed = await self._commands.xclaim(page.stream, plan.group, plan.name, idle, *wanted)
        taken: list[Delivered] = []
        for id_, fields in claimed:
            entry = Delivered(page.stream, id_, fields, wanted[id_].deliveries + 1)
            if plan.max_deliveries is not None and entry.deliveries > plan.max_deliveries:
                await self._bury(entry)
            else:
                taken.append(entry)
        return taken

    async def _bury(self, entry: Delivered) -> None:
        plan = self.plan
        if plan.dead_letter is None:
            return
        notes: dict[bytes, Value] = {
            b"redpoll:stream": entry.stream,
            b"redpoll:id": entry.id,
            b"redpoll:group": plan.group,
            b"redpoll:deliveries": entry.deliveries - 1,
        }
        try:
            await self._commands.xadd(plan.dead_letter, {**entry.fields, **notes})
        except ServerError as error:
            _log.error("entry %s could not go to the dead-letter stream, and stays pending: %s", entry.id, error.code)
            self._in_hand[entry.place] = monotonic() + plan.min_idle
            return
        await self.acknowledge(entry)
        _log.error("entry %s went to the dead-letter stream after %d deliveries", entry.id, entry.deliveries - 1)


def _said(word: Value) -> bytes:
    """Return a word as the server reads it."""
    return encode("XINFO GROUPS", (word,)).split(b"\r\n", 2)[2][:-2]


def _order(id_: bytes) -> tuple[int, int]:
    milliseconds, _, number = id_.partition(b"-")
    return int(milliseconds), int(number or 0)
