import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_dask.table.source import BATCH_ROWS
from gmm_dask.table.source.layout import Layout


@st.composite
def layouts_with_ranges(draw):
    rows = draw(st.lists(st.integers(0, 5), max_size=8))
    start, stop = sorted(draw(st.tuples(*[st.integers(0, sum(rows))] * 2)))
    return rows, start, stop


def numbered(layout, pieces):
    """The row numbers that a layout's stretches select from these pieces."""
    return [
        row
        for stretch in layout.stretches(0, layout.n_rows)
        for row in pieces[stretch.piece][stretch.start : stretch.stop]
    ]


@given(layouts_with_ranges())
def test_stretches_and_narrowing_select_the_rows_of_the_range(case):
    rows, start, stop = case
    ends = np.cumsum(rows).tolist()
    pieces = [list(range(end - length, end)) for end, length in zip(ends, rows, strict=True)]
    layout = Layout.of(rows)
    wanted = list(range(start, stop))

    stretches = list(layout.stretches(start, stop))
    assert [row for s in stretches for row in pieces[s.piece][s.start : s.stop]] == wanted
    assert all(s.start < s.stop for s in stretches)

    kept, narrowed = layout.narrowed(start, stop)
    assert narrowed.n_rows == stop - start
    assert numbered(narrowed, pieces[kept]) == wanted

    again, twice = narrowed.narrowed(0, len(wanted) // 2)
    assert numbered(twice, pieces[kept][again]) == wanted[: len(wanted) // 2]


@given(layouts_with_ranges())
def test_breaks_rise_from_0_to_n_rows(case):
    rows, start, stop = case
    _, narrowed = Layout.of(rows).narrowed(start, stop)
    inner = [end - start for end in np.cumsum(rows).tolist() if start < end < stop]
    assert narrowed.breaks.tolist() == sorted({0, *inner, stop - start})
    assert narrowed.breaks.dtype == np.int64


@pytest.mark.parametrize(
    ("n_rows", "pieces"),
    [(1, [1]), (BATCH_ROWS, [BATCH_ROWS]), (BATCH_ROWS + 1, [BATCH_ROWS, 1])],
)
def test_a_regular_layout_has_full_pieces_and_a_rest(n_rows, pieces):
    assert np.diff(Layout.regular(n_rows).edges).tolist() == pieces
