"""The columns of a table with their roles: declared once, it validates what comes in and defines what goes out."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gmm_dask.errors import BadInputError, UsageError, did_you_mean
from gmm_dask.table.columns import is_numeric, place
from gmm_dask.table.profile import ColumnProfile, TableProfile
from gmm_dask.table.roles import (
    Role,
    Verdict,
    constant,
    infer_role,
    is_empty,
    is_too_large,
    refuse_empty,
    refuse_infinite,
)

Overrides = Mapping[str, str | Sequence[str]]
"""Role names to the columns that the user gives them: {"key": ["id"], "weight": "w"}."""


@dataclass(frozen=True)
class Column:
    """A column, its role, and a sentence on why it has it."""

    name: str
    type: pa.DataType
    role: Role
    reason: str


@dataclass(frozen=True)
class TableSchema:
    """All columns in the order of the table. `warnings`: one sentence for each column left out against expectation."""

    columns: tuple[Column, ...]
    warnings: tuple[str, ...] = ()

    def named(self, role: Role) -> tuple[str, ...]:
        """The names of the columns of one role, in order."""
        return tuple(column.name for column in self.columns if column.role is role)

    @property
    def continuous(self) -> tuple[str, ...]:
        """The modelled columns: the order of the features everywhere."""
        return self.named(Role.CONTINUOUS)

    @property
    def categorical(self) -> tuple[str, ...]:
        return self.named(Role.CATEGORICAL)

    @property
    def keys(self) -> tuple[str, ...]:
        return self.named(Role.KEY)

    @property
    def weight(self) -> str | None:
        return next(iter(self.named(Role.WEIGHT)), None)

    @property
    def roles(self) -> dict[str, str]:
        """Column names to the names of their roles."""
        return {column.name: column.role.value for column in self.columns}

    @property
    def arrow(self) -> pa.Schema:
        return pa.schema([(column.name, column.type) for column in self.columns])

    def check(self, schema: pa.Schema, where: str = "") -> None:
        """Raise `BadInputError` unless a table has every continuous column, once, as numbers or as
        a column of nulls. It may have others."""
        for name in self.continuous:
            found = schema.get_all_field_indices(name)
            if not found:
                advice = did_you_mean(name, schema.names)
                raise BadInputError(f"there is no column {name!r}, which the model reads", where=where, advice=advice)
            if len(found) > 1:
                raise BadInputError(f"{len(found)} columns have this name", expected="one", where=place(where, name))
            kind = schema.field(found[0]).type
            if not is_numeric(kind) and not pa.types.is_null(kind):
                raise BadInputError(f"the type is {kind}", expected="numbers", where=place(where, name))

    def to_json(self) -> dict[str, Any]:
        """JSON types only. Arrow types in words for the reader, and exactly, as a serialised Arrow schema."""
        return {
            "columns": [
                {"name": column.name, "type": str(column.type), "role": column.role.value, "reason": column.reason}
                for column in self.columns
            ],
            "warnings": list(self.warnings),
            "arrow": base64.b64encode(self.arrow.serialize().to_pybytes()).decode("ascii"),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TableSchema:
        """The inverse of `to_json`."""
        arrow = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(record["arrow"])))
        columns = tuple(
            Column(field.name, field.type, Role(entry["role"]), entry["reason"])
            for field, entry in zip(arrow, record["columns"], strict=True)
        )
        return cls(columns, tuple(record["warnings"]))


def infer_schema(profile: TableProfile, *, overrides: Overrides | None = None) -> TableSchema:
    """The roles of a profiled table: first those that `overrides` gives, for the others the rules of `infer_role`.

    If `overrides` names continuous columns, that list is complete: others that the rules would model are ignored. A
    constant column is left out with a warning even if named continuous. The weight role is never inferred.

    Raises `UsageError` for an unknown role, a column named twice and a second weight; `BadInputError` for an unknown
    column, for columns of one name, for a column unfit for the role asked (text, integers beyond 2**53 or no values as
    continuous; missing or negative weights), for an inferred column without values, and when none is left to model.
    """
    _refuse_unusable(profile)
    asked = parse_overrides(overrides or {}, profile.names)
    is_complete = Role.CONTINUOUS in asked.values()
    columns, warnings = [], []
    for column in profile.columns:
        role = asked.get(column.name)
        verdict = _unnamed(column, is_complete) if role is None else _named(column, role)
        columns.append(Column(column.name, column.type, verdict.role, verdict.reason))
        if verdict.is_warning:
            warnings.append(f"column {column.name!r} is left out: {verdict.reason}")
    schema = TableSchema(tuple(columns), tuple(warnings))
    if not schema.continuous:
        listed = "; ".join(f"{column.name!r} is {column.role} ({column.reason})" for column in columns)
        advice = "Name the columns to model with the role continuous."
        raise BadInputError(f"no continuous column to model: {listed}", advice=advice)
    return schema


def _refuse_unusable(profile: TableProfile) -> None:
    if profile.n_rows == 0:
        raise BadInputError("the table has no rows", expected="rows to learn from")
    twice = sorted(name for name, count in Counter(profile.names).items() if count > 1)
    if twice:
        raise BadInputError(f"several columns are named {', '.join(map(repr, twice))}", expected="a name for each")


def parse_overrides(overrides: Overrides, names: Sequence[str]) -> dict[str, Role]:
    """Column names to the roles asked for them. Raises `UsageError` and `BadInputError` as `infer_schema` does."""
    asked: dict[str, Role] = {}
    for role, listed in overrides.items():
        if role not in list(Role):
            raise UsageError(f"there is no role {role!r}", advice=did_you_mean(role, Role))
        for name in [listed] if isinstance(listed, str) else listed:
            if name not in names:
                raise BadInputError(f"there is no column {name!r} to be {role}", advice=did_you_mean(name, names))
            if name in asked:
                raise UsageError(f"column {name!r} is named twice, as {asked[name]} and as {role}", expected="one role")
            asked[name] = Role(role)
    weights = [name for name, role in asked.items() if role is Role.WEIGHT]
    if len(weights) > 1:
        raise UsageError(f"{len(weights)} columns are weights: {weights}", expected="at most one")
    return asked


def _unnamed(column: ColumnProfile, is_complete: bool) -> Verdict:
    if is_complete and (is_empty(column) or column.n_infinite):  # what the rules refuse, nobody asked for
        return Verdict(Role.IGNORED, "not listed as continuous")
    verdict = infer_role(column)
    if is_complete and (verdict.role is Role.CONTINUOUS or verdict.is_warning):
        return Verdict(Role.IGNORED, "not listed as continuous")
    return verdict


def _named(column: ColumnProfile, role: Role) -> Verdict:
    """The verdict on a column that the user has given a role."""
    if role in (Role.KEY, Role.IGNORED):
        return Verdict(role, "as asked")
    refuse_empty(column)
    if role is Role.CATEGORICAL:
        return Verdict(role, "as asked")
    where = place("", column.name)
    if not is_numeric(column.type):
        raise BadInputError(f"the type is {column.type}", expected=f"numbers for the role {role}", where=where)
    if is_too_large(column):
        advice = "Give it the role key or ignored."
        raise BadInputError("integers beyond 2**53 in size would be rounded", where=where, advice=advice)
    refuse_infinite(column)
    if role is Role.CONTINUOUS:
        return constant(column) if column.is_constant else Verdict(role, "as asked")
    _check_weights(column, where)
    return Verdict(role, "as asked")


def _check_weights(column: ColumnProfile, where: str) -> None:
    expected = "weights that are known, not negative, and not all zero"
    if column.n_missing:
        raise BadInputError(f"{column.n_missing} weights are missing", expected=expected, where=where)
    if column.minimum is None or column.maximum is None or column.minimum < 0 or column.maximum <= 0:
        raise BadInputError(f"weights range from {column.minimum} to {column.maximum}", expected=expected, where=where)
