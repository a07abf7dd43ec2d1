"""Reading untrusted JSON and TOML strictly, field by field, with errors that say where."""

from __future__ import annotations

from typing import cast

from typing_extensions import override


class SpecError(Exception):
    """A spec that cannot be read.

    Attributes:
        source: the file, address or server it comes from.
        place: where in it, such as ``SET.arguments[2]``; empty for the whole.
        what: what is wrong.
    """

    def __init__(self, source: str, place: str, what: str) -> None:
        super().__init__(source, place, what)
        self.source = source
        self.place = place
        self.what = what

    def about(self, name: str) -> str:
        """Return the message for where the source and the command are said already."""
        place = self.place.removeprefix(name).removeprefix(".")
        return printable(f"{place}: {self.what}" if place else self.what)

    @override
    def __str__(self) -> str:
        # Places and details may quote hostile names, so line breaks never reach the message.
        parts = [self.source, self.place, self.what] if self.place else [self.source, self.what]
        return ": ".join(map(printable, parts))


def printable(text: str) -> str:
    """Return text with its control characters escaped."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


class Fields:
    """The fields of one JSON object, taken one by one with their types checked; what is left over is an error."""

    def __init__(self, value: object, source: str, place: str) -> None:
        self.source = source
        self.place = place
        if not isinstance(value, dict):
            raise SpecError(source, place, f"an object is needed, not {kind_of(value)}")
        self._left: dict[str, object] = dict(cast("dict[str, object]", value))

    def error(self, what: str, key: str = "") -> SpecError:
        """Return (not raise) an error about this object, or one of its fields."""
        return SpecError(self.source, f"{self.place}.{key}" if key and self.place else key or self.place, what)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def raw(self, key: str) -> object:
        """Take a field of any type; None where it is missing."""
        return self._left.pop(key, None)

    def text(self, key: str) -> str | None:
        """Take a string of printable characters; None where it is missing."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error(f"a string is needed, not {kind_of(value)}", key)
        if not value.isprintable():
            raise self.error(f"control characters in {value[:80]!r}", key)
        return value

    def needed(self, key: str) -> str:
        """Take a string that must be there and not be empty."""
        value = self.text(key)
        if not value:
            raise self.error(f"{key!r} is missing or empty")
        return value

    def number(self, key: str) -> int | None:
        """Take an integer; None where it is missing."""
        value = self._left.pop(key, None)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self.error(f"an integer is needed, not {kind_of(value)}", key)

    def flag(self, key: str) -> bool:
        """Take a boolean; False where it is missing."""
        value = self._left.pop(key, False)
        if isinstance(value, bool):
            return value
        raise self.error(f"true or false is needed, not {kind_of(value)}", key)

    def items(self, key: str) -> list[object]:
        """Take a list of anything; empty where it is missing."""
        value = self._left.pop(key, None)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(f"a list is needed, not {kind_of(value)}", key)
        return cast("list[object]", value)

    def table(self, key: str) -> dict[str, object]:
        """Take an object of anything; empty where it is missing."""
        value = self._left.pop(key, None)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(f"an object is needed, not {kind_of(value)}", key)
        return cast("dict[str, object]", value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of printable strings; empty where it is missing."""
        found: list[str] = []
        for index, value in enumerate(self.items(key)):
            if not isinstance(value, str) or not value.isprintable():
                raise self.error(f"a printable string is needed, not {kind_of(value)}", f"{key}[{index}]")
            found.append(value)
        return tuple(found)

    def done(self, *known: str) -> None:
        """Raise where a field is left over that is not one of ``known``."""
        for key in sorted(self._left):
            if key not in known:
                raise SpecError(self.source, self.place, f"unknown field {key[:80]!r}")


def kind_of(value: object) -> str:
    """Return what a parsed value is, in words."""
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        type(None): "null",
    }
    kind: type = type(value)
    return names.get(kind, f"a {kind.__name__}")
