"""What generated encoders share: conversions of arguments to words, and the errors for arguments that cannot be right."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final, TypeVar, cast, get_args

from .errors import UsageError
from .types import Aggregator, Arg, Dumps, Key, Many, Milliseconds, Pairs, Timestamp, Value
from .values import BitGet, BitIncrBy, BitSet, GrepExact, GrepGlob, GrepMatch, GrepRe, RawJSON, is_jsonpath

T = TypeVar("T")
One = TypeVar("One", Key, int)

_WORDS = (str, bytes, bytearray, memoryview)
_SECOND = dt.timedelta(seconds=1)
_MILLISECOND = dt.timedelta(milliseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_AGGREGATORS: Final = tuple(word.upper() for word in get_args(Aggregator))
_BUCKET_TIMESTAMPS: Final = ("START", "-", "END", "+", "MID", "~")

count = len
"""The number of repetitions, by a name that no parameter shadows."""


def no_collection(value: object) -> bool:
    """Tell whether a value is no collection: a single text or number, or an iterator that cannot be counted."""
    return isinstance(value, _WORDS) or not hasattr(value, "__len__")


def no_mapping(value: object) -> bool:
    """Tell whether a value is no mapping."""
    return not hasattr(value, "items")


def no_tuple(value: object, length: int) -> bool:
    """Tell whether a value is no tuple (or list) of so many elements."""
    return not isinstance(value, tuple | list) or len(cast("tuple[object, ...]", value)) != length


def no_token(value: object, tokens: tuple[str, ...]) -> bool:
    """Tell whether a value is none of the tokens, which are in upper case, in any case."""
    return not isinstance(value, str) or value.upper() not in tokens


def no_digest(value: object) -> bool:
    """Tell whether a value cannot be a digest: 16 characters of ASCII."""
    return not isinstance(value, str | bytes) or len(value) != 16 or not value.isascii()


def spread(values: Iterable[T | Many[T]]) -> list[T]:
    """Flatten ``*args`` of which each is one value or a collection of values."""
    flat: list[T] = []
    for value in values:
        if no_collection(value):
            flat.append(cast("T", value))
        else:
            flat.extend(cast("Many[T]", value))
    return flat


def several(values: One | Many[One]) -> Many[One]:
    """Return a collection of keys, patterns or numbers: the given one, or one that holds the single value."""
    return cast("Many[One]", (values,) if no_collection(values) else values)


def yes_no(value: bool) -> str:
    """Return the word of a setting that is spelled out."""
    return "YES" if value else "NO"


def tuples(command: str, name: str, values: Iterable[T], length: int) -> Iterator[T]:
    """Yield the values, each of which must be a tuple of so many elements.

    Raises:
        UsageError: one is not.
    """
    for value in values:
        if no_tuple(value, length):
            raise not_a_tuple(command, f"each of {name}", length)
        yield value


def columns(pairs: Pairs[Arg, Arg]) -> list[Arg]:
    """Return all first halves, then all second halves."""
    items = list(pairs.items())
    return [first for first, _ in items] + [second for _, second in items]


def seconds(command: str, name: str, value: int | dt.timedelta) -> Value:
    """Return a duration in whole seconds.

    Raises:
        UsageError: a timedelta that is not a whole number of seconds.
    """
    if not isinstance(value, dt.timedelta):
        return value
    whole, rest = divmod(value, _SECOND)
    if rest:
        raise refused(command, f"{name} must be a whole number of seconds")
    return whole


def milliseconds(command: str, name: str, value: int | dt.timedelta) -> Value:
    """Return a duration in whole milliseconds; what is below one is cut off.

    Raises:
        UsageError: a timedelta shorter than a millisecond that is not zero.
    """
    if not isinstance(value, dt.timedelta):
        return value
    whole = value // _MILLISECOND
    if whole == 0 and value:
        raise refused(command, f"{name} must be 0 or at least a millisecond")
    return whole


def unix_seconds(value: int | dt.datetime) -> Value:
    """Return a moment in whole seconds since 1970; a fraction is cut off."""
    return value if not isinstance(value, dt.datetime) else (value.astimezone(dt.UTC) - _EPOCH) // _SECOND


def unix_milliseconds(value: int | dt.datetime) -> Value:
    """Return a moment in whole milliseconds since 1970; a fraction is cut off."""
    return value if not isinstance(value, dt.datetime) else (value.astimezone(dt.UTC) - _EPOCH) // _MILLISECOND


def timestamp(value: Timestamp) -> Value:
    """Return a time series' moment in whole milliseconds since 1970, or its word as it is."""
    return value if isinstance(value, str) else unix_milliseconds(value)


def timestamps(command: str, name: str, values: Many[Timestamp]) -> list[Arg]:
    """Return the words of several moments.

    Raises:
        UsageError: one value instead of a collection, or none.
    """
    if no_collection(values):
        raise not_a_collection(command, name)
    if not values:
        raise empty(command, name)
    return [timestamp(value) for value in values]


def aggregators(command: str, name: str, values: Many[str]) -> str:
    """Return several aggregators as the one word that a server takes.

    Raises:
        UsageError: one value instead of a collection, none, or one that does not exist.
    """
    if no_collection(values):
        raise not_a_collection(command, name)
    if not values:
        raise empty(command, name)
    for value in values:
        if no_token(value, _AGGREGATORS):
            raise not_one_of(command, name, get_args(Aggregator))
    return ",".join(values)


def one_or_several(command: str, aggregation: Aggregator | None, aggregations: Many[Aggregator] | None) -> list[str]:
    """Return the word of one aggregator or of several; none where there is no aggregation.

    Raises:
        UsageError: both are given, or an aggregator that does not exist.
    """
    if aggregation is not None and aggregations is not None:
        raise at_most_one(command, ("aggregation", "aggregations"))
    if aggregation is not None:
        return [aggregators(command, "aggregation", (aggregation,))]
    return [] if aggregations is None else [aggregators(command, "aggregations", aggregations)]


def one_each(command: str, aggregation: Aggregator | Many[str] | None, keys: int) -> list[str]:
    """Return one aggregator for each of so many keys; none where there is no aggregation.

    Raises:
        UsageError: no collection, another number of aggregators than keys, or one that does not exist.
    """
    if aggregation is None:
        return []
    if isinstance(aggregation, str):
        aggregation = [aggregation] * keys
    if no_collection(aggregation):
        raise not_a_collection(command, "aggregation")
    given = [str(each) for each in aggregation]
    if len(given) != keys:
        raise refused(command, f"aggregation needs one element for each of {keys} keys, and has {len(given)}")
    return [aggregators(command, "aggregation", each.split(",")) for each in given]


def samples(
    command: str,
    latest: bool,
    filter_by_ts: Many[Timestamp] | None,
    filter_by_value: tuple[float, float] | None,
) -> list[Arg]:
    """Return the words that choose samples of time series."""
    words: list[Arg] = ["LATEST"] if latest else []
    if filter_by_ts is not None:
        words += ("FILTER_BY_TS", *timestamps(command, "filter_by_ts", filter_by_ts))
    if filter_by_value is not None:
        if no_tuple(filter_by_value, 2):
            raise not_a_tuple(command, "filter_by_value", 2)
        words += ("FILTER_BY_VALUE", *filter_by_value)
    return words


def buckets(
    command: str,
    aggregation: Sequence[str],
    bucket_duration: Milliseconds | None,
    align: Timestamp | None,
    bucket_timestamp: str | None,
    empty_buckets: bool,
) -> list[Arg]:
    """Return the words that aggregate samples; none where there is no aggregation.

    Args:
        command: the command, for errors.
        aggregation: the aggregators' words; none where samples are not aggregated.
        bucket_duration: of one bucket.
        align: where a bucket begins.
        bucket_timestamp: which of a bucket's times stands for it.
        empty_buckets: whether empty ones are answered too.

    Raises:
        UsageError: an option of an aggregation without one, or an unknown word.
    """
    if bool(aggregation) != (bucket_duration is not None):
        raise all_or_none(command, ("aggregation", "bucket_duration"))
    if bucket_duration is None:
        if align is not None or bucket_timestamp is not None or empty_buckets:
            raise requires(command, "align, bucket_timestamp or empty", "aggregation")
        return []
    words: list[Arg] = [] if align is None else ["ALIGN", timestamp(align)]
    words += ("AGGREGATION", *aggregation, milliseconds(command, "bucket_duration", bucket_duration))
    if bucket_timestamp is not None:
        if no_token(bucket_timestamp, _BUCKET_TIMESTAMPS):
            raise not_one_of(command, "bucket_timestamp", _BUCKET_TIMESTAMPS)
        words += ("BUCKETTIMESTAMP", bucket_timestamp)
    return [*words, "EMPTY"] if empty_buckets else words


def json_text(command: str, name: str, value: object, dumps: Dumps | None) -> str | bytes:
    """Return a value as JSON text: by ``dumps``, or by the standard library; ``RawJSON`` as it is.

    Raises:
        UsageError: ``dumps`` is no function; without it, the value cannot be JSON. What ``dumps`` raises is the caller's.
    """
    if isinstance(value, RawJSON):
        return value.text
    if dumps is not None:
        if not callable(dumps):
            raise refused(command, "dumps must be a function")
        return dumps(value)
    from json import dumps as standard

    try:
        return standard(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        why = str(error)  # names the type of what cannot be JSON, and no value
    raise refused(command, f"{name} cannot be JSON text: {why}")  # out here, as notes of the error would name fields


def jsonpath(command: str, name: str, path: object) -> bool:
    """Tell whether a path is a JSONPath, which is answered with a list, and not a legacy path.

    Raises:
        UsageError: the path is neither text nor bytes.
    """
    if isinstance(path, bytes | bytearray):
        path = path.decode("utf-8", "replace")
    if not isinstance(path, str):
        raise refused(command, f"{name} must be text or bytes, not {type(path).__name__}")
    return is_jsonpath(path)


def refused(command: str, message: str) -> UsageError:
    """The error for arguments that do not go together."""
    return UsageError(message, command=command)


def empty(command: str, name: str) -> UsageError:
    """The error for a collection without elements."""
    return UsageError(f"{name} needs at least one element", command=command)


def not_a_collection(command: str, name: str) -> UsageError:
    """The error for one value where a collection is needed."""
    return UsageError(f"{name} must be a collection, such as a list, not one value or an iterator", command=command)


def not_a_mapping(command: str, name: str) -> UsageError:
    """The error for something else where a mapping is needed."""
    return UsageError(f"{name} must be a mapping, such as a dict", command=command)


def not_a_tuple(command: str, name: str, length: int) -> UsageError:
    """The error for something else where a tuple of some length is needed."""
    return UsageError(f"{name} must be a tuple of {length} elements", command=command)


def not_one_of(command: str, name: str, allowed: Sequence[str]) -> UsageError:
    """The error for a word that is not one of the allowed ones."""
    return UsageError(f"{name} must be one of {', '.join(map(repr, allowed))}", command=command)


def at_most_one(command: str, names: Sequence[str]) -> UsageError:
    """The error for options that exclude each other."""
    return UsageError(f"at most one of {', '.join(names)} can be given", command=command)


def at_least_one(command: str, names: Sequence[str]) -> UsageError:
    """The error for a required set of options of which none was given."""
    return UsageError(f"at least one of {', '.join(names)} must be given", command=command)


def exactly_one(command: str, names: Sequence[str]) -> UsageError:
    """The error for a required choice of which none or several were given."""
    return UsageError(f"exactly one of {', '.join(names)} must be given", command=command)


def all_or_none(command: str, names: Sequence[str]) -> UsageError:
    """The error for options that belong together."""
    return UsageError(f"{', '.join(names)} must be given together", command=command)


def requires(command: str, name: str, other: str) -> UsageError:
    """The error for an option that needs another one."""
    return UsageError(f"{name} needs {other}", command=command)


def pairs(
    command: str,
    first: str,
    left: Value | Pairs[Value, Value] | None,
    value: Value | None,
    mapping: Pairs[Value, Value] | None,
) -> Iterable[tuple[Value, Value]]:
    """Return the pairs of a method that takes (mapping), (left, value) or (mapping=...).

    Args:
        command: the command, for errors.
        first: what the first half of a pair is called there.
        left: a mapping, or the first half of the only pair.
        value: the second half of the only pair.
        mapping: the mapping, by keyword.

    Raises:
        UsageError: none of the forms, several at once, or an empty mapping.
    """
    if left is not None and value is not None and mapping is None:
        return ((left, value),)  # type: ignore[return-value]  # a mapping as a field is refused when it is encoded
    if left is not None and value is None and mapping is None and not isinstance(left, (*_WORDS, int, float, Enum)):
        mapping = left
    elif left is not None or value is not None or mapping is None:
        raise UsageError(f"a mapping, or a {first} and its value, must be given", command=command)
    if no_mapping(mapping):
        raise not_a_mapping(command, "mapping")
    if not mapping:
        raise empty(command, "mapping")
    return mapping.items()


def script(command: str, keys: Many[Key] | int, args: Many[Value] | Value, more: tuple[Value, ...]) -> tuple[Arg, ...]:
    """Return the words behind a script or function: the number of keys, the keys, the arguments.

    Args:
        command: the command, for errors.
        keys: the keys; or their number, where keys and arguments follow one by one.
        args: the arguments; behind a number the first key or argument.
        more: behind a number what follows ``args``.

    Raises:
        UsageError: one value for several, more collections than two, or fewer words than the number of keys.
    """
    if not isinstance(keys, int):
        if no_collection(keys):
            raise not_a_collection(command, "keys")
        if no_collection(args):
            raise not_a_collection(command, "args")
        if more:
            raise refused(command, "keys and args are one collection each: nothing can follow them")
        return (len(keys), *keys, *cast("Many[Value]", args))
    if no_collection(args):
        more = (cast("Value", args), *more)
    elif more or cast("Many[Value]", args):
        raise refused(command, "behind a number of keys, keys and arguments follow one by one, in no collection")
    if not 0 <= keys <= len(more):
        raise refused(command, f"numkeys is {keys}, and {len(more)} keys and arguments follow")
    return (keys, *more)


_ENCODING: Final = re.compile("i([1-9]|[1-5][0-9]|6[0-4])|u([1-9]|[1-5][0-9]|6[0-3])")
_OFFSET: Final = re.compile("#?[0-9]+")


def bitfield(command: str, operations: Iterable[object], *, reads: bool = False) -> list[Arg]:
    """Return the words of operations on a bit field; OVERFLOW is sent where it changes, as it stays in force.

    Args:
        command: the command, for errors.
        operations: ``BitGet``, ``BitSet`` and ``BitIncrBy``, in their order.
        reads: only ``BitGet`` is allowed.

    Raises:
        UsageError: another type, an encoding or offset that no server takes, an unknown overflow.
    """
    words: list[Arg] = []
    overflow = "WRAP"
    for number, each in enumerate(operations, 1):
        where = f"operations: number {number}"
        if not isinstance(each, BitGet | BitSet | BitIncrBy) or (reads and not isinstance(each, BitGet)):
            kinds = "BitGet" if reads else "BitGet, BitSet or BitIncrBy"
            raise refused(command, f"{where} must be a {kinds}, not {type(each).__name__}")
        if _ENCODING.fullmatch(str(each.encoding)) is None:
            raise refused(command, f"{where}: encoding must be 'u1' to 'u63' or 'i1' to 'i64'")
        if _OFFSET.fullmatch(str(each.offset)) is None:
            raise refused(command, f"{where}: offset must be a number of bits from 0, or '#' and a number of integers")
        if isinstance(each, BitGet):
            words += ("GET", each.encoding, each.offset)
            continue
        if no_token(each.overflow, ("WRAP", "SAT", "FAIL")):
            raise not_one_of(command, f"{where}: overflow", ("WRAP", "SAT", "FAIL"))
        if each.overflow.upper() != overflow:
            overflow = each.overflow.upper()
            words += ("OVERFLOW", overflow)
        if isinstance(each, BitSet):
            words += ("SET", each.encoding, each.offset, each.value)
        else:
            words += ("INCRBY", each.encoding, each.offset, each.increment)
    return words


_MOST_PREDICATES: Final = 250


def predicates(command: str, given: tuple[object, ...]) -> list[Arg]:
    """Return the words of ARGREP's conditions (``GrepExact`` and its kind), in their order.

    Raises:
        UsageError: none, more than 250, or another type.
    """
    if not given:
        raise empty(command, "predicates")
    if len(given) > _MOST_PREDICATES:
        raise refused(command, f"predicates: {len(given)} were given, and at most {_MOST_PREDICATES} can be")
    words: list[Arg] = []
    for number, each in enumerate(given, 1):
        match each:
            case GrepExact(text):
                words += ("EXACT", text)
            case GrepMatch(text):
                words += ("MATCH", text)
            case GrepGlob(pattern):
                words += ("GLOB", pattern)
            case GrepRe(pattern):
                words += ("RE", pattern)
            case _:
                kinds = "GrepExact, GrepMatch, GrepGlob or GrepRe"
                raise refused(command, f"predicates: number {number} must be a {kinds}, not {type(each).__name__}")
    return words


def trim(
    command: str, maxlen: int | None, minid: Value | None, approximate: bool, limit: int | None
) -> tuple[Arg, ...]:
    """Return the words of XADD's and XTRIM's trimming; none where neither bound is given.

    Raises:
        UsageError: both bounds; a limit without a bound or with an exact one.
    """
    if maxlen is not None and minid is not None:
        raise at_most_one(command, ("maxlen", "minid"))
    if maxlen is None and minid is None:
        if limit is not None:
            raise requires(command, "limit", "maxlen or minid")
        return ()
    if limit is not None and not approximate:
        raise requires(command, "limit", "approximate=True")
    bound: tuple[Arg, ...] = ("MAXLEN", "~" if approximate else "=", maxlen) if maxlen is not None else ()
    if minid is not None:
        bound = ("MINID", "~" if approximate else "=", minid)
    return bound if limit is None else (*bound, "LIMIT", limit)


def vector(command: str, values: Many[float] | bytes | bytearray | memoryview) -> tuple[Arg, ...]:
    """Return a vector's words: ``FP32`` and the bytes, or ``VALUES``, their number and the numbers.

    Raises:
        UsageError: a vector without elements, or bytes that are not 4 a number.
    """
    if isinstance(values, bytes | bytearray | memoryview):
        size = values.nbytes if isinstance(values, memoryview) else len(values)
        if size == 0 or size % 4:
            raise refused(command, f"vector: numbers of 4 bytes each are needed, and {size} bytes were given")
        return ("FP32", cast("Arg", values))
    if no_collection(values):
        raise not_a_collection(command, "vector")
    if not len(values):
        raise empty(command, "vector")
    return ("VALUES", len(values), *values)
