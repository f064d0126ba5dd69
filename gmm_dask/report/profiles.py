"""What sets segments apart, column by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_dask.mixture import Float
from gmm_dask.model import MixtureModel
from gmm_dask.verbs import source_moments


@dataclass(frozen=True)
class Profiles:
    """Shares (k,), means and standard deviations (k, d) of segments, and (d,) of the whole mixture, in source units."""

    columns: tuple[str, ...]
    shares: Float
    means: Float
    sds: Float
    whole_means: Float
    whole_sds: Float

    @classmethod
    def of(cls, model: MixtureModel) -> Profiles:
        """The moments of a mixture follow from those of its components: the variance is that within plus between."""
        shares = model.parameters.weights
        means, sds = source_moments(model)
        whole_means = shares @ means
        whole_sds = np.sqrt(shares @ (sds**2 + (means - whole_means) ** 2))
        return cls(tuple(model.columns), shares, means, sds, whole_means, whole_sds)

    @property
    def contrasts(self) -> Float:
        """(k, d) segment mean minus mean of the whole, in its standard deviations; 0 for a column that is constant."""
        differences = self.means - self.whole_means
        return np.divide(differences, self.whole_sds, out=np.zeros_like(differences), where=self.whole_sds > 0)
