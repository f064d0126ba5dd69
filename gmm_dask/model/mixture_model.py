"""The fitted model as a value: parameters, what they mean (schema and transforms), and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gmm_dask.mixture import MixtureParameters
from gmm_dask.model.basis import Basis
from gmm_dask.model.changes import Succession
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.schema import TableSchema


@dataclass(frozen=True)
class Training:
    """How the model was fitted. Log-likelihood and criteria are totals over complete rows, in source units.

    `missing`: the gaps of each column of the table, modelled or not.

    `updates`: how many tables have been taken in since the fit. Then `outcome` is that of the fit as long as the
    mixture is sound; rows, `weight` and gaps of modelled columns are those of all tables together (other columns are
    not read by updates: their gaps are those of the fit); log-likelihood and criteria are those of `Basis.statistics`,
    by the parameters that each table was seen with.
    """

    outcome: str
    n_iter: int
    n_rows: int
    n_complete: int
    weight: float
    log_likelihood: float
    criteria: Mapping[str, float]
    seed: int
    missing: Mapping[str, int]
    updates: int = 0

    @property
    def n_left_out(self) -> int:
        """Rows with a missing value in a modelled column, which the fit did not use."""
        return self.n_rows - self.n_complete


@dataclass(frozen=True)
class MixtureModel:
    """A fitted mixture over the continuous columns of a table.

    `parameters` are in model units, `preparation` brings rows there. `provenance`: free facts about the source.
    `basis`: what an update goes on from; None where it is not known. `succession`: None for a first fit, whose
    components are in order of falling weight; otherwise they are in order of the numbers of their segments.
    """

    parameters: MixtureParameters
    schema: TableSchema
    preparation: Preparation
    training: Training
    provenance: Mapping[str, object] = field(default_factory=dict)
    basis: Basis | None = None
    succession: Succession | None = None

    @property
    def columns(self) -> list[str]:
        """The modelled columns, in the mixture's order."""
        return [name for name, _ in self.preparation.transforms]

    @property
    def n_components(self) -> int:
        return self.parameters.n_components

    @property
    def labels(self) -> tuple[int, ...]:
        """(k,) the number of each component's segment."""
        return tuple(range(self.n_components)) if self.succession is None else self.succession.labels

    @property
    def n_labels(self) -> int:
        """How many segment numbers were given so far, in this model and those before it."""
        return self.n_components if self.succession is None else self.succession.n_given

    def ordered(self, order: np.ndarray) -> MixtureModel:
        """The same with its components in another order, or some of them; their numbers are left to the caller."""
        basis = None if self.basis is None else self.basis.ordered(order)
        return replace(self, parameters=self.parameters.ordered(order), basis=basis)
