"""The tree and the placement as functions: any division of the shards gives the same; workers sweep what they hold."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_dask.engine.placement import SHARDS_PER_TASK, TASKS_PER_THREAD, batches, moves, place, spread
from gmm_dask.engine.reduction import join, merge_tree, root


def bracketed(left, right):
    return f"({left} {right})"


def test_the_tree():
    assert merge_tree(list("abcdefg"), bracketed) == "(((a b) (c d)) ((e f) g))"


@given(st.data(), st.integers(1, 40))
def test_any_division_of_the_shards_gives_the_same_tree(data, n):
    part_of = data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    parts = [
        join(({(0, number): str(number)} for number in range(n) if part_of[number] == part), n, bracketed)
        for part in data.draw(st.permutations(range(6)))
    ]
    middle = data.draw(st.integers(0, 6))
    joined = [join(parts[:middle], n, bracketed), join(parts[middle:], n, bracketed)]
    assert root(join(joined, n, bracketed), n) == merge_tree([str(number) for number in range(n)], bracketed)


@pytest.mark.parametrize(("first", "last"), [(0, 64), (64, 128), (5, 100), (127, 128)])
def test_neighbours_leave_few_nodes(first, last):
    """What a task hands on: no more than two nodes of each height."""
    nodes = join(({(0, number): 1} for number in range(first, last)), 128, int.__add__)
    assert sum(nodes.values()) == last - first
    assert max(Counter(height for height, _ in nodes).values()) <= 2


def test_a_shard_that_is_missing_is_not_overlooked():
    with pytest.raises(KeyError):
        root(join([{(0, 0): "a"}, {(0, 2): "c"}], 3, bracketed), 3)


def test_shards_are_spread_in_runs_in_proportion_to_threads():
    homes = spread(16, {"a": 1, "b": 3})
    assert homes == ["a"] * 4 + ["b"] * 12
    assert set(spread(2, {"a": 1, "b": 1, "c": 1})) <= {"a", "b", "c"}


threads = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9), min_size=1)


@given(st.data(), threads, st.integers(1, 300))
def test_tasks_take_each_shard_once_and_never_from_two_workers(data, threads, n):
    homes = data.draw(st.lists(st.sampled_from([None, *threads]), min_size=n, max_size=n))
    tasks = batches(homes, threads)
    assert sorted(number for task in tasks for number in task) == list(range(n))
    assert all(len({homes[number] for number in task}) == 1 for task in tasks)
    assert max(map(len, tasks)) <= SHARDS_PER_TASK


@given(threads, st.integers(1, 3000))
def test_threads_are_evenly_busy(threads, n):
    """Shards where they were first put: no thread has to sweep more than a worker's even share, rounded up."""
    homes = spread(n, threads)
    tasks = batches(homes, threads)
    shards = Counter(homes)
    for worker, n_threads in threads.items():
        sizes = sorted((len(task) for task in tasks if homes[task[0]] == worker), reverse=True)
        assert len(sizes) >= min(shards[worker], n_threads)
        assert not sizes or sizes[0] - sizes[-1] <= 1
        assert shards[worker] < 2 * TASKS_PER_THREAD * n_threads or len(sizes) >= TASKS_PER_THREAD * n_threads
        assert len(sizes) == shards[worker] or len(sizes) % n_threads == 0


def test_few_shards_are_tasks_of_their_own():
    assert batches(spread(16, {"a": 8}), {"a": 8}) == [[number] for number in range(16)]


@given(st.data(), threads, st.integers(1, 100))
def test_moves_give_every_worker_its_share_and_move_no_more_than_needed(data, threads, n):
    homes = data.draw(st.lists(st.sampled_from([*threads, "gone"]), min_size=n, max_size=n))
    going = moves(homes, threads)
    after = Counter(going.get(number, home) for number, home in enumerate(homes))
    share = Counter(spread(n, threads))
    assert after == share
    assert len(going) == (share - Counter(homes)).total()


def test_who_is_counted_on():
    threads = {"a": 1, "b": 1}
    assert place((), "a", threads) == "a"
    assert place((), "gone", threads) is None
    assert place(("b", "a"), "a", threads) == "a"
    assert place(("b",), "a", threads) == "b"
    assert place(("gone",), "gone", threads) is None
    assert place((), None, threads) is None
