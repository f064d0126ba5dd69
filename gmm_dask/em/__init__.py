"""Expectation-maximisation over a sweep: starts, the one driver, selection over candidates."""

from gmm_dask.em.driver import Fit, Progress, Stopping, Sweep, run
from gmm_dask.em.estimation import Estimation, MaximumLikelihood
from gmm_dask.em.flaws import Flaw
from gmm_dask.em.outcome import Outcome
from gmm_dask.em.selection import Candidate, Problem, Selected, choose, fit_candidates
from gmm_dask.em.starts import parameters_from_labels, parameters_from_responsibilities, start_labels

__all__ = [
    "Candidate",
    "Estimation",
    "Fit",
    "Flaw",
    "MaximumLikelihood",
    "Outcome",
    "Problem",
    "Progress",
    "Selected",
    "Stopping",
    "Sweep",
    "choose",
    "fit_candidates",
    "parameters_from_labels",
    "parameters_from_responsibilities",
    "run",
    "start_labels",
]
