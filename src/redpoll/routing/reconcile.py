"""Which subscriptions a connection should have, has, and is about to have. Decisions only, no I/O.

What is wanted changes at any time; the server's state follows by steps, each a SUBSCRIBE or UNSUBSCRIBE of some names.
Steps are sent one behind the other without waiting for their confirmations, so what counts for a name is the last step
that has it. The answers of earlier steps, and those of a connection that was lost, say nothing about it any more.

After a loss the server has none of them, and everything that is wanted goes out once again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["", "p", "s"]
"""Channels, patterns or shard channels: what stands before ``SUBSCRIBE`` in their command."""

Name: TypeAlias = tuple[Kind, bytes]
"""A channel or pattern."""

_ORDER: Final = ("", "p", "s")
MOST: Final = 1000
"""Names in one step."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One change of subscriptions.

    Attributes:
        kind: what is named.
        add: whether to subscribe.
        words: the channels or patterns.
    """

    kind: Kind
    add: bool
    words: tuple[bytes, ...]

    @property
    def command(self) -> str:
        """Its command's name."""
        return f"{self.kind.upper()}{'' if self.add else 'UN'}SUBSCRIBE"

    @property
    def names(self) -> list[Name]:
        """What it changes."""
        return [(self.kind, word) for word in self.words]


class Reconciler:
    """The subscriptions of one connection, wanted and real.

    Attributes:
        wanted: what is to be subscribed.
    """

    __slots__ = ("_alone", "_changed", "_flight", "_last", "_sent", "wanted")

    def __init__(self) -> None:
        self.wanted: set[Name] = set()
        # What may differ from what was sent, in this order. A plain dict is slow where its first one is taken often.
        self._changed: OrderedDict[Name, None] = OrderedDict()
        self._sent: set[Name] = set()  # what the server has once it has taken all steps
        self._flight: set[Step] = set()  # without an answer yet
        self._last: dict[Name, Step] = {}  # for each name the last step on its way
        self._alone: set[Name] = set()  # refused together with others: goes in a step of its own

    def want(self, names: Iterable[Name]) -> None:
        """Have names subscribed."""
        for name in names:
            self.wanted.add(name)
            self._changed[name] = None

    def drop(self, names: Iterable[Name]) -> None:
        """Have names subscribed no more."""
        for name in names:
            self.wanted.discard(name)
            self._alone.discard(name)
            self._changed[name] = None

    def next_step(self) -> Step | None:
        """Return the next step, to be sent now; None where there is none."""
        words: list[bytes] = []
        kind: Kind = ""
        add = True
        while self._changed and len(words) < MOST:
            name = next(iter(self._changed))
            wanted = name in self.wanted
            if wanted != (name in self._sent):
                if words and (name[0] != kind or wanted != add or name in self._alone):
                    break
                kind, add = name[0], wanted
                words.append(name[1])
            del self._changed[name]
            if name in self._alone and words:
                break
        if not words:
            return None
        step = Step(kind, add, tuple(words))
        self._flight.add(step)
        for name in step.names:
            self._last[name] = step
            (self._sent.add if add else self._sent.discard)(name)
        return step

    def confirmed(self, step: Step) -> None:
        """Take note that the server has done a step."""
        self._alone.difference_update(self._end(step))

    def refused(self, step: Step) -> list[Name]:
        """Take note that the server refuses a step for good; return the names that cannot be had.

        A step of several names is refused as a whole, so each is asked for again alone. A name that the server does
        not let go of stays subscribed.
        """
        names = self._undo(step)
        if not step.add:
            return []
        if len(step.words) > 1:
            self._alone.update(self.wanted.intersection(names))
            self._changed.update(dict.fromkeys(names))
            return []
        self.wanted.difference_update(names)
        self._alone.difference_update(names)
        return names

    def put_off(self, step: Step) -> None:
        """Take note that the server refuses a step for now: it comes again."""
        self._changed.update(dict.fromkeys(self._undo(step)))

    def taken(self, name: Name) -> None:
        """Take note that the server ended a subscription by itself."""
        if name in self._sent and name not in self._last:
            self._sent.discard(name)
            self._changed[name] = None

    def lost(self) -> None:
        """Take note that the connection was lost."""
        self._sent.clear()
        self._flight.clear()
        self._last.clear()
        self._alone.clear()
        self._changed = OrderedDict.fromkeys(sorted(self.wanted, key=lambda name: _ORDER.index(name[0])))

    def is_settled(self, name: Name) -> bool:
        """Tell whether the server has confirmed what is wanted of a name, or will never do more about it."""
        return name not in self._changed and name not in self._last

    @property
    def settled(self) -> bool:
        """Whether nothing is on its way and nothing is to be sent."""
        return not self._flight and not self._changed

    def _end(self, step: Step) -> list[Name]:
        """Take a step's answer; return the names that it was the last one of."""
        if step not in self._flight:
            return []  # of a connection before
        self._flight.discard(step)
        names = [name for name in step.names if self._last.get(name) is step]
        for name in names:
            del self._last[name]
        return names

    def _undo(self, step: Step) -> list[Name]:
        names = self._end(step)
        (self._sent.difference_update if step.add else self._sent.update)(names)
        return names
