"""What a model keeps of the rows behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gmm_dask.em import MaximumAPosteriori, MaximumLikelihood
from gmm_dask.em.flaws import FEWEST_ROWS
from gmm_dask.mixture import SufficientStatistics


@dataclass(frozen=True)
class Basis:
    """What learning from further rows goes on from, without the rows before.

    `statistics`: after a fit those of its final parameters; after an update those that the parameters were made of, in
    which the rows before count as far as they are remembered. `estimation`: how parameters come of them. All in model
    units.
    """

    statistics: SufficientStatistics
    estimation: MaximumLikelihood | MaximumAPosteriori

    def ordered(self, order: np.ndarray) -> Basis:
        """For a mixture of components in another order, or of some of them: see `MixtureParameters.ordered`."""
        statistics = self.statistics
        moments, centres = statistics.moments[order], statistics.centres[order]
        return replace(self, statistics=replace(statistics, moments=moments, centres=centres))


def inhabited(statistics: SufficientStatistics) -> np.ndarray:
    """Indices of the components that hold rows enough to be a group: `FEWEST_ROWS` of average weight."""
    return np.flatnonzero(statistics.counts * statistics.n_rows >= FEWEST_ROWS * statistics.weight)
