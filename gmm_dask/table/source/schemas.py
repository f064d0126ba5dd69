"""One schema for many files or partitions: which differences between them are harmless, and how the others are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.types as kinds

from gmm_dask.errors import BadInputError

TOLD_COLUMNS = 8
"""How many differing columns an error lists before it only counts them."""


def common_schema(
    found: Iterable[tuple[str, pa.Schema]], *, where: str, advice: str = "Bring them to one schema, or open them apart."
) -> pa.Schema:
    """The schema that all of `found`, (place, schema) pairs, can be cast to; columns in the first one's order.

    Order of columns, nullability and metadata may differ, and types as far as `common_type` allows. Raises
    BadInputError with the columns that differ beyond that, and with duplicate names.
    """
    distinct = _distinct(found)
    names = list(dict.fromkeys(name for _, schema in distinct for name in schema.names))
    types = {name: _column_type(name, distinct) for name in names}
    if differing := [name for name, kind in types.items() if kind is None]:
        told = "; ".join(_difference(name, distinct) for name in differing[:TOLD_COLUMNS])
        more = f"; and {len(differing) - TOLD_COLUMNS} more columns" if len(differing) > TOLD_COLUMNS else ""
        raise BadInputError(
            f"no one schema fits: {told}{more}",
            expected="the same columns with the same types throughout",
            where=where,
            advice=advice,
        )
    return pa.schema([(name, wide_codes(kind)) for name, kind in types.items()])


def wide_codes(kind: pa.DataType) -> pa.DataType:
    """A dictionary type with int32 codes, other types as they are.

    Writers take int8 where one file's categories fit; those of all files together may not.
    """
    return pa.dictionary(pa.int32(), kind.value_type, kind.ordered) if kinds.is_dictionary(kind) else kind


def common_type(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType | None:
    """The type both kinds of values fit in without loss, None where there is none.

    A column of nulls fits any type. Integers of one signedness, and floats, take the wider type; timestamps of one
    time zone the finer unit; texts (and binary values) the type with large offsets. A dictionary and its plain value
    type become the plain type. None stands for "no such column" and fits nothing.
    """
    if one is None or other is None:
        return None
    if one == other:
        return one
    if kinds.is_null(one) or kinds.is_null(other):
        return other if kinds.is_null(one) else one
    if kinds.is_dictionary(one) or kinds.is_dictionary(other):
        return _common_dictionary(one, other)
    for family in (kinds.is_signed_integer, kinds.is_unsigned_integer, kinds.is_floating):
        if family(one) and family(other):
            return max(one, other, key=lambda kind: int(kind.bit_width))
    if kinds.is_timestamp(one) and kinds.is_timestamp(other) and one.tz == other.tz:
        return max(one, other, key=lambda kind: ("s", "ms", "us", "ns").index(kind.unit))
    for family, large in ((_is_text, pa.large_string()), (_is_binary, pa.large_binary())):
        if family(one) and family(other):
            return large
    return None


def _common_dictionary(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    values = common_type(*(kind.value_type if kinds.is_dictionary(kind) else kind for kind in (one, other)))
    if values is None or not (kinds.is_dictionary(one) and kinds.is_dictionary(other)):
        return values
    return pa.dictionary(pa.int32(), values, ordered=one.ordered and other.ordered)


def _is_text(kind: pa.DataType) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_binary_view(kind))


def _distinct(found: Iterable[tuple[str, pa.Schema]]) -> list[tuple[str, pa.Schema]]:
    """Each schema once, with the first place that has it: of 20,000 files nearly all are alike."""
    distinct: list[tuple[str, pa.Schema]] = []
    for place, schema in found:
        if not any(schema.equals(known) for _, known in distinct):
            check_names(schema.names, where=place)
            distinct.append((place, schema))
    return distinct


def check_names(names: Sequence[str], *, where: str, advice: str = "Rename one of them.") -> None:
    """Raises BadInputError where a column name occurs twice."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise BadInputError(f"column name {twice[0]!r} occurs more than once", where=where, advice=advice)


def _found_type(name: str, schema: pa.Schema) -> pa.DataType | None:
    return schema.field(name).type if name in schema.names else None


def _column_type(name: str, schemas: Sequence[tuple[str, pa.Schema]]) -> pa.DataType | None:
    return reduce(common_type, (_found_type(name, schema) for _, schema in schemas))


def _difference(name: str, schemas: Sequence[tuple[str, pa.Schema]]) -> str:
    """`column 'x': int64 in a.parquet, string in b.parquet`: every type once, with the first place that has it."""
    places: dict[str, str] = {}
    for place, schema in schemas:
        places.setdefault(str(_found_type(name, schema) or "missing"), place)
    return f"column {name!r}: " + ", ".join(f"{kind} in {place}" for kind, place in places.items())
