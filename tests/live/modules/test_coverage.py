"""Every method of the modules gives a value in each of its shapes on the stand-in, or is listed with a reason."""

from __future__ import annotations

from collections.abc import Iterator

from tests.live.annotations import Shape, shapes
from tests.live.commands.cases import Case, Raises, called, method, shapes_of
from tests.live.commands.test_coverage import methods
from tests.live.modules import test_json, test_probabilistic, test_timeseries

MODULES = ["json", "timeseries", "bloom", "cuckoo", "count_min_sketch", "topk", "tdigest"]

UNKNOWN = "the stand-in does not know the command"
UNCOVERED = {
    "json_debug_help": UNKNOWN,
    "json_debug_memory": UNKNOWN,
    "json_resp": UNKNOWN,
    "bf_debug": UNKNOWN,
    "cf_debug": UNKNOWN,
    # called one after the other, in test_a_filter_goes_through_its_chunks
    "bf_loadchunk": "needs a chunk",
    "bf_scandump": "gives a chunk",
    "cf_loadchunk": "needs a chunk",
    "cf_scandump": "gives a chunk",
}

SEVERAL = "the stand-in knows no list of aggregators"
UNCOVERED_SHAPES = {
    ("ts_range", 0): SEVERAL,
    ("ts_revrange", 0): SEVERAL,
    ("ts_mrange", 0): SEVERAL,
    ("ts_mrevrange", 0): SEVERAL,
}


def cases() -> Iterator[Case]:
    for module in (test_json, test_probabilistic, test_timeseries):
        for table in vars(module).values():
            if isinstance(table, list):
                yield from (each for each in table if isinstance(each, Case) and not isinstance(each.expected, Raises))


def test_every_method_is_covered() -> None:
    hit: set[Shape] = set()
    covered: set[str] = set()
    for each in cases():
        name, args, kwargs = called(each)
        covered.add(name)
        hit.add(shapes_of(name, args, kwargs)[0])
    every = set(methods(MODULES))
    assert every - covered == UNCOVERED.keys()
    missed = {
        (shape.name, shape.index)
        for name in covered & every
        for shape in shapes(method(name))
        if len(shapes(method(name))) > 1 and not shape.fallback and shape not in hit
    }
    assert missed == UNCOVERED_SHAPES.keys()
