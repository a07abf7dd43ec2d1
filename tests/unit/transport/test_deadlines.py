from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redpoll.protocol.calls import Call
from redpoll.transport.deadlines import Deadlines
from tests.unit.conftest import Calls


def at(calls: Calls, deadline: float) -> Call:
    call = calls.one()
    call.deadline = deadline
    return call


def test_in_the_order_of_their_deadlines(calls: Calls) -> None:
    deadlines = Deadlines()
    five, six, two, seven = (at(calls, deadline) for deadline in (5.0, 6.0, 2.0, 7.0))
    deadlines.default.extend([five, six])
    deadlines.add(seven)
    deadlines.add(two)
    assert deadlines.first() == 2.0
    assert deadlines.expired(1.9) == []
    assert deadlines.expired(5.0) == [two, five]
    assert deadlines.first() == 6.0
    assert deadlines.expired(10.0) == [six, seven]
    assert deadlines.first() is None
    assert len(deadlines) == 0


def test_ended_calls_are_passed_over(calls: Calls) -> None:
    deadlines = Deadlines()
    ended, waiting, other = at(calls, 1.0), at(calls, 2.0), at(calls, 1.5)
    deadlines.default.extend([ended, waiting])
    deadlines.add(other)
    ended.set_result(None)
    other.cancel()
    assert deadlines.first() == 2.0
    assert deadlines.expired(3.0) == [waiting]


def test_ended_calls_do_not_pile_up(calls: Calls) -> None:
    deadlines = Deadlines()
    forever = at(calls, 0.5)
    deadlines.add(forever)
    for _ in range(20_000):
        call = at(calls, 1000.0)
        deadlines.add(call)
        call.set_result("a large reply")
    assert len(deadlines) <= 128
    assert deadlines.expired(1.0) == [forever]


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.booleans()), max_size=40), st.integers(0, 60))
def test_all_that_are_due_and_no_other(plan: list[tuple[int, bool, bool]], now: int) -> None:
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        make, deadlines, due = Calls(loop), Deadlines(), []
        plan.sort(key=lambda entry: entry[0])  # the default ones come in order
        for deadline, default, ended in plan:
            call = at(make, float(deadline))
            if default:
                deadlines.default.append(call)
            else:
                deadlines.add(call)
            if ended:
                call.cancel()
            elif deadline <= now:
                due.append(call)
        expired = deadlines.expired(float(now))
        assert sorted(map(id, expired)) == sorted(map(id, due))
        times = [call.deadline for call in expired]
        assert times == sorted(times)
    finally:
        loop.close()
