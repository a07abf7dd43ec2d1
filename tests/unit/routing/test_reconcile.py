"""The subscriptions of a connection follow what is wanted, whatever is refused, lost and changed meanwhile."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from redpoll.routing.reconcile import MOST, Name, Reconciler, Step

A, B, C, SECRET, PATTERN, SHARD = NAMES = (
    ("", b"a"),
    ("", b"b"),
    ("", b"c"),
    ("", b"secret"),
    ("p", b"a*"),
    ("s", b"a"),
)


class Server:
    """What a server makes of the steps, one after the other: a step with a forbidden name is refused as a whole."""

    def __init__(self, state: Reconciler, forbidden: set[Name]) -> None:
        self.state = state
        self.forbidden = forbidden
        self.has: set[Name] = set()
        self.refused: set[Name] = set()
        self.busy = False
        self.sent: list[Step] = []
        self.queue: deque[Step] = deque()
        self.answers: deque[tuple[str, Step]] = deque()

    def flush(self) -> None:
        while (step := self.state.next_step()) is not None:
            self.sent.append(step)
            self.queue.append(step)

    def work(self) -> None:
        if self.queue:
            step = self.queue.popleft()
            if self.busy:
                self.answers.append(("busy", step))
            elif step.add and self.forbidden.intersection(step.names):
                self.answers.append(("refused", step))
            else:
                (self.has.update if step.add else self.has.difference_update)(step.names)
                self.answers.append(("done", step))

    def answer(self) -> None:
        if self.answers:
            kind, step = self.answers.popleft()
            if kind == "done":
                self.state.confirmed(step)
            elif kind == "busy":
                self.state.put_off(step)
            else:
                self.refused.update(self.state.refused(step))

    def lose(self, late: bool) -> None:
        old = list(self.answers)
        self.state.lost()
        self.has.clear()
        self.queue.clear()
        self.answers.clear()
        if late:  # answers that were on their way to be told
            for _, step in old:
                self.state.confirmed(step)

    def settle(self) -> None:
        self.busy = False
        for _ in range(1000):
            self.flush()
            self.work()
            self.answer()
            if self.state.settled and not self.queue:
                return
        raise AssertionError("it never comes to rest")


ACTIONS = st.one_of(
    st.tuples(st.just("want"), st.lists(st.sampled_from(NAMES), min_size=1)),
    st.tuples(st.just("drop"), st.lists(st.sampled_from(NAMES), min_size=1)),
    st.sampled_from(
        [("flush", None), ("work", None), ("answer", None), ("busy", None), ("lose", False), ("lose", True)]
    ),
)


@given(st.lists(ACTIONS, max_size=60))
def test_after_any_schedule_the_server_has_what_is_wanted(schedule: list[tuple[str, object]]) -> None:
    state = Reconciler()
    server = Server(state, {SECRET})
    for action, what in schedule:
        if action in {"want", "drop"}:
            (state.want if action == "want" else state.drop)(what)  # type: ignore[arg-type]
        elif action == "busy":
            server.busy = not server.busy
        elif action == "lose":
            server.lose(bool(what))
        else:
            getattr(server, action)()
    server.settle()
    assert server.has == state.wanted
    assert SECRET not in state.wanted
    assert all(state.is_settled(name) for name in NAMES)
    server.sent.clear()
    server.lose(False)
    server.settle()
    names = [name for step in server.sent for name in step.names]
    assert sorted(names) == sorted(state.wanted), "each exactly once after a loss"
    assert len(server.sent) <= 3, "one step for each kind"


def test_what_is_wanted_twice_is_sent_once() -> None:
    state = Reconciler()
    state.want([A, B])
    first = state.next_step()
    assert first is not None
    assert (first.command, first.words) == ("SUBSCRIBE", (b"a", b"b"))
    state.want([A])
    assert state.next_step() is None
    state.drop([C])
    assert state.next_step() is None, "what was never subscribed is not unsubscribed"
    state.confirmed(first)
    assert state.settled


def test_one_step_is_of_one_kind_and_bounded() -> None:
    state = Reconciler()
    state.want([PATTERN, *(("", b"%d" % n) for n in range(MOST + 1)), SHARD])
    steps = []
    while (step := state.next_step()) is not None:
        steps.append((step.command, len(step.words)))
    assert steps == [("PSUBSCRIBE", 1), ("SUBSCRIBE", MOST), ("SUBSCRIBE", 1), ("SSUBSCRIBE", 1)]


def test_a_refusal_is_found_alone_and_the_others_live() -> None:
    state = Reconciler()
    server = Server(state, {SECRET})
    state.want([A, SECRET, B])
    server.settle()
    assert server.has == {A, B}
    assert server.refused == {SECRET}


def test_the_last_step_of_a_name_counts() -> None:
    state = Reconciler()
    state.want([SECRET])
    refused = state.next_step()
    state.drop([SECRET])
    assert refused is not None
    gone = state.next_step()
    state.want([SECRET])
    again = state.next_step()
    assert gone is not None
    assert again is not None
    assert state.refused(refused) == [], "another step for it is on its way"
    state.confirmed(gone)
    assert not state.is_settled(SECRET)
    assert state.refused(again) == [SECRET]
    assert state.settled


def test_what_the_server_does_not_let_go_of_is_left() -> None:
    state = Reconciler()
    state.want([A])
    server = Server(state, set())
    server.settle()
    state.drop([A])
    step = state.next_step()
    assert step is not None
    assert state.refused(step) == []
    assert state.settled
    state.want([A])
    assert state.next_step() is None, "the server has it still"


def test_a_subscription_that_the_server_ended_comes_again() -> None:
    state = Reconciler()
    state.want([SHARD])
    server = Server(state, set())
    server.settle()
    state.taken(SHARD)
    step = state.next_step()
    assert step is not None
    assert step.command == "SSUBSCRIBE"
