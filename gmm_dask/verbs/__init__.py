"""What a fitted model does with rows."""

from gmm_dask.verbs.clusters import ScoreClusters
from gmm_dask.verbs.impute import Impute, columns_with_gaps
from gmm_dask.verbs.merging import MergedComponents, merge_components
from gmm_dask.verbs.sample import publish_sample, sample_in_memory
from gmm_dask.verbs.score import Score
from gmm_dask.verbs.segments import segments, source_moments
from gmm_dask.verbs.verb import Copy, Verb, apply_in_memory, publish

__all__ = [
    "Copy",
    "Impute",
    "MergedComponents",
    "Score",
    "ScoreClusters",
    "Verb",
    "apply_in_memory",
    "columns_with_gaps",
    "merge_components",
    "publish",
    "publish_sample",
    "sample_in_memory",
    "segments",
    "source_moments",
]
