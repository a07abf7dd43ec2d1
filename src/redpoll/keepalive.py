"""When the kernel gives up a peer that is gone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keepalive:
    """How the kernel looks after a TCP connection: all in seconds, but ``count``.

    It notices a host that is gone, not a process that has stopped: for that there are ``health_check`` and
    ``read_timeout``. What a system does not know is left out there (macOS has no ``unacknowledged``).

    Attributes:
        idle: silence after which the peer is probed.
        interval: time between two probes.
        count: probes without an answer after which the connection is given up.
        unacknowledged: how long what was sent may stay unconfirmed by the peer's kernel; None for the system's own
            limit, some 15 minutes.
    """

    idle: int = 15
    interval: int = 5
    count: int = 3
    unacknowledged: float | None = 30.0
