import pickle
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gmm_dask.table import shards as planning
from gmm_dask.table.shards import FEWEST_ROWS, FEWEST_SHARDS, cut_points, plan_shards, reading_notes, rows_per_shard
from gmm_dask.table.source import open_source
from gmm_dask.table.source.layout import Layout

PIECES = st.lists(st.sampled_from([0, 1, 2, 3, 10, 50, 90, 160, 1_000, 20_000]), max_size=40)


def plan(pieces, target):
    layout = Layout.of(pieces)
    return layout, cut_points(layout.n_rows, layout.breaks, target)


@given(PIECES, st.integers(1, 400))
@example([150, 1], 100)
@example([99, 1], 100)
@example([1, 1_000, 1], 100)
def test_shards_cover_all_rows_once_and_are_of_like_size(pieces, target):
    layout, cuts = plan(pieces, target)
    assert (cuts[0], cuts[-1]) == (0, layout.n_rows)
    sizes = np.diff(cuts)
    assert (sizes > 0).all()
    assert (sizes <= target + target // 2).all()
    assert (sizes >= min(target // 2, layout.n_rows)).all()


@given(PIECES, st.integers(1, 400))
def test_cuts_are_at_a_break_when_one_is_near_and_from_a_break_at_the_nearest(pieces, target):
    layout, cuts = plan(pieces, target)
    least, most = max(1, target // 2), target + target // 2
    # A break that leaves too little for the last shard does not count.
    breaks = [place for place in layout.breaks.tolist() if place <= layout.n_rows - least] + [layout.n_rows]
    for start, cut in pairwise(cuts):
        distances = {place: abs(place - start - target) for place in breaks if least <= place - start <= most}
        assert not distances or cut in distances
        assert not distances or start not in breaks or distances[cut] == min(distances.values())


@given(PIECES, st.integers(1, 400))
def test_within_a_large_piece_cuts_are_even(pieces, target):
    layout, cuts = plan(pieces, target)
    for begin, end in pairwise(layout.breaks.tolist()):
        inner = [cut for cut in cuts if begin < cut < end]
        sizes = np.diff(inner)
        assert sizes.size == 0 or sizes.max() - sizes.min() <= 1


def test_pieces_of_the_target_are_shards():
    _, cuts = plan([100] * 7, 100)
    assert cuts == [0, 100, 200, 300, 400, 500, 600, 700]


def test_a_giant_among_dwarfs_is_cut_from_its_first_row_to_its_last():
    _, cuts = plan([1] * 250 + [1_000] + [1] * 250, 100)
    assert cuts == [0, 100, 200, 250, *range(350, 1251, 100), 1_350, 1_450, 1_500]


@pytest.mark.parametrize(
    "pieces", [[50] * 20_000, [1] * 10**6, [50_000_000] * 20, [7] * 10_000 + [60_000_000] + [7] * 10_000]
)
def test_planning_is_linear_in_pieces_and_shards(pieces, monkeypatch):
    """Counted are the pieces that narrowing to the shards touches, and the searches that cutting needs."""
    layout = Layout.of(pieces)
    searches = []
    search = np.searchsorted
    monkeypatch.setattr(
        planning.np, "searchsorted", lambda *args, **named: searches.append(1) or search(*args, **named)
    )
    cuts = cut_points(layout.n_rows, layout.breaks, rows_per_shard(layout.n_rows, 80))
    monkeypatch.undo()
    n_shards = len(cuts) - 1
    assert len(searches) <= 2 * n_shards
    parts = [layout.narrowed(start, stop) for start, stop in pairwise(cuts)]
    assert sum(part.edges.size - 1 for _, part in parts) <= len(pieces) + n_shards
    assert sum(part.n_rows for _, part in parts) == layout.n_rows


@given(st.integers(1, 10**12), st.integers(1, 10**6))
def test_small_tables_are_cut_for_parallel_work(n_rows, bytes_per_row):
    target = rows_per_shard(n_rows, bytes_per_row)
    assert target >= 1
    assert target * bytes_per_row <= max(planning.SHARD_BYTES, bytes_per_row)
    if n_rows * bytes_per_row <= FEWEST_SHARDS * planning.SHARD_BYTES and target > FEWEST_ROWS:
        assert -(-n_rows // target) <= FEWEST_SHARDS


@pytest.fixture
def giant(tmp_path):
    """80 rows in one row group."""
    pq.write_table(pa.table({"x": np.arange(80.0), "y": np.arange(80)}), tmp_path / "giant.parquet")
    return open_source(tmp_path)


@pytest.fixture
def tens(monkeypatch):
    """Shards of ten rows of two numbers."""
    monkeypatch.setattr(planning, "SHARD_BYTES", 160)


def test_shards_hold_the_rows_of_the_table(giant, tens):
    shards = plan_shards(giant)
    assert [(shard.number, shard.start, shard.n_rows) for shard in shards] == [(k, 10 * k, 10) for k in range(8)]
    for shard in pickle.loads(pickle.dumps(shards)):
        assert shard.read(["x"]) == giant.read(shard.start, shard.start + 10, ["x"])
        batches = list(shard.batches(["y"], rows=4))
        assert [batch.num_rows for batch in batches] == [4, 4, 2]
        assert pa.concat_tables(batches) == shard.read(["y"])
        assert shard.where == giant.where(shard.start, shard.start + 10)


def test_a_table_that_is_decoded_many_times_over_is_told(giant, tens, monkeypatch):
    assert reading_notes(plan_shards(giant)) == []
    monkeypatch.setattr(planning, "WORTH_TELLING_BYTES", 280 * 16)  # the rows before 10, 20 and so on to 70
    (note,) = reading_notes(plan_shards(giant))
    assert "4.5 times" in note
    assert "at most 10 rows" in note


def test_a_table_in_memory_or_in_small_row_groups_is_never_told(giant, tens, monkeypatch, tmp_path):
    monkeypatch.setattr(planning, "WORTH_TELLING_BYTES", 1)
    table = giant.read(0, 80)
    assert reading_notes(plan_shards(open_source(table))) == []
    pq.write_table(table, tmp_path / "giant.parquet", row_group_size=10)
    assert reading_notes(plan_shards(open_source(tmp_path))) == []
