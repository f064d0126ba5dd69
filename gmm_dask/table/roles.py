"""What a column is for, and the rules that decide it where the user has not."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

import pyarrow as pa

from gmm_dask.errors import BadInputError
from gmm_dask.table.columns import LARGEST_EXACT_INTEGER, is_numeric, is_text, place
from gmm_dask.table.profile import ColumnProfile

_IDENTIFIER_NAMES = {"id", "key", "uuid", "guid", "rownames", "index"}
# customer_id, CustomerId, customerID; but not paid, PAID or bid.
_IDENTIFIER_ENDING = re.compile(r"(_id|_ID|[a-z0-9]I[dD])$")
_NEARLY_ALL = 0.98  # of the values: five standard errors of `DistinctSketch` below all of them
_FEWEST_ROWS_FOR_KEYS = 100  # in fewer rows even measurements are often all distinct


class Role(StrEnum):
    """What a column is for. All columns travel through to the outputs; only continuous ones are modelled."""

    KEY = "key"
    CONTINUOUS = "continuous"
    CATEGORICAL = "categorical"
    WEIGHT = "weight"
    IGNORED = "ignored"


class Verdict(NamedTuple):
    """A role, why, and whether the user should be warned of it."""

    role: Role
    reason: str
    is_warning: bool = False


def infer_role(column: ColumnProfile) -> Verdict:
    """The role of a column that the user has not named. The first rule that applies decides:

    | column | role |
    |---|---|
    | date, time, timestamp, duration, nested or extension type | ignored |
    | no value at all, or infinite ones | `BadInputError` |
    | one value only | ignored, with a warning |
    | string, binary, dictionary, boolean: at least 90 % of the values distinct, over 100 rows | key, else categorical |
    | integer named id, key, uuid, guid, rownames, index, or ending in _id, Id, ID | key |
    | integer: nothing missing, at least 98 % distinct, within a range of 4 times the rows, over 100 rows | key |
    | integer beyond 2**53 in size | key: float64 would round it |
    | at most 2 distinct values, or at most 10 and integer | categorical |
    | other integers, floats, decimals | continuous |
    """
    kind = column.type
    if not is_numeric(kind) and not is_text(kind) and not pa.types.is_null(kind):
        return Verdict(Role.IGNORED, f"{kind} is not modelled, it travels through")
    refuse_empty(column)
    refuse_infinite(column)
    if column.is_constant:
        return constant(column)
    if is_text(kind) or pa.types.is_boolean(kind):
        return _infer_label(column)
    if pa.types.is_integer(kind) and (reason := _identifying(column)):
        return Verdict(Role.KEY, reason)
    fewest = 10 if pa.types.is_integer(kind) else 2
    if (column.distinct or 0) <= fewest:
        return Verdict(Role.CATEGORICAL, f"only {column.distinct} distinct values")
    return Verdict(Role.CONTINUOUS, f"{kind} with {column.distinct} distinct values")


def constant(column: ColumnProfile) -> Verdict:
    """The verdict on a column of one value: it has no variance to model."""
    return Verdict(Role.IGNORED, "all its values are the same", is_warning=True)


def is_empty(column: ColumnProfile) -> bool:
    """No value is known."""
    return column.n_missing == column.n_rows


def refuse_empty(column: ColumnProfile) -> None:
    """Raise `BadInputError` for a column without values."""
    if is_empty(column):
        raise BadInputError(
            f"all {column.n_rows} values are missing",
            where=place("", column.name),
            advice="Give the column the role ignored.",
        )


def refuse_infinite(column: ColumnProfile) -> None:
    """Raise `BadInputError` for a column that holds infinities, naming the place of the first."""
    if column.n_infinite:
        raise BadInputError(
            f"{column.n_infinite} infinite value{'s' if column.n_infinite > 1 else ''}",
            expected="finite numbers",
            where=place(column.infinite_at, column.name),
            advice="Replace them by nulls, which count as missing, or give the column the role ignored.",
        )


def is_too_large(column: ColumnProfile) -> bool:
    """Integers that float64 would round."""
    if not pa.types.is_integer(column.type) or column.minimum is None or column.maximum is None:
        return False
    return max(-column.minimum, column.maximum) > LARGEST_EXACT_INTEGER


def _infer_label(column: ColumnProfile) -> Verdict:
    if _share_distinct(column) >= 0.9 and column.n_rows > _FEWEST_ROWS_FOR_KEYS:
        return Verdict(Role.KEY, f"nearly all values distinct ({column.distinct} of {column.n_present})")
    return Verdict(Role.CATEGORICAL, f"{column.type} with {column.distinct} distinct values")


def _identifying(column: ColumnProfile) -> str:
    """Why a column of integers is an identifier; empty when it is not."""
    if column.name.lower() in _IDENTIFIER_NAMES or _IDENTIFIER_ENDING.search(column.name):
        return "the name says that it identifies rows"
    if is_too_large(column):
        return "integers beyond 2**53 identify, they do not measure"
    if column.n_missing == 0 and column.n_rows > _FEWEST_ROWS_FOR_KEYS and _is_dense(column):
        return f"integers, nearly all distinct ({column.distinct} of {column.n_rows})"
    return ""


def _is_dense(column: ColumnProfile) -> bool:
    """Numbers given out one after another: hardly any twice, and hardly any left out. Measurements spread wider."""
    assert column.minimum is not None
    assert column.maximum is not None
    return _share_distinct(column) >= _NEARLY_ALL and column.maximum - column.minimum <= 4 * column.n_rows


def _share_distinct(column: ColumnProfile) -> float:
    return (column.distinct or 0) / column.n_present
