"""Where prepared shards lie: memory, local disks or nowhere, by sizes alone; and what is refused."""

from dataclasses import replace

import pytest
from distributed import Client, LocalCluster
from distributed.system import MEMORY_LIMIT

from gmm_dask.engine import InProcess, OnCluster, require_room
from gmm_dask.engine.memory import predicted_bytes_per_task, predicted_profile_bytes
from gmm_dask.engine.places import choose_place
from gmm_dask.engine.room import Room
from gmm_dask.errors import ResourceError
from gmm_dask.mixture import Features

GB = 10**9
ROOM = Room(1, 4 * GB, GB // 2, "/disk", ("host", 1), 10 * GB)
TWO_HOSTS = [ROOM, replace(ROOM, folder="/other", disk=("other", 1))]


def place(n_bytes, rooms, task_bytes=0, memory_bytes=100 * GB):
    return choose_place(n_bytes, memory_bytes, rooms, task_bytes)


def test_what_fits_stays_in_memory_without_a_word():
    assert place(4 * GB, TWO_HOSTS) == ("memory", ())


@pytest.mark.parametrize("other", [{"task_bytes": GB}, {"memory_bytes": 3 * GB}])
def test_tasks_and_the_engine_leave_less(other):
    assert place(4 * GB, TWO_HOSTS, **other).where == "disk"


def test_threads_need_memory_each():
    assert place(GB, [ROOM], task_bytes=GB // 10).where == "memory"
    assert place(GB, [replace(ROOM, threads=20)], task_bytes=GB // 10).where == "disk"


def test_what_does_not_fit_memory_lies_on_disk_with_numbers():
    where, (note,) = place(10 * 2**30, [replace(ROOM, free_bytes=20 * 2**30)])
    assert where == "disk"
    assert "the prepared table (10.0 GiB) is larger than the memory set aside for it (2.0 GiB)" in note
    assert "on disk, in /disk (20.0 GiB free)" in note


def test_what_fits_no_disk_is_read_again_with_numbers():
    where, (note,) = place(10 * 2**30, [ROOM])
    assert where == "source"
    assert "/disk has 9.3 GiB free of the 10.0 GiB" in note
    assert "every pass reads the source again" in note


def test_a_disk_is_shared_by_those_who_spill_to_it():
    one_disk = [ROOM, replace(ROOM, folder="/disk/2")]
    assert place(15 * GB, TWO_HOSTS).where == "disk"
    assert place(15 * GB, one_disk).where == "source"


def test_who_has_more_threads_holds_more():
    lopsided = [replace(ROOM, threads=9), TWO_HOSTS[1]]
    assert place(15 * GB, lopsided).where == "source"
    assert place(15 * GB, [replace(lopsided[0], free_bytes=20 * GB), lopsided[1]]).where == "disk"


def test_the_room_of_this_process():
    (room,) = InProcess(3).rooms()
    assert room.threads == 3
    assert room.memory_bytes > 0
    assert room.free_bytes > 0


def test_tasks_that_fit_are_not_refused():
    require_room([ROOM], 3 * GB, "it")


@pytest.mark.parametrize("room", [replace(ROOM, threads=2), replace(ROOM, memory_bytes=GB)])
def test_tasks_that_cannot_fit_are_refused_with_numbers(room):
    with pytest.raises(ResourceError, match="takes up to 2,861 MiB a thread") as caught:
        require_room([ROOM, room], 3 * GB, "fitting this")
    assert "MiB or more" in caught.value.expected


def test_predictions_grow_with_shapes():
    few = predicted_bytes_per_task(10, [(8, Features.QUADRATIC)])
    for more in (
        predicted_bytes_per_task(20, [(8, Features.QUADRATIC)]),
        predicted_bytes_per_task(10, [(8, Features.QUADRATIC)], rows=2**17),
        predicted_bytes_per_task(10, [(8, Features.QUADRATIC)], n_columns=11),
    ):
        assert more.preparation > few.preparation
        assert more.sweep > few.sweep
    assert predicted_bytes_per_task(10, [(8, Features.QUADRATIC), (9, Features.QUADRATIC)]).sweep > few.sweep
    assert predicted_bytes_per_task(10, [(8, Features.SQUARES)]).sweep < few.sweep
    assert predicted_bytes_per_task(10, [], row_bytes=160).preparation > few.preparation
    assert predicted_profile_bytes(20, 160, 1000) > predicted_profile_bytes(10, 80, 1000)


def test_workers_without_a_limit_have_the_machines_memory():
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        engine = OnCluster(client)
        assert engine.memory_bytes == MEMORY_LIMIT // 2
        (room,) = engine.rooms()
        assert room.memory_bytes == MEMORY_LIMIT
