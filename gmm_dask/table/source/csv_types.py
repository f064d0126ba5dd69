"""The type of a CSV column, from all of its values.

Arrow decides by the first block of a file and fails on a late surprise. Here a column's type is the first of TYPES that
every value of it can be read as, wherever it stands; so it depends on the values alone, not on their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

TYPES: tuple[pa.DataType, ...] = (
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.date32(),
    pa.timestamp("us"),
    pa.timestamp("ns"),
    pa.timestamp("us", "UTC"),
    pa.timestamp("ns", "UTC"),
)
"""What text can be read as. Times are ISO 8601; those with an offset are kept as UTC."""

GLANCE = 64
"""Values tried first: most types are refuted by a few, and Arrow is slow to refuse many."""

CODE = r"^[+-]?0\d"
"""Digits that begin with a zero are a code, such as a postal one: as a number it would lose them."""

LONG_INTEGER = r"^[+-]?\d{17,}$"
"""Digits that float64, which is exact up to 2^53, would round: an identifier, not a quantity."""


@dataclass(frozen=True)
class Inferred:
    """What some values can be read as; text is always possible. A semilattice, for which see `merged`.

    possible: the positions in TYPES of the types that take every value; seen: whether there was a value at all.
    """

    possible: frozenset[int] = frozenset(range(len(TYPES)))
    seen: bool = False

    @classmethod
    def text(cls) -> Inferred:
        """Of values that are text, whatever they look like."""
        return cls(frozenset(), seen=True)

    def merged(self, other: Inferred) -> Inferred:
        """Of both values together: associative, commutative, idempotent, with Inferred() as its zero."""
        return Inferred(self.possible & other.possible, self.seen or other.seen)

    def with_values(self, values: pa.Array) -> Inferred:
        """Of these values too: an array of strings, trimmed, missing ones null."""
        values = values.drop_null()
        if not len(values):
            return self
        return Inferred(frozenset(place for place in self.possible if _takes(TYPES[place], values)), True)

    @property
    def is_text(self) -> bool:
        return self.seen and not self.possible

    @property
    def type(self) -> pa.DataType:
        """The first of TYPES that takes all values: text where none does, null where there were no values."""
        if not self.seen:
            return pa.null()
        return pa.string() if self.is_text else TYPES[min(self.possible)]


def _takes(kind: pa.DataType, values: pa.Array) -> bool:
    if not (_casts(kind, values[:GLANCE]) and _casts(kind, values)):
        return False
    if kind == pa.int64():
        return not pc.any(pc.match_substring_regex(values, CODE)).as_py()
    return not (kind == pa.float64() and (_rounds(values) or pc.any(pc.match_substring_regex(values, CODE)).as_py()))


def _casts(kind: pa.DataType, values: pa.Array) -> bool:
    try:
        pc.cast(values, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _rounds(values: pa.Array) -> bool:
    """Whether some value is an integer too long for float64."""
    long = values.filter(pc.greater_equal(pc.binary_length(values), 17))
    return bool(pc.any(pc.match_substring_regex(long, LONG_INTEGER)).as_py())
