"""One pass over today: what it comes to, step by step; what it costs; what it refuses and what it tells."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster

from gmm_dask import GaussianMixture, fit, load_model
from gmm_dask.engine import InProcess, OnCluster
from gmm_dask.errors import BadInputError, GmmDaskWarning, UsageError
from gmm_dask.mixture import Block, compile_candidates, sweep_block
from gmm_dask.table.source import MemorySource, open_source
from gmm_dask.table.source.parquet import ParquetSource
from gmm_dask.updating import combined, counting, update_source

PLAIN = {"transform": "none", "continuous": ["x", "y"]}


def make_table(n, seed, *, moved=0.0, groups=(0, 1, 2)):
    """Rows of three groups, ten standard deviations apart, unequal in size and shape."""
    rng = np.random.default_rng(seed)
    group = rng.choice(
        groups, n, p=np.array([0.5, 0.3, 0.2])[list(groups)] / np.array([0.5, 0.3, 0.2])[list(groups)].sum()
    )
    centres, widths = np.array([[0, 0], [12, 4], [-3, 14]]), np.array([1.0, 1.5, 0.7])
    rows = centres[group] + widths[group, None] * rng.normal(size=(n, 2)) + moved
    return pd.DataFrame(rows, columns=["x", "y"])


@pytest.fixture(scope="module")
def yesterday():
    return make_table(3000, 0)


@pytest.fixture(scope="module")
def model(yesterday):
    return fit(yesterday, 3, columns=PLAIN)


def seen_by(model, table, weights=None):
    """The statistics of a table by a model's parameters, in model units."""
    z = [transform.forward(table[name].to_numpy()) for name, transform in model.model.preparation.transforms]
    (statistics,) = sweep_block(compile_candidates([model.model.parameters]), Block(np.stack(z), weights))
    return statistics


def assert_parameters(model, expected):
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(
            getattr(model.model.parameters, name), getattr(expected, name), rtol=1e-9, atol=1e-12
        )


class TestLaws:
    """The identities behind it."""

    @pytest.mark.parametrize(
        ("family", "prior"),
        [("full", "none"), ("tied", "none"), ("diag", "none"), ("spherical", "none"), ("VEV", "none"),
         ("full", "inverse-wishart")],
    )  # fmt: skip
    def test_by_default_it_is_one_step_over_both_tables_together(self, yesterday, family, prior):
        """After a fit, whose statistics are those of its final parameters."""
        model, today = fit(yesterday, 3, family, columns=PLAIN, prior=prior), make_table(1000, 1)
        both = seen_by(model, pd.concat([yesterday, today]))
        expected = model.model.basis.estimation.step(both, model.model.parameters)
        updated = model.update(today)
        assert_parameters(updated, expected)
        statistics = updated.model.basis.statistics
        np.testing.assert_allclose(statistics.moments, both.moments, rtol=1e-9, atol=1e-6)
        assert (statistics.weight, statistics.n_rows) == (4000, 4000)
        assert statistics.log_likelihood == pytest.approx(both.log_likelihood, rel=1e-12)

    def test_forgetting_everything_is_one_step_over_the_new_table(self, model):
        today = make_table(1000, 1)
        basis, parameters = model.model.basis, model.model.parameters
        expected = basis.estimation.step(seen_by(model, today), parameters)
        assert_parameters(model.update(today, forgetting=1), expected)

    def test_the_forgetting_factor_is_the_share_of_the_new_rows(self, model):
        """Whatever the sizes of the tables: means of means, by the definition of stepwise EM."""
        today, gamma = make_table(100, 1), 0.25
        old, new = model.model.basis.statistics, seen_by(model, today)
        mean = 0.75 * old.about(new.centres).moments / old.weight + gamma * new.moments / new.weight
        statistics = model.update(today, forgetting=gamma).model.basis.statistics
        np.testing.assert_allclose(statistics.moments / statistics.weight, mean, rtol=1e-10, atol=1e-12)

    def test_many_small_steps_remember_as_many_rows_as_their_mean_is_worth(self):
        """An exponentially weighted mean of n rows a step is worth n (2 - gamma) / gamma rows (Kish 1965)."""
        weight, gamma = 1000.0, 0.1
        for _ in range(300):
            old, new = counting(weight, 1000.0, gamma)
            weight = old * weight + new * 1000
        assert weight == pytest.approx(1000 * 1.9 / 0.1)
        share = 1000 / (5000 + 1000)
        assert counting(5000.0, 1000.0, share) == pytest.approx((1, 1))

    def test_statistics_about_other_centres_are_brought_together(self, model):
        old, new = model.model.basis.statistics, seen_by(model, make_table(50, 2))
        centres = np.array([[5.0, -1.0], [2.0, 0.5], [100.0, 0.0]])
        apart = combined(old, new.about(centres), (1.0, 2.0))
        np.testing.assert_array_equal(apart.centres, centres)
        np.testing.assert_allclose(
            apart.about(new.centres).moments, combined(old, new, (1.0, 2.0)).moments, rtol=1e-9, atol=1e-5
        )

    def test_the_same_table_leaves_a_converged_model_where_it_is(self, yesterday):
        model = fit(yesterday, 3, columns=PLAIN, tol=1e-12)
        with pytest.warns(GmmDaskWarning, match="count once more"):
            again = model.update(yesterday)
        np.testing.assert_allclose(again.model.parameters.means, model.model.parameters.means, atol=1e-4)
        assert again.model.training.criteria["bic"] > 2 * model.model.training.criteria["aic"] - 100

    def test_components_in_another_order_are_updated_alike(self, model):
        from gmm_dask.fitted import FittedMixture

        today = make_table(500, 3)
        turned = FittedMixture(model.model.ordered(np.array([2, 0, 1])))
        straight, other = model.update(today).model.parameters, turned.update(today).model.parameters
        np.testing.assert_allclose(other.means, straight.means[[2, 0, 1]], rtol=1e-9)

    def test_weights_count_rows(self, yesterday):
        rng = np.random.default_rng(4)
        today = make_table(800, 4).assign(w=rng.integers(0, 3, 800).astype(float))
        model = fit(yesterday.assign(w=1.0), 3, columns=PLAIN | {"weight": "w"})
        repeated = today.loc[today.index.repeat(today["w"].astype(int))].assign(w=1.0)
        weighted, expected = model.update(today), model.update(repeated)
        assert_parameters(weighted, expected.model.parameters)
        assert weighted.model.basis.statistics.weight == expected.model.basis.statistics.weight

    def test_ten_days_are_as_good_as_one_fit_over_all(self):
        days = [make_table(1000, seed) for seed in range(10)]
        model = fit(days[0], 3, columns=PLAIN)
        for day in days[1:]:
            model = model.update(day)
        whole = fit(pd.concat(days), 3, columns=PLAIN, previous=model)
        assert whole.labels == model.labels == (0, 1, 2)
        assert max(whole.changes.kept.values()) < 1e-4
        assert model.model.training.updates == 9
        assert (model.model.training.n_rows, model.model.basis.statistics.weight) == (10_000, 10_000)
        assert model.model.training.log_likelihood == pytest.approx(whole.model.training.log_likelihood, rel=1e-3)

    @pytest.mark.filterwarnings("ignore:the mean log-likelihood")
    def test_forgetting_follows_groups_that_move(self):
        remembering = forgetting = fit(make_table(1000, 0), 3, columns=PLAIN)
        for day in range(1, 11):
            today = make_table(1000, day, moved=0.2 * day)
            remembering, forgetting = remembering.update(today), forgetting.update(today, forgetting=0.6)
        where = [each.segments()["x mean"].iloc[0] for each in (remembering, forgetting)]
        assert where[0] == pytest.approx(1.0, abs=0.25)  # the mean of eleven days
        assert where[1] == pytest.approx(2.0, abs=0.25)  # the last few
        assert forgetting.labels == (0, 1, 2)


class TestCost:
    """One pass, whatever the engine."""

    @pytest.fixture
    def read(self, monkeypatch):
        """Rows read from tables in memory and from Parquet: (source, first row of a batch, rows)."""
        batches = []
        for kind in (MemorySource, ParquetSource):
            original = kind._batches

            def counted(self, start, stop, columns, rows, original=original):
                for table in original(self, start, stop, columns, rows):
                    batches.append((table.num_rows, tuple(columns)))
                    yield table

            monkeypatch.setattr(kind, "_batches", counted)
        return batches

    def test_every_row_is_read_once_and_nothing_else(self, model, read, tmp_path):
        today = make_table(150_000, 1).assign(other="text")
        today.to_parquet(tmp_path / "today.parquet", row_group_size=40_000)
        updated = model.update(tmp_path / "today.parquet")
        assert sum(rows for rows, _ in read) == 150_000
        assert {columns for _, columns in read} == {("x", "y")}
        assert len(read) <= 16
        assert updated.model.training.n_rows == 153_000

    def test_no_row_is_held(self, model, monkeypatch):
        monkeypatch.setattr(InProcess, "keep", lambda *_: pytest.fail("rows were kept"))
        assert model.update(make_table(100_000, 1)).labels == (0, 1, 2)

    def test_the_bits_are_the_same_on_any_engine(self, model):
        source = open_source(make_table(60_000, 1))
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            engines = [InProcess(1), InProcess(3), OnCluster(client)]
            results = [update_source(model.model, source, engine, forgetting=0.3).model for engine in engines]
        for other in results[1:]:
            assert other.parameters.covariances.tobytes() == results[0].parameters.covariances.tobytes()
            assert other.basis.statistics.moments.tobytes() == results[0].basis.statistics.moments.tobytes()
            assert other.training == results[0].training


class TestRecord:
    """What the model says of itself thereafter."""

    def test_the_training_counts_all_tables(self, model):
        today = make_table(1000, 1)
        today.loc[:49, "x"] = np.nan
        today.loc[40:59, "y"] = np.nan
        with pytest.warns(GmmDaskWarning, match="60 of 1,000 rows have a gap"):
            updated = model.update(today, forgetting=0.5)
        training = updated.model.training
        assert (training.n_rows, training.n_complete, training.weight) == (4000, 3940, 3940)
        assert training.missing == {"x": 50, "y": 20}
        assert (training.outcome, training.n_iter, training.updates) == ("converged", model.model.training.n_iter, 1)
        update = updated.model.provenance["update"]
        assert (update["rows"], update["forgetting"]) == (940, 0.5)
        assert update["source_fingerprint"] == open_source(today).fingerprint
        assert updated.model.provenance["source_fingerprint"] == model.model.provenance["source_fingerprint"]
        assert model.model.training.updates == 0

    def test_columns_that_are_not_read_keep_the_gaps_of_the_fit(self, yesterday):
        frame = yesterday.assign(note=np.where(yesterday.index % 2, "a", None))
        model = fit(frame, 3, columns=PLAIN)
        assert model.update(make_table(100, 1)).model.training.missing["note"] == 1500

    def test_log_likelihoods_are_in_source_units(self, yesterday):
        """By the sum of the scores of all rows with the parameters that they were seen with."""
        model, today = fit(yesterday, 3), make_table(500, 1)
        assert {transform.kind for _, transform in model.model.preparation.transforms} == {"standardise", "yeo-johnson"}
        expected = model.score(pd.concat([yesterday, today]))["log_density"].sum()
        assert model.update(today).model.training.log_likelihood == pytest.approx(expected, rel=1e-9)

    def test_the_range_observed_grows_and_stays_exact(self, model):
        """Over batches and shards."""
        today = make_table(80_000, 1)
        today.loc[[7, 79_999], "x"] = [40.0, -40.0]
        today.loc[[9, 40_000], "y"] = [-50.0, 60.0]
        after = dict(model.update(today).model.preparation.transforms)
        before = dict(model.model.preparation.transforms)
        assert [(after[name].lowest, after[name].highest) for name in ("x", "y")] == [(-40, 40), (-50, 60)]
        assert (after["x"].shift, after["x"].scale) == (before["x"].shift, before["x"].scale)
        same = dict(model.update(make_table(10, 1) / 100).model.preparation.transforms)
        assert (same["x"].lowest, same["x"].highest) == (before["x"].lowest, before["x"].highest)

    def test_float32_rows_are_swept_as_such(self, model):
        today = make_table(500, 1)
        narrow = model.update(today.astype(np.float32))
        np.testing.assert_allclose(narrow.model.parameters.means, model.update(today).model.parameters.means, atol=1e-5)


class TestNotes:
    """What a user should know."""

    def test_a_table_like_those_before_needs_no_words(self, model):
        updated = model.update(make_table(400, 1))  # warnings are errors
        assert updated.labels == (0, 1, 2)
        assert set(updated.changes.kept) == {0, 1, 2}

    def test_a_table_that_looks_different(self, model):
        with pytest.warns(GmmDaskWarning, match=r"nats a row below that of the rows before"):
            model.update(make_table(400, 1, moved=1.0))

    def test_a_segment_without_rows_vanishes_and_its_number_is_not_given_again(self, model):
        with pytest.warns(GmmDaskWarning, match="segment 1 vanished"):
            updated = model.update(make_table(1000, 1, groups=(0, 2)), forgetting=1)
        assert updated.labels == (0, 2)
        assert updated.segments()["segment"].tolist() == [0, 2]
        assert updated.model.parameters.weights.sum() == pytest.approx(1)
        scores = updated.score(make_table(100, 2, groups=(0, 2)), probabilities=True)
        assert set(scores["segment"]) == {0, 2}
        np.testing.assert_allclose(scores["probability_0"] + scores["probability_2"], 1)

    def test_while_anything_is_remembered_of_a_segment_it_stays(self, model):
        updated = model.update(make_table(1000, 1, groups=(0, 2)), forgetting=0.9)
        assert updated.labels == (0, 1, 2)
        assert updated.model.parameters.weights[1] < 0.05

    def test_an_unsound_mixture_is_called_so(self):
        """Five rows are too few for the covariances of a segment in eight columns."""
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(600, 8)) + np.repeat([[0.0], [30.0]], 300, axis=0)
        model = fit(pd.DataFrame(rows, columns=list("abcdefgh")), 2, columns={"transform": "none"})
        with pytest.warns(GmmDaskWarning) as caught:
            updated = model.update(pd.DataFrame(rows[295:], columns=list("abcdefgh")), forgetting=1)
        assert any("underdetermined: The rows are too few" in str(each.message) for each in caught)
        assert updated.model.training.outcome == "underdetermined"


class TestFaults:
    """What it refuses, with the reason."""

    def test_a_model_without_statistics(self, yesterday, tmp_path):
        GaussianMixture(3, random_state=0).fit(yesterday).save(tmp_path / "estimator")
        with pytest.raises(UsageError, match=r"keeps no statistics.*with this model as the start"):
            load_model(tmp_path / "estimator").update(yesterday)

    @pytest.mark.parametrize("forgetting", [0, -0.1, 1.1, np.nan, "a"])
    def test_a_forgetting_factor_that_is_none(self, model, yesterday, forgetting):
        with pytest.raises(UsageError, match="forgetting"):
            model.update(yesterday, forgetting=forgetting)

    def test_other_columns(self, model, yesterday):
        with pytest.raises(BadInputError, match=r"no column 'y'.*Did you mean 'yy'"):
            model.update(yesterday.rename(columns={"y": "yy"}))
        with pytest.raises(BadInputError, match="column 'y': the type is"):
            model.update(yesterday.assign(y="text"))

    def test_an_empty_table(self, model, tmp_path):
        pq.write_table(
            pa.table({"x": pa.array([], pa.float64()), "y": pa.array([], pa.float64())}), tmp_path / "t.parquet"
        )
        with pytest.raises(BadInputError, match="no rows"):
            model.update(tmp_path / "t.parquet")

    def test_no_complete_row(self, model, yesterday):
        with pytest.raises(
            BadInputError, match="none of 3000 rows has a value in every modelled column; 'y' misses 3000"
        ):
            model.update(yesterday.assign(y=np.nan))

    def test_weights(self, yesterday):
        model = fit(yesterday.assign(w=1.0), 3, columns=PLAIN | {"weight": "w"})
        with pytest.raises(BadInputError, match="0 columns are named 'w', by which the model weighs rows"):
            model.update(yesterday)
        with pytest.raises(BadInputError, match="column 'w': the type is"):
            model.update(yesterday.assign(w="1"))
        with pytest.raises(BadInputError, match="complete rows have weight 0"):
            model.update(yesterday.assign(w=0.0))
        with pytest.raises(BadInputError, match="not negative"):
            model.update(yesterday.assign(w=-1.0))

    def test_too_few_rows_to_be_all_that_is_remembered(self, model, yesterday):
        with pytest.raises(BadInputError, match="those before are forgotten"):
            model.update(yesterday.head(1), forgetting=1)
        assert model.update(yesterday.head(1)).labels == (0, 1, 2)

    def test_values_outside_the_domain_of_a_curve(self):
        x = np.exp(np.random.default_rng(0).normal(size=500))
        model = fit(pd.DataFrame({"x": x}), 1, columns={"transform": "log1p"})
        with pytest.raises(BadInputError, match="not above -1"):
            model.update(pd.DataFrame({"x": [-2.0, 1.0, 3.0]}))
