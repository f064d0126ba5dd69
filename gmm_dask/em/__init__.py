"""Expectation-maximisation over a sweep: starts, the one driver, selection over candidates."""

from gmm_dask.em.acceleration import Acceleration, QuasiNewton
from gmm_dask.em.candidate import Candidate
from gmm_dask.em.corrected import SampleSteps
from gmm_dask.em.driver import Fit, Progress, Stopping, Sweep, run
from gmm_dask.em.estimation import Estimation, MaximumAPosteriori, MaximumLikelihood
from gmm_dask.em.flaws import Flaw
from gmm_dask.em.halving import Sample
from gmm_dask.em.outcome import Outcome
from gmm_dask.em.selection import Problem, Selected, acceleration_for, choose, fit_candidates, summarised
from gmm_dask.em.starts import Starts, parameters_from_labels, parameters_from_responsibilities
from gmm_dask.em.variational import VariationalBayes

__all__ = [
    "Acceleration",
    "Candidate",
    "Estimation",
    "Fit",
    "Flaw",
    "MaximumAPosteriori",
    "MaximumLikelihood",
    "Outcome",
    "Problem",
    "Progress",
    "QuasiNewton",
    "Sample",
    "SampleSteps",
    "Selected",
    "Starts",
    "Stopping",
    "Sweep",
    "VariationalBayes",
    "acceleration_for",
    "choose",
    "fit_candidates",
    "parameters_from_labels",
    "parameters_from_responsibilities",
    "run",
    "summarised",
]
