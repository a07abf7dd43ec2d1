from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redpoll.protocol.calls import Call
from redpoll.transport.deadlines import Deadlines
from tests.unit.conftest import Calls

DEFAULT = 5.0


def at(calls: Calls, deadline: float, timeout: float = DEFAULT) -> Call:
    call = calls.one()
    call.deadline, call.timeout = deadline, timeout
    return call


def made(*flows: list[Call]) -> Deadlines:
    return Deadlines(DEFAULT, lambda: flows)


def test_in_the_order_of_their_deadlines(calls: Calls) -> None:
    five, six, two, seven = (at(calls, deadline) for deadline in (5.0, 6.0, 2.0, 7.0))
    deadlines = made([five, six])
    two.timeout = seven.timeout = 1.0
    deadlines.add(seven)
    deadlines.add(two)
    assert deadlines.due(0.0) == 2.0
    assert deadlines.expired(1.9) == []
    assert deadlines.expired(5.0) == [two, five]
    five.future.cancel()
    assert deadlines.due(5.0) == 6.0
    assert deadlines.expired(10.0) == [seven, six]
    six.future.cancel()
    assert deadlines.due(10.0) is None
    assert len(deadlines) == 0


def test_ended_calls_are_passed_over(calls: Calls) -> None:
    ended, waiting, other = at(calls, 1.0), at(calls, 2.0), at(calls, 1.5)
    deadlines = made([ended, waiting])
    deadlines.add(other)
    ended.future.set_result(None)
    other.future.cancel()
    assert deadlines.due(0.0) == 2.0
    assert deadlines.expired(3.0) == [waiting]


def test_calls_with_another_timeout_do_not_hide_those_behind_them(calls: Calls) -> None:
    far, without, near = at(calls, 100.0, 100.0), at(calls, 0.0), at(calls, 1.0)
    without.timeout = None
    deadlines = made([far, without, near])
    deadlines.add(far)
    assert deadlines.due(0.0) == 1.0
    assert deadlines.expired(2.0) == [near]


def test_a_search_that_costs_is_not_repeated_at_once(calls: Calls) -> None:
    dead = [at(calls, 1.0) for _ in range(10_000)]
    for call in dead:
        call.future.cancel()
    deadlines = made([*dead, at(calls, 2.0001)])
    due = deadlines.due(2.0)
    assert due is not None
    assert 2.0049 < due < 2.01, "10,000 calls were passed, which takes about a tenth of that"


def test_ended_calls_do_not_pile_up(calls: Calls) -> None:
    deadlines = made()
    forever = at(calls, 0.5)
    deadlines.add(forever)
    for _ in range(20_000):
        call = at(calls, 1000.0)
        deadlines.add(call)
        call.future.set_result("a large reply")
    assert len(deadlines) <= 128
    assert deadlines.expired(1.0) == [forever]


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.booleans()), max_size=40), st.integers(0, 60))
def test_all_that_are_due_and_no_other(plan: list[tuple[int, bool, bool]], now: int) -> None:
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        flow: list[Call] = []
        make, deadlines, due = Calls(loop), made(flow), []
        plan.sort(key=lambda entry: entry[0])  # the default ones come in order
        for deadline, default, ended in plan:
            call = at(make, float(deadline))
            if default:
                flow.append(call)
            else:
                deadlines.add(call)
            if ended:
                call.future.cancel()
            elif deadline <= now:
                due.append(call)
        expired = deadlines.expired(float(now))
        assert sorted(map(id, expired)) == sorted(map(id, due))
    finally:
        loop.close()
