"""A model takes in another table in one pass, without the rows before: stepwise EM.

With S the statistics that the model keeps and S' those of the new table by the model's parameters, both per unit of
weight, the parameters become those of

    (1 - gamma) S + gamma S'

(Cappe & Moulines 2009, "On-line expectation-maximization algorithm for latent data models", with a table for a row),
for a forgetting factor gamma in (0, 1]. By default gamma is the share of the new rows in all rows. Then that is the sum
over all rows: after a fit the step of expectation-maximisation over both tables together, thereafter the incremental
variant of Neal & Hinton (1998), in which each table counts by the parameters that it was seen with.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gmm_dask.em import Outcome
from gmm_dask.engine import Engine, one_blas_thread
from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.fitting import require_complete_rows
from gmm_dask.mixture import (
    CRITERIA,
    FitSummary,
    MixtureParameters,
    SingularCovarianceError,
    SufficientStatistics,
)
from gmm_dask.model import Basis, MixtureModel, Training, inhabited, preparation_for, succeeding, widened
from gmm_dask.one_pass import Seen, see
from gmm_dask.progress import Observer, Silent
from gmm_dask.selection import left_out_note
from gmm_dask.table.prepare import Tally
from gmm_dask.table.source import Source
from gmm_dask.version import __version__

WORTH_TELLING = 0.1
"""A fall of the mean log-likelihood, in nats a row, that a user should know of: as if every row had moved by 0.45
standard deviations, or one in a hundred by 4.5."""

_SIGNIFICANT = 5.0  # standard errors, so that few rows raise no alarm


@dataclass(frozen=True)
class Update:
    """What came of an update: the model, the new table's rows as counted, and the forgetting factor that was used.

    `fall`: by how much the mean log-likelihood of the new rows by the model before, in nats a row and model units, is
    below that of the rows it remembered. `outcome`: of the new mixture, as in `Training`.
    """

    model: MixtureModel
    tally: Tally
    forgetting: float
    fall: float
    notes: tuple[str, ...]


def update_source(
    model: MixtureModel,
    source: Source,
    engine: Engine,
    *,
    forgetting: float | None = None,
    observer: Observer | None = None,
) -> Update:
    """Take in the complete rows of a table, in one pass over it.

    A component that holds fewer than two rows thereafter is left out. Components keep the numbers of their segments.

    Raises UsageError for a model without statistics, BadInputError where the table has no rows that count, or not the
    model's columns, or leaves no mixture; ResourceError where memory cannot do.
    """
    observer = observer or Silent()
    if model.basis is None:
        raise UsageError(
            "the model keeps no statistics to go on from",
            expected="a model that was fitted to a table by this version, or updated",
            advice="Fit it to a table, with this model as the start; what comes of it can be updated.",
        )
    preparation = preparation_for(model, source)
    observer.stage("update")
    seen = see(source, engine, preparation, model.parameters, observer.shards)
    missing = dict(zip(model.columns, seen.missing.tolist(), strict=True))
    require_complete_rows(seen.tally, missing, preparation.weight)
    with one_blas_thread():
        return _updated(model, model.basis, source, seen, forgetting)


def counting(old: float, new: float, forgetting: float | None) -> tuple[float, float]:
    """By how much to multiply the weights of the old rows and of the new, which are `old` and `new` in all.

    So multiplied, the new rows have the share `forgetting`, and both together weigh as many rows as have a plain mean
    that varies as much as theirs (Kish 1965, "Survey sampling": one over the sum of squared shares).
    """
    if forgetting is None:
        return 1.0, 1.0
    weight = 1 / ((1 - forgetting) ** 2 / old + forgetting**2 / new)
    return (1 - forgetting) * weight / old, forgetting * weight / new


def combined(
    old: SufficientStatistics, new: SufficientStatistics, factors: tuple[float, float]
) -> SufficientStatistics:
    """The statistics of rows that count so much more or less, about the centres of `new`."""
    both = old.about(new.centres).scaled(factors[0]).merge(new.scaled(factors[1]))
    return replace(both, n_rows=max(1, round(factors[0] * old.n_rows + factors[1] * new.n_rows)))


def _updated(model: MixtureModel, basis: Basis, source: Source, seen: Seen, forgetting: float | None) -> Update:
    old, new = basis.statistics, seen.statistics
    factors = counting(old.weight, new.weight, forgetting)
    remembered = replace(basis, statistics=combined(old, new, factors))
    there = inhabited(remembered.statistics)
    if there.size == 0:
        raise BadInputError(
            f"no component has two of {seen.tally.n_used} rows, and those before are forgotten",
            where=source.name,
            advice="Forget less, or give more rows.",
        )
    remembered = remembered.ordered(there)
    parameters = _step(remembered, model.parameters.ordered(there), source.name)
    share = factors[1] * new.weight / remembered.statistics.weight
    log_jacobian = factors[0] * (model.training.log_likelihood - old.log_likelihood)
    log_jacobian += factors[1] * seen.tally.log_jacobian
    updated = replace(
        model,
        parameters=parameters,
        preparation=widened(model.preparation, zip(seen.lowest.tolist(), seen.highest.tolist(), strict=True)),
        training=_training(model, remembered, parameters, seen, log_jacobian),
        provenance=_provenance(model, source, seen.tally, share),
        basis=remembered,
    )
    updated = succeeding(updated, model)
    fall = old.log_likelihood / old.weight - new.log_likelihood / new.weight
    return Update(updated, seen.tally, share, fall, tuple(_notes(model, basis, updated, source, seen, fall)))


def _step(basis: Basis, previous: MixtureParameters, where: str) -> MixtureParameters:
    try:
        parameters = basis.estimation.step(basis.statistics, previous)
        parameters.terms()
    except SingularCovarianceError as error:
        raise BadInputError(
            f"with this table, {error.found}", where=where, advice="Forget less, or fit the model anew."
        ) from error
    return parameters


def _training(
    model: MixtureModel, basis: Basis, parameters: MixtureParameters, seen: Seen, log_jacobian: float
) -> Training:
    before, statistics, tally = model.training, basis.statistics, seen.tally
    summary = FitSummary(
        log_likelihood=statistics.log_likelihood + log_jacobian,
        log_assignment=statistics.log_assignment,
        n_parameters=parameters.n_parameters,
        weight=statistics.weight,
    )
    gaps = zip(model.columns, seen.missing.tolist(), strict=True)
    return replace(
        before,
        outcome=_outcome(before, parameters, basis).value,
        n_rows=before.n_rows + tally.n_rows,
        n_complete=before.n_complete + tally.n_complete,
        weight=before.weight + tally.weight,
        log_likelihood=summary.log_likelihood,
        criteria={name: criterion(summary) for name, criterion in CRITERIA.items()},
        missing={**before.missing, **{name: before.missing[name] + count for name, count in gaps}},
        updates=before.updates + 1,
    )


def _outcome(before: Training, parameters: MixtureParameters, basis: Basis) -> Outcome:
    """What ended well stands as it ended while the mixture is sound; what had not is not mended by one step."""
    flaw = basis.estimation.flaw(parameters, basis.statistics)
    if flaw is not None:
        return flaw.outcome
    ended = Outcome(before.outcome)
    return ended if ended.trustworthy else Outcome.ITERATION_LIMIT


def _provenance(model: MixtureModel, source: Source, tally: Tally, share: float) -> dict[str, object]:
    update = {"source_fingerprint": source.fingerprint, "rows": tally.n_used, "forgetting": share}
    return {**model.provenance, "gmm_dask": __version__, "python": platform.python_version(), "update": update}


def _notes(
    before: MixtureModel, basis: Basis, after: MixtureModel, source: Source, seen: Seen, fall: float
) -> Iterator[str]:
    yield from left_out_note(seen.tally)
    if source.fingerprint in _tables_of(before):
        yield "the model was fitted to this table or took it in last: its rows count once more"
    if fall > _alarming(before, basis.statistics.weight, seen.statistics.weight):
        yield (
            f"the mean log-likelihood of these rows is {fall:.3g} nats a row below that of the rows before: the table "
            "does not look like those before it"
        )
    if after.succession is not None:
        yield from after.succession.changes.sentences()
    outcome = Outcome(after.training.outcome)
    if not outcome.trustworthy:
        yield f"{outcome.value}: {outcome.sentence} {outcome.advice}"


def _tables_of(model: MixtureModel) -> set[object]:
    """Fingerprints of the tables that the model was fitted to and has taken in last."""
    last = model.provenance.get("update")
    fingerprint = last.get("source_fingerprint") if isinstance(last, dict) else None
    return {model.provenance.get("source_fingerprint"), fingerprint}


def _alarming(model: MixtureModel, n_old: float, n_new: float) -> float:
    """A fall that is worth telling: beyond what few rows give by chance, the log density of a Gaussian row having the
    variance d / 2, and beyond what the old rows gain by having been fitted to (Akaike 1974)."""
    chance = _SIGNIFICANT * np.sqrt(len(model.columns) / 2 * (1 / n_old + 1 / n_new))
    return float(max(WORTH_TELLING, chance) + model.parameters.n_parameters / n_old)
