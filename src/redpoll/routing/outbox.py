"""The calls that wait to be sent, and how they go out: in their order, all of a turn of the event loop in one write.

They go no faster than the server answers: at most ``max_inflight`` commands are on their way. What is beyond that waits
in the queue, and so does everything while the socket takes nothing or there is no connection.

With ``overflow="wait"`` the queue of a connection that stands has no bound but its callers: each that waits has one
call in it, whose bytes come on top of the arguments that it holds anyway. Who cannot bound his callers, or has calls
without a time limit, takes ``"fail"``: then ``max_queue`` and ``max_queue_bytes`` hold always.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections import deque
from functools import partial
from time import monotonic
from typing import Final

from hiredis import ReplyError

from redpoll.errors import Overloaded, ProtocolViolation, Refused, TransactionBroken, exec_error, safe_message
from redpoll.options import Settings
from redpoll.protocol.calls import Call, Group, Probe, Transaction
from redpoll.protocol.encode import encode
from redpoll.spec import Spec
from redpoll.transport.connection import LARGE, Connection
from redpoll.transport.watch import fail

_MANY: Final = 4096  # calls in the queue that are looked at at once
_JOINED: Final = 256 << 10  # bytes that one write joins
_STRETCH: Final = 1 << 20  # bytes written before others get their turn

_PROBE: Final[Spec[None]] = Spec("MULTI")
_PROBED: Final = ("MULTI", "DISCARD", "MULTI", "EXEC")
_PROBE_WIRE: Final = b"".join([encode(word, (word,)) for word in _PROBED])
_UNFINISHED: Final = "EXECABORT"  # any other error of EXEC's may have left the connection within MULTI


class Outbox:
    """The queue in front of the shared connection.

    Attributes:
        settings: the client's settings.
        address: the server's address, for errors.
    """

    __slots__ = (
        "_bytes",
        "_connection",
        "_crowded",
        "_held",
        "_holding",
        "_mixed",
        "_queue",
        "_sheds",
        "_vain",
        "_window",
        "address",
        "settings",
    )

    def __init__(self, settings: Settings) -> None:
        self.settings: Settings = settings
        self.address: str = str(settings.address)
        self._window = settings.max_inflight
        self._sheds = settings.overflow == "fail"
        self._empty()

    def _empty(self) -> None:
        self._connection: Connection | None = None
        self._queue: deque[Call] = deque()
        self._bytes = 0  # in the queue, while there is no connection
        self._vain = 0  # refused calls until it is worth looking for room again
        self._held = False  # writing is scheduled for this turn already
        self._holding = False  # a write was refused and is to go out first: only what may run twice goes out now
        self._crowded = False  # several calls were in flight after the last write: more will come in this turn
        self._mixed = False  # there may be other things than single commands in the queue

    @property
    def connection(self) -> Connection | None:
        """The connection that calls go out on; None while there is none."""
        return self._connection

    def _schedule(self) -> None:
        self._held = True
        get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Write what is queued, as far as the window and the socket allow."""
        self._held = False
        connection = self._connection
        if connection is None or connection.blocked():
            if self._sheds and connection is not None:
                self._shed()
            return
        session = connection.session
        if not session.waiting:
            connection.liveness.asked = monotonic()
        count = len(self._queue)
        if (
            count > _MANY
            or self._mixed
            or count + len(session.waiting) + session.extra > self._window
            or not self._flush_at_once(connection)
        ):
            self._flush_by_pieces(connection)
            if self._queue and self._sheds and not self._held:
                self._shed()
        self._crowded = len(session.waiting) > 1

    def _flush_at_once(self, connection: Connection) -> bool:
        """Write all that is queued in one write, as nearly always; return False where it is too much for that."""
        calls = [call for call in self._queue if not call.future.done()]
        payloads = [call.payload for call in calls]
        if sum(map(len, payloads)) >= LARGE:
            return False
        self._queue.clear()
        for call in calls:
            call.given += 1
        connection.session.waiting.extend(calls)
        if calls:
            connection.write(payloads[0] if len(payloads) == 1 else b"".join(payloads))
        return True

    def _flush_by_pieces(self, connection: Connection) -> None:
        queued = self._queue
        if self._holding:
            self._queue = deque([call for call in queued if call.spec.replay])
        self._write_pieces(connection)
        if self._holding:
            left = set(map(id, self._queue))
            self._queue = deque([call for call in queued if not call.spec.replay or id(call) in left])
        self._mixed = bool(self._queue) or self._holding or connection.transactions == "asked"
        connection.on_read = self._refill if self._queue else None

    def _write_pieces(self, connection: Connection) -> None:
        total = 0
        while self._queue and not connection.blocked():
            size = self._write_some(connection)
            total += size
            if not size:
                break
            if total >= _STRETCH and self._queue and not connection.blocked():
                self._schedule()
                break

    def _refill(self) -> None:
        """Go on as replies have come and made room in the window."""
        if self._queue and not self._held:
            self._flush()

    def _write_some(self, connection: Connection) -> int:
        """Write the next large payload, or as many small ones as one write joins; return how many bytes that were."""
        queue, session = self._queue, connection.session
        joined: list[bytes] = []
        size = 0
        while queue and size < _JOINED:
            if connection.transactions == "asked":
                break
            call = queue[0]
            payload = call.payload
            if call.done():
                _ = queue.popleft()
                continue
            on_the_way = len(session.waiting) + session.extra
            if (on_the_way and on_the_way + call.weight > self._window) or (len(payload) >= LARGE and joined):
                break
            if isinstance(call, Transaction | Probe) and not self._prepare_for_multi(connection, call):
                continue
            _ = queue.popleft()
            call.given += 1
            session.give(call)
            joined.append(payload)
            size += len(payload)
            if len(payload) >= LARGE:
                break
        if joined:
            connection.write(joined[0] if len(joined) == 1 else b"".join(joined))
        return size

    # Transactions. A user who may not MULTI would run a transaction's commands bare, so each connection is asked first.

    def _prepare_for_multi(self, connection: Connection, call: Transaction | Probe) -> bool:
        """Tell whether the call at the head may be written; put a probe before it where the connection needs one."""
        if isinstance(call, Probe):
            connection.transactions = "asked"
            call.judge = partial(self._on_probed, connection)
        elif connection.transactions == "proved":
            call.judge = partial(self._on_executed, connection)
        else:
            self._queue.appendleft(new_probe())
            return False
        return True

    def _on_probed(self, connection: Connection, probe: Group) -> bool:
        refused = [(word, reply) for word, reply in zip(_PROBED, probe.replies, strict=True) if _is_error(reply)]
        if not refused:
            connection.transactions = "proved"
            return False
        connection.transactions = "unproved"
        command, reply = refused[0]
        error = exec_error(str(reply))
        message = f"{command} does not work here: {error.message}"
        if connection is self._connection:  # else they will ask the one that took its place
            for call in self._queue:
                if isinstance(call, Transaction) and not call.done():
                    if isinstance(error, Refused):  # for now: BUSY, as a script runs
                        fail(call, type(error), error.message, self.address)
                    else:
                        fail(call, TransactionBroken, message, self.address)
        if _left_open(probe):
            connection.give_up(message)  # nothing was written behind the probe
        return False

    def _on_executed(self, connection: Connection, transaction: Group) -> bool:
        if _is_error(transaction.replies[0]):
            connection.transactions = "unproved"
        elif _left_open(transaction):
            # What was written behind it got QUEUED for an answer.
            raise ProtocolViolation(f"EXEC was refused: {safe_message(str(transaction.replies[-1]))}")
        return False

    # Bounds.

    def _admit_offline(self, call: Call) -> bool:
        """Take the call that was queued last into the account; fail it where the queue is full."""
        self._bytes += len(call.payload)
        if self._is_full():
            self._make_room()
            if self._is_full():
                _ = self._queue.pop()
                self._bytes -= len(call.payload)
                self._overload(call)
                return False
        return True

    def _make_room(self) -> None:
        """Let go of what has ended; a look in vain is not repeated at once, as it looks at the whole queue."""
        if self._vain > 0:
            self._vain -= 1
            return
        self._tidy()
        if self._is_full():
            self._vain = len(self._queue) >> 6

    def _is_full(self) -> bool:
        settings, count = self.settings, len(self._queue)
        return count > settings.max_queue or (self._bytes > settings.max_queue_bytes and count > 1)

    def _tidy(self) -> None:
        """Let go of what is queued and has ended."""
        self._vain = 0
        if any(call.future.done() for call in self._queue):
            self._queue = deque([call for call in self._queue if not call.future.done()])
        self._bytes = sum([len(call.payload) for call in self._queue])

    def _shed(self) -> None:
        """Fail the newest calls that the queue has no room for."""
        self._tidy()
        while self._is_full():
            call = self._queue.pop()
            self._bytes -= len(call.payload)
            self._overload(call)

    def _overload(self, call: Call) -> None:
        settings = self.settings
        limit = (
            f"{settings.max_queue} commands or {settings.max_queue_bytes} bytes (options max_queue, max_queue_bytes)"
        )
        fail(call, Overloaded, f"the queue is full: {limit}", self.address)


def new_probe() -> Probe:
    """Return a probe, which nobody needs to wait for."""
    probe = Probe()
    probe.fill(get_running_loop(), _PROBE, _PROBE_WIRE)
    probe.fill_group([True] * len(_PROBED))
    probe.future.add_done_callback(lambda future: future.cancelled() or future.exception())
    return probe


def _is_error(reply: object) -> bool:
    return reply.__class__ is ReplyError


def _left_open(group: Group) -> bool:
    """Tell whether the connection is still within MULTI: the last one worked, and EXEC neither ran nor aborted."""
    executed = group.replies[-1]
    opened = group.replies[-2 if isinstance(group, Probe) else 0]
    return _is_error(executed) and not _is_error(opened) and not str(executed).startswith(_UNFINISHED)
