"""Consumers of streams: ``async for entry in r.consumer("orders", group="g", name="c1")``."""

from .consumer import Consumer
from .entries import StreamEntry

__all__ = ["Consumer", "StreamEntry"]
