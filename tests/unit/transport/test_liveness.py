from __future__ import annotations

import pytest

from redpoll.transport.liveness import Liveness


def made() -> Liveness:
    return Liveness(read_timeout=10.0, write_timeout=4.0, health_check=5.0, heard=100.0)


def test_an_idle_connection_is_asked_once_a_silence() -> None:
    alive = made()
    assert alive.due(False) == 105.0
    assert alive.judge(104.9, False, 0) == "fine"
    assert alive.judge(105.0, False, 0) == "ask"
    alive.asked = alive.pinged = 105.0
    assert alive.due(True) == 115.0
    assert alive.judge(114.9, True, 0) == "fine"
    assert alive.judge(115.0, True, 0) == "mute"
    alive.heard = 106.0
    assert alive.due(False) == 111.0


def test_silence_counts_from_when_something_was_outstanding_first() -> None:
    alive = made()
    alive.asked = 200.0
    assert alive.judge(203.0, True, 0) == "fine", "nothing was asked for a long time, so nothing was to be heard"
    assert alive.judge(205.0, True, 0) == "ask"
    alive.pinged = 205.0
    assert alive.due(True) == 210.0
    assert alive.judge(210.0, True, 0) == "mute"


def test_each_byte_proves_life() -> None:
    alive = made()
    alive.asked = 100.0
    for second in range(100, 200, 4):
        alive.heard = float(second)
        assert alive.judge(second + 3.0, True, 0) == "fine"


def test_what_cannot_be_written_is_not_the_servers_silence() -> None:
    alive = made()
    alive.asked = 100.0
    alive.stops(101.0, 5000)
    alive.stops(102.0, 5000)
    assert alive.due(True) == 105.0
    assert alive.judge(104.9, True, 5000) == "fine"
    assert alive.judge(105.0, True, 4999) == "fine", "it took something"
    assert alive.due(True) == 109.0
    assert alive.judge(109.0, True, 4999) == "stuck"
    alive.flows(110.0)
    assert alive.due(True) == 115.0
    assert alive.judge(112.0, True, 0) == "fine"


@pytest.mark.parametrize("outstanding", [False, True])
def test_no_limits(outstanding: bool) -> None:
    alive = Liveness(None, None, None)
    assert alive.due(outstanding) is None
    assert alive.judge(1e9, outstanding, 0) == "fine"
    alive.stops(1.0, 1)
    assert alive.due(outstanding) is None
    assert alive.judge(1e9, outstanding, 1) == "fine"
