"""Many starts on few rows, the better half of them on more, until a handful has seen the whole sample.

Successive halving (Karnin, Koren & Somekh 2013; Jamieson & Talwalkar 2016): most of what is spent goes to starts that
are worth it, and none of it reads the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gmm_dask.em.acceleration import Acceleration
from gmm_dask.em.candidate import Candidate
from gmm_dask.em.driver import Fit, Progress, Stopping, Sweep, mean_objective, run, soundness
from gmm_dask.em.estimation import Estimation
from gmm_dask.em.moves import moves
from gmm_dask.em.outcome import Outcome
from gmm_dask.em.starts import Starts, parameters_from_labels
from gmm_dask.mixture import Block, Float, MixtureParameters, SingularCovarianceError

Fits = list[Fit[MixtureParameters]]

_GROWTH, _FINALISTS = 4, 3
_MOVES, _PURSUED, _ROUNDS = 6, 2, 5
_FEWEST_ROWS, _ROWS_PER_PARAMETER = 1_000, 2
"""A start is judged on no fewer: a mixture that rows do not outnumber follows them, and not the table."""

_ROUGH = Stopping(1e-4, 60)
_BRIEF, _FINE = Stopping(1e-5, 20, looks_ahead=True), Stopping(1e-6, 200, looks_ahead=True)
_STREAM = 2  # the stage number of halving in seed sequences
_SAME = 1e-6  # mean log-likelihoods no further apart than this are of the same optimum
_DOUBT = 0.3
"""Standard deviation over rows by which the log densities of rival optima differ, roughly: the sample cannot tell mean
log-likelihoods apart that are closer than this over the square root of its rows."""


@dataclass(frozen=True)
class Sample:
    """Rows in memory, and what makes a sweep over any of them. `is_whole`: there are no other rows."""

    block: Block
    sweep_over: Callable[[Block], Sweep]
    is_whole: bool


def best_starts(
    sample: Sample,
    candidates: Sequence[Candidate],
    estimation: Estimation[MixtureParameters],
    regularisation: Float,
    *,
    n_init: int,
    seed: int,
    acceleration: Acceleration[MixtureParameters],
    observe: Callable[[Progress], None],
) -> list[list[MixtureParameters]]:
    """For each candidate the starts, one or two, that the whole table should see: the best on the sample, and the next
    where the sample cannot tell which is better."""
    d = sample.block.dense().shape[0]
    needed = [_ROWS_PER_PARAMETER * candidate.n_parameters(d) for candidate in candidates]
    starts: list[list[MixtureParameters]] = [[] for _ in candidates]
    *parts, whole = _levels(sample.block, seed)
    plain = partial(run, estimation=estimation, observe=observe, stage="starts")
    for rows in parts:
        _enter(starts, rows, candidates, [least <= rows.n_rows for least in needed], regularisation, n_init, seed)
        starts = _better_halves(starts, partial(plain, sample.sweep_over(rows), stopping=_ROUGH))
    sweep = sample.sweep_over(whole)
    brief, fine = (partial(plain, sweep, stopping=each, acceleration=acceleration) for each in (_BRIEF, _FINE))
    late = [not group for group in starts]
    _enter(starts, whole, candidates, late, regularisation, n_init, seed)
    begun = _better_halves([group if is_late else [] for group, is_late in zip(starts, late, strict=True)], brief)
    finalists = [(fresh or group)[:_FINALISTS] for fresh, group in zip(begun, starts, strict=True)]
    ranked = _run(finalists, fine)

    def moved(fit: Fit[MixtureParameters], number: int) -> list[MixtureParameters]:
        return list(filter(_is_regular, _moves(fit, whole, regularisation, seed + number)))

    return [_undecided(fits, sample) for fits in _improved(ranked, moved, brief, fine)]


def _improved(
    ranked: Sequence[Fits],
    moved: Callable[[Fit[MixtureParameters], int], list[MixtureParameters]],
    brief: Callable[..., Fits],
    fine: Callable[..., Fits],
) -> list[Fits]:
    """The fits of each candidate; where its starts came to different optima, or to none to be trusted, with better ones
    that moves from the best led to, for as long as they do."""
    fits, stuck = list(ranked), [i for i, group in enumerate(ranked) if len(group) > 1 or not soundness(group[0])[0]]
    for number in range(_ROUNDS):
        proposed = [moved(group[0], number) if i in stuck else [] for i, group in enumerate(fits)]
        if not any(proposed):
            break
        found = _run([group[:_PURSUED] for group in _better_halves(proposed, brief)], fine)
        stuck = [i for i in stuck if found[i] and _is_better(found[i][0], fits[i][0])]
        fits = [_ranked([*found[i], *group]) if i in stuck else group for i, group in enumerate(fits)]
    return fits


def _moves(fit: Fit[MixtureParameters], rows: Block, regularisation: Float, seed: int) -> list[MixtureParameters]:
    faulty = fit.flaw.component if fit.flaw is not None and fit.outcome is Outcome.COLLAPSED else None
    return moves(fit.parameters, rows, regularisation, most=_MOVES, seed=seed, faulty=faulty)


def _is_better(fit: Fit[MixtureParameters], other: Fit[MixtureParameters]) -> bool:
    (sound, value), (other_sound, other_value) = soundness(fit), soundness(other)
    return (sound, value - _SAME) > (other_sound, other_value) if sound == other_sound else sound


def _better_halves(
    starts: Sequence[Sequence[MixtureParameters]], climb: Callable[..., Fits]
) -> list[list[MixtureParameters]]:
    return [[fit.parameters for fit in fits[: -(-len(fits) // 2)]] for fits in _run(starts, climb)]


def _run(starts: Sequence[Sequence[MixtureParameters]], climb: Callable[..., Fits]) -> list[Fits]:
    """All starts of all candidates in shared sweeps; each candidate's fits, ranked."""
    flat = [start for group in starts for start in group]
    ended = iter(climb(starts=flat) if flat else [])
    return [_ranked([next(ended) for _ in group]) for group in starts]


def _enter(
    starts: list[list[MixtureParameters]],
    rows: Block,
    candidates: Sequence[Candidate],
    ready: Sequence[bool],
    regularisation: Float,
    n_init: int,
    seed: int,
) -> None:
    """Give those candidates that are ready and have none their starts, less the ones that are singular from the outset
    where others are not."""
    new = [i for i, is_ready in enumerate(ready) if is_ready and not starts[i]]
    if not new:
        return
    clusters = Starts.of(rows, [candidates[i].n_components for i in new], seed)
    for i in new:
        k, family = candidates[i].n_components, candidates[i].family
        attempts = range(n_init if k > 1 else 1)
        made = [
            parameters_from_labels(rows, clusters.labels(k, attempt), k, family, regularisation) for attempt in attempts
        ]
        starts[i] = list(filter(_is_regular, made)) or made


def _levels(block: Block, seed: int) -> Iterator[Block]:
    """Growing parts of the sample, the last of them the whole.

    A part is drawn by weight, a row per equal share of it: a row of weight 2 is drawn as the row twice would be.
    """
    n = block.n_rows
    weights = np.ones(n) if block.weights is None else block.weights
    ends = np.cumsum(weights)
    for level in range(int(np.log(max(n / _FEWEST_ROWS, 1)) / np.log(_GROWTH)), 0, -1):
        size = n // _GROWTH**level
        rng = np.random.default_rng(np.random.SeedSequence([seed, _STREAM, level]))
        drawn = (np.arange(size) + rng.random(size)) * (ends[-1] / size)
        chosen = np.minimum(np.searchsorted(ends, drawn, side="right"), n - 1)
        yield Block(np.ascontiguousarray(block.dense()[:, chosen]))
    yield block


def _ranked(fits: Fits) -> Fits:
    """The best first, sound endings before others; of those that came to the same optimum only the first."""
    ordered = sorted(fits, key=soundness, reverse=True)
    return [
        fit
        for place, fit in enumerate(ordered)
        if place == 0 or mean_objective(ordered[place - 1]) - mean_objective(fit) > _SAME
    ]


def _undecided(ranked: Fits, sample: Sample) -> list[MixtureParameters]:
    best, *others = ranked
    doubt = 0.0 if sample.is_whole else _DOUBT / np.sqrt(sample.block.n_rows)
    close = [
        fit
        for fit in others[:1]
        if soundness(fit)[0] == soundness(best)[0] and mean_objective(best) - mean_objective(fit) < doubt
    ]
    return [fit.parameters for fit in (best, *close)]


def _is_regular(start: MixtureParameters) -> bool:
    try:
        start.terms()
    except SingularCovarianceError:
        return False
    return True
