"""Merging as a job: published whole, bound to its model, and used by scoring."""

import numpy as np
import pandas as pd
import pytest

from gmm_dask.config import FitJob, MergeJob, ScoreJob
from gmm_dask.errors import BadInputError, DamagedError, UsageError
from gmm_dask.output import verify
from gmm_dask.pipeline import fit, merge, score


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cross and two round clusters, and a model of four components: the cross has two of them."""
    path = tmp_path_factory.mktemp("merging")
    rng = np.random.default_rng(0)
    arms = [(0, 0, 4, 0.3), (0, 0, 0.3, 4), (20, 0, 1, 1), (0, 20, 1, 1)]
    rows = np.concatenate([rng.normal(size=(300, 2)) * (sx, sy) + (x, y) for x, y, sx, sy in arms])
    pd.DataFrame(rows, columns=["x", "y"]).to_parquet(path / "t.parquet")
    for name, k in (("model", 4), ("other", 3)):
        job = FitJob(table={"path": str(path / "t.parquet")}, model=str(path / name), n_components=k)
        fit(job.model_copy(update={"columns": job.columns.model_copy(update={"transform": "none"})}))
    return path


def merge_job(folder, output, **options):
    table, model = {"path": str(folder / "t.parquet")}, str(folder / "model")
    return MergeJob(table=table, model=model, output=str(output), merging=options)


def score_job(folder, output, merged, model="model"):
    table = {"path": str(folder / "t.parquet")}
    return ScoreJob(table=table, model=str(folder / model), output=str(output), score={"merged": str(merged)})


def test_what_is_merged_is_published_for_every_number_of_clusters(folder, tmp_path):
    done = merge(merge_job(folder, tmp_path / "merged"))
    assert done.stage == "merge"
    assert done.summary == "4 components in 3 clusters, as suggested"
    assert (done.n_clusters, done.suggested) == (3, 3)
    assert sorted(map(len, done.segments.values())) == [1, 1, 2]
    assert verify(tmp_path / "merged").rows == 16
    table = pd.read_parquet(tmp_path / "merged")
    assert table.groupby("n_clusters")["cluster"].nunique().tolist() == [1, 2, 3, 4]
    assert table.groupby("n_clusters")["chosen"].all().tolist() == [False, False, True, False]
    sizes = table.drop_duplicates(["n_clusters", "cluster"]).groupby("n_clusters")["rows"].sum()
    assert sizes.tolist() == [1200.0] * 4
    assert [row["n_clusters"] for row in done.table] == [1, 2, 3, 4]


def test_scoring_by_it_adds_the_cluster(folder, tmp_path):
    done = merge(merge_job(folder, tmp_path / "merged"))
    score(score_job(folder, tmp_path / "scored", tmp_path / "merged"))
    scored = pd.read_parquet(tmp_path / "scored")
    assert list(scored.columns)[-2:] == ["cluster", "cluster_probability"]
    expected = scored["segment"].map({s: c for c, segments in done.segments.items() for s in segments})
    assert (scored["cluster"] == expected).mean() > 0.99
    cross = next(c for c, segments in done.segments.items() if len(segments) == 2)
    assert scored["cluster"].head(600).eq(cross).all()
    merge(merge_job(folder, tmp_path / "merged", n_clusters=1))
    score(score_job(folder, tmp_path / "scored", tmp_path / "merged"))
    again = pd.read_parquet(tmp_path / "scored")
    assert set(again["cluster"]) == {0}
    np.testing.assert_allclose(again["cluster_probability"], 1.0, rtol=0, atol=1e-12)


def test_components_of_another_model_are_refused(folder, tmp_path):
    merge(merge_job(folder, tmp_path / "merged"))
    with pytest.raises(BadInputError, match="not the merged components of this model"):
        score(score_job(folder, tmp_path / "scored", tmp_path / "merged", model="other"))
    with pytest.raises(BadInputError, match="not the merged components of this model"):
        score(score_job(folder, tmp_path / "scored", folder / "model"))
    assert not (tmp_path / "scored").exists()


def test_a_damaged_table_of_merged_components_is_refused(folder, tmp_path):
    merge(merge_job(folder, tmp_path / "merged"))
    part = next((tmp_path / "merged").glob("part-*"))
    part.write_bytes(part.read_bytes()[:-1] + b"\0")
    with pytest.raises(DamagedError):
        score(score_job(folder, tmp_path / "scored", tmp_path / "merged"))


def test_more_clusters_than_components_are_refused_and_leave_nothing(folder, tmp_path):
    with pytest.raises(UsageError, match="4 components cannot make 5 clusters"):
        merge(merge_job(folder, tmp_path / "merged", n_clusters=5))
    assert not list(tmp_path.iterdir())
