"""A publisher to be killed: run by test_kill.py as a program of its own.

publisher.py every-step FOLDER    at FOLDER/0, FOLDER/1, ...: publish, then publish again and clean; of this second half
                                  the n-th does n steps and is killed, until one lives to the end
publisher.py for-ever PATH        publish at PATH until killed; prints a line after each publication
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path

import pyarrow as pa

from gmm_dask.output import clean, commit, drafting, write_part

SCHEMA = pa.schema([("version", pa.int64())])
STEPS = {
    "open",
    "fcntl.flock",
    "shutil.rmtree",
    *(f"os.{verb}" for verb in ["mkdir", "rename", "symlink", "remove", "rmdir"]),
}


def publish(path: Path, version: int) -> None:
    with drafting(path, "table") as draft:
        table = pa.table([[version] * 100], schema=SCHEMA)
        parts = [write_part(draft.folder, number, table, SCHEMA) for number in range(3)]
        commit(draft, parts, schema=SCHEMA, provenance={})


def die_before_step(step: int) -> None:
    """Arrange for SIGKILL to this process just before its `step`-th call that could change the disk."""
    steps = count()

    def watch(event: str, _: object) -> None:
        if event in STEPS and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def every_step(folder: Path) -> None:
    for step in count():
        child = os.fork()
        if child == 0:
            publish(folder / str(step), 1)
            die_before_step(step)
            publish(folder / str(step), 2)
            clean(folder / str(step), keep=1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


def for_ever(path: Path) -> None:
    for version in count():
        publish(path, version)
        sys.stdout.write(f"{version}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    {"every-step": every_step, "for-ever": for_ever}[sys.argv[1]](Path(sys.argv[2]))
