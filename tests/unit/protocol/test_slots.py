from __future__ import annotations

import pytest

from redpoll.protocol.slots import SLOTS, slot


@pytest.mark.parametrize(
    ("key", "expected"),
    # What CLUSTER KEYSLOT answers.
    [("", 0), ("foo", 12182), ("bar", 5061), ("123456789", 0x31C3), ("{user1000}.following", 3443), ("foo{bar}", 5061)],
)
def test_known_slots(key: str, expected: int) -> None:
    assert (
        slot(key) == slot(key.encode()) == slot(bytearray(key.encode())) == slot(memoryview(key.encode())) == expected
    )


def test_hash_tags() -> None:
    assert slot("{user1000}.following") == slot("{user1000}.followers") == slot("user1000")
    assert slot("foo{}{bar}") != slot("bar"), "an empty first tag is none"
    assert slot("foo{{bar}}zap") == slot("{bar")
    assert slot("foo{bar}{zap}") == slot("bar")
    assert slot("foo{bar") != slot("bar"), "a tag ends"
    assert slot("}{a}") == slot("a"), "only a } behind the { ends it"
    assert all(0 <= slot(str(number)) < SLOTS for number in range(1000))
