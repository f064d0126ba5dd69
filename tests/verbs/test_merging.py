"""Merged components against a dense computation on the matrix of responsibilities, mclust, and the published choice."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster

from gmm_dask import fit
from gmm_dask.engine import InProcess
from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.mixture.entropy import ambiguity, merged_by_entropy
from gmm_dask.table.source import open_source
from gmm_dask.verbs import merge_components

SCRIPT = """
suppressMessages(library(mclust))
z <- as.matrix(read.csv("z.csv", header = FALSE)); dimnames(z) <- NULL
given <- list(G = ncol(z), z = z)
found <- mclust:::combi(matrix(0, nrow(z), 1), given)
found$MclustOutput <- given
for (k in 1:ncol(z)) {
  t <- found$combiz[[k]]
  cat(k, format(-sum(mclust:::xlog(t)), digits = 17), apply(t, 1, which.max)[1:40], "\\n")
}
cat("chosen", clustCombiOptim(found)$numClusters.combi, "\\n")
"""


@pytest.fixture(scope="module")
def overlapping():
    """Six components of which a fit makes two crosses and two clusters of their own, with row weights and gaps."""
    rng = np.random.default_rng(5)
    arms = [(0, 0, 4, 0.3), (0, 0, 0.3, 4), (20, 0, 4, 0.3), (20, 0, 0.3, 4), (0, 20, 1, 1), (20, 20, 1, 1)]
    rows = np.concatenate([rng.normal(size=(400, 2)) * (sx, sy) + (x, y) for x, y, sx, sy in arms])
    return pd.DataFrame(rows, columns=["x", "y"]).sample(frac=1, random_state=1, ignore_index=True)


@pytest.fixture(scope="module")
def six(overlapping):
    return fit(overlapping, 6, columns={"transform": "none"}, n_init=12)


def responsibilities_of(model, frame):
    """(K, n), component by component, as scoring gives them."""
    scores = model.score(frame, probabilities=True)
    return scores[[f"probability_{label}" for label in model.labels]].to_numpy().T


def test_two_crosses_are_two_clusters(six, overlapping):
    merged = six.merge(overlapping)
    assert merged.suggested == merged.n_clusters == 4
    assert sorted(map(len, merged.segments_of().values())) == [1, 1, 2, 2]
    centres = six.model.parameters.means + [t.shift for _, t in six.model.preparation.transforms]
    for segments in merged.segments_of().values():
        assert np.ptp(centres[segments], axis=0).max() < 1
    assert merged.table["rows_merged"].tolist()[3:5] == pytest.approx([800, 800], abs=20)


def test_every_level_is_that_of_the_matrix_of_responsibilities(six, overlapping):
    r = responsibilities_of(six, overlapping)
    expected = merged_by_entropy(6, lambda labels, of: ambiguity(r, None, labels, of))
    found = six.merge(overlapping).hierarchy
    for level, other in zip(found.levels, expected.levels, strict=True):
        np.testing.assert_array_equal(level.labels, other.labels)
        np.testing.assert_array_equal(level.sizes, other.sizes)
        assert level.entropy == pytest.approx(other.entropy, rel=1e-9, abs=1e-9)


def test_mclust_merges_the_same(six, overlapping, tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("needs R")
    np.savetxt(tmp_path / "z.csv", responsibilities_of(six, overlapping).T, delimiter=",", fmt="%.17g")
    (tmp_path / "script.R").write_text(SCRIPT)
    done = subprocess.run(["Rscript", "script.R"], cwd=tmp_path, capture_output=True, text=True)
    if "there is no package called" in done.stderr:
        pytest.skip("needs R's package mclust")
    assert done.returncode == 0, done.stderr
    *levels, chosen = (line.split() for line in done.stdout.splitlines())
    merged = six.merge(overlapping)
    assert merged.suggested == int(chosen[1])
    for level, (k, entropy, *labels) in zip(merged.hierarchy.levels, levels, strict=True):
        assert level.n_clusters == int(k)
        assert level.entropy == pytest.approx(float(entropy), rel=1e-8, abs=1e-8)
        ours = six.score(overlapping.head(40), merged=merged.with_clusters(int(k)))["cluster"]
        assert pd.crosstab(ours, np.array(labels)).gt(0).sum(axis=1).max() == 1  # the same groups by other numbers
        assert pd.crosstab(ours, np.array(labels)).gt(0).sum(axis=0).max() == 1


@pytest.mark.parametrize("name", ["baudry_ex4_1"])
def test_the_published_number_of_clusters(shared_data, name):
    """Baudry et al. 2010, section 4.1: six components by BIC, four clusters by entropy."""
    frame = pd.read_csv(shared_data / f"{name}.csv.gz")
    six = fit(frame, 6, columns={"transform": "none"})
    assert six.model.training.log_likelihood == pytest.approx(-1951.284, abs=0.001)
    assert six.merge(frame).n_clusters == 4


def test_a_cluster_has_the_probability_of_its_components_together(six, overlapping):
    merged = six.merge(overlapping)
    r = responsibilities_of(six, overlapping)
    sums = np.stack([r[np.array(merged.clusters) == cluster].sum(axis=0) for cluster in range(4)])
    scores = six.score(overlapping, merged=merged, prefix="my_")
    assert list(scores.columns[-2:]) == ["my_cluster", "my_cluster_probability"]
    np.testing.assert_array_equal(scores["my_cluster"].astype(int), sums.argmax(axis=0))
    np.testing.assert_allclose(scores["my_cluster_probability"], sums.max(axis=0), atol=1e-12)
    assert np.all(scores["my_cluster_probability"] >= scores["my_segment_probability"] - 1e-12)
    pd.testing.assert_frame_equal(scores.iloc[:, :-2], six.score(overlapping, prefix="my_"))


def test_rows_with_gaps_do_not_merge_but_are_scored(six, overlapping):
    gaps = overlapping.copy()
    gaps.loc[::7, "x"] = np.nan
    gaps.loc[0, "y"] = np.nan
    merged, expected = six.merge(gaps), six.merge(gaps.dropna())
    np.testing.assert_allclose(merged.hierarchy.entropies, expected.hierarchy.entropies, rtol=1e-10, atol=1e-10)
    scores = six.score(gaps, merged=merged)
    assert scores["cluster"].isna().tolist() == [True] + [False] * (len(gaps) - 1)
    with pytest.raises(BadInputError, match="no row has a value in every modelled column"):
        six.merge(overlapping.assign(x=np.nan))


def test_weight_two_is_the_row_twice(overlapping):
    frame = overlapping.assign(w=1.0 + np.arange(len(overlapping)) % 2)
    weighted = fit(frame, 6, columns={"weight": "w", "transform": "none"}, n_init=12)
    doubled = frame.loc[frame.index.repeat(frame["w"].astype(int))].assign(w=1.0)
    found, expected = weighted.merge(frame).hierarchy, weighted.merge(doubled).hierarchy
    np.testing.assert_allclose(found.entropies, expected.entropies, rtol=1e-10, atol=1e-10)
    for level, other in zip(found.levels, expected.levels, strict=True):
        np.testing.assert_array_equal(level.labels, other.labels)
        np.testing.assert_array_equal(level.sizes, other.sizes)


class Counting:
    """How often an engine is asked for a pass."""

    def __init__(self):
        self.engine, self.passes = InProcess(), 0

    def map_reduce(self, *arguments):
        self.passes += 1
        return self.engine.map_reduce(*arguments)


def test_passes_are_one_less_than_components(six, overlapping):
    engine = Counting()
    merge_components(six.model, open_source(overlapping), engine)
    assert engine.passes == 5


def test_the_same_bits_wherever_passes_run(six, tmp_path):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(6 * rng.normal(size=(70_000, 2)) + 8, columns=["x", "y"])
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=9000)
    source = open_source(str(tmp_path / "t.parquet"))
    found = [merge_components(six.model, source, InProcess(threads)).hierarchy for threads in (1, 2)]
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        found.append(six.merge(str(tmp_path / "t.parquet"), client=client).hierarchy)
    assert len({hierarchy.entropies.tobytes() for hierarchy in found}) == 1
    assert len({b"".join(level.labels.tobytes() for level in hierarchy.levels) for hierarchy in found}) == 1
    assert pq.read_metadata(tmp_path / "t.parquet").num_row_groups > 4


@pytest.mark.parametrize("n_clusters", [0, 7, -1, 2.5, True])
def test_numbers_of_clusters_that_cannot_be(six, overlapping, n_clusters):
    with pytest.raises(UsageError, match="cluster"):
        six.merge(overlapping, n_clusters)


def test_any_number_can_be_chosen(six, overlapping):
    merged = six.merge(overlapping, 2)
    assert merged.n_clusters == 2
    assert merged.suggested == 4
    assert set(six.score(overlapping, merged=merged)["cluster"]) == {0, 1}
    assert merged.table.query("chosen")["n_clusters"].tolist() == [2]
    with pytest.raises(UsageError, match="6 components cannot make 7 clusters"):
        merged.with_clusters(7)


def test_components_of_another_model_are_refused(six, overlapping):
    two = fit(overlapping, 2, columns={"transform": "none"})
    with pytest.raises(BadInputError, match="clusters of 6 components"):
        two.score(overlapping, merged=six.merge(overlapping))


def test_the_plot_shows_every_level_and_rings_the_chosen(six, overlapping):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    merged = six.merge(overlapping, 3)
    axes = merged.plot()
    line, ring = axes.get_lines()
    np.testing.assert_array_equal(line.get_ydata(), merged.hierarchy.entropies)
    assert list(ring.get_xdata()) == [3]
    assert merged.plot(ax=axes) is axes
    matplotlib.pyplot.close("all")
