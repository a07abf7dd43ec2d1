from __future__ import annotations

from redpoll.reconnect import Reconnect


def test_delays_grow_within_their_bounds() -> None:
    policy = Reconnect(initial=0.05, max=1.0)
    for failures, bound in ((1, 0.05), (2, 0.1), (3, 0.2), (5, 0.8), (6, 1.0), (100_000, 1.0)):
        for _ in range(50):
            delay = policy.delay(failures)
            assert delay is not None
            assert 0 <= delay <= bound


def test_attempts_are_limited() -> None:
    policy = Reconnect(attempts=2)
    assert [policy.delay(failures) is None for failures in (1, 2, 3)] == [False, False, True]
    assert Reconnect(attempts=0).delay(1) is None
