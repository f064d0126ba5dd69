"""What the verbs share: rows in model units, grouped by which of their columns are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import logsumexp

from gmm_dask.errors import BadInputError
from gmm_dask.mixture import Float, log_joint
from gmm_dask.model import MixtureModel


@dataclass(frozen=True)
class Pattern:
    """The rows (index array) in which just the columns `missing` are missing and `observed` are there."""

    rows: np.ndarray
    observed: np.ndarray
    missing: np.ndarray


def patterns(gaps: np.ndarray) -> Iterator[Pattern]:
    """The missingness patterns of a mask (d, n), each with its rows; in a fixed order."""
    packed = np.ascontiguousarray(np.packbits(gaps, axis=0).T)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, inverse = np.unique(keys, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(inverse))[:-1]):
        if rows.size:
            missing = gaps[:, rows[0]]
            yield Pattern(rows, np.flatnonzero(~missing), np.flatnonzero(missing))


def gaps(model: MixtureModel, table: pa.Table, where: str) -> tuple[Float, np.ndarray]:
    """The modelled columns in source units (d, n) and the mask of their missing cells."""
    source = model.preparation.source_units(table, where)
    return source, np.isnan(source)


_FAR = 1e100  # in model units; beyond, squares overflow, and all that changes is how unlikely the row is


def posterior(model: MixtureModel, z: Float, observed: np.ndarray) -> tuple[Float, Float]:
    """Responsibilities (k, n) and log density (n,) in model units, for rows z (o, n) of the observed columns.

    With nothing observed these are the weights and zero.
    """
    parameters = model.parameters
    z = np.clip(z, -_FAR, _FAR)
    if observed.size == 0:
        n = z.shape[1]
        return np.repeat(parameters.weights[:, None], n, axis=1), np.zeros(n)
    joint = log_joint(parameters.marginal(observed), z)
    log_density = logsumexp(joint, axis=0)
    responsibilities: Float = np.exp(joint - log_density)
    return responsibilities, log_density


def with_columns(schema: pa.Schema, added: Iterable[pa.Field]) -> pa.Schema:
    """A table's schema with columns that a verb adds. Raises BadInputError where the table has one of that name."""
    for field in added:
        if field.name in schema.names:
            raise BadInputError(
                f"the table already has a column {field.name!r}",
                advice="Choose a prefix for the added columns, or score the table without that column.",
            )
        schema = schema.append(field)
    return schema
