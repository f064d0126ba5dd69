"""Covariance families: how the k covariance matrices of a mixture are tied, stored, estimated and factored.

The fourteen families of Celeux & Govaert (1995), as mclust has them. A family is an object with a few verbs; strings
are parsed once, by `family_named`.
"""

from gmm_dask.errors import UsageError, did_you_mean
from gmm_dask.mixture.covariance.factors import Factors, SingularCovarianceError
from gmm_dask.mixture.covariance.families import DIAGONAL, FULL, Diagonals, Matrices, OneMatrix, Variances
from gmm_dask.mixture.covariance.family import CovarianceFamily
from gmm_dask.mixture.covariance.structure import Structure

__all__ = ["FAMILIES", "CovarianceFamily", "Factors", "SingularCovarianceError", "Structure", "family_named"]

_TIED, _SPHERICAL = OneMatrix("tied", Structure("EEE")), Variances("spherical", Structure("VII"))
_DIAGONALS = (Diagonals(letters, Structure(letters)) for letters in ("EII", "EEI", "VEI", "EVI"))
_MATRICES = (Matrices(letters, Structure(letters)) for letters in ("VEE", "EVE", "VVE", "EEV", "VEV", "EVV"))

FAMILIES: dict[str, CovarianceFamily] = {
    family.name: family for family in (FULL, _TIED, DIAGONAL, _SPHERICAL, *_DIAGONALS, *_MATRICES)
}
"""By name: scikit-learn's four first, then the others in mclust's order."""

_BY_LETTERS = {family.structure.letters: family for family in FAMILIES.values()}


def family_named(name: str) -> CovarianceFamily:
    """The family of that name, or of mclust's name for it: VVV, EEE, VVI and VII are full, tied, diag and spherical."""
    known = _BY_LETTERS | FAMILIES
    if name not in known:
        raise UsageError(f"unknown covariance type {name!r}", advice=did_you_mean(name, known))
    return known[name]
