"""The fitted model as a value: parameters, what they mean (schema and transforms), and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gmm_dask.mixture import MixtureParameters
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.schema import TableSchema


@dataclass(frozen=True)
class Training:
    """How the model was fitted. Log-likelihood and criteria are totals over complete rows, in source units.

    `missing`: the gaps of each column of the table, modelled or not.
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

    @property
    def n_left_out(self) -> int:
        """Rows with a missing value in a modelled column, which the fit did not use."""
        return self.n_rows - self.n_complete


@dataclass(frozen=True)
class MixtureModel:
    """A fitted mixture over the continuous columns of a table. Components are in order of falling weight.

    `parameters` are in model units, `preparation` brings rows there. `provenance`: free facts about the source.
    """

    parameters: MixtureParameters
    schema: TableSchema
    preparation: Preparation
    training: Training
    provenance: Mapping[str, object] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The modelled columns, in the mixture's order."""
        return [name for name, _ in self.preparation.transforms]

    @property
    def n_components(self) -> int:
        return self.parameters.n_components
