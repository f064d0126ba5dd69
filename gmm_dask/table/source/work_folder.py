"""A folder for files that a source has made for itself."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path


class WorkFolder:
    """A folder given, which is left as it is, or one of our own, removed with the last source that uses it, or at exit.

    A pickled copy only names the folder: it lives as long as the process that made it wants.
    """

    path: Path

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self.path = Path(tempfile.mkdtemp(prefix="gmm-dask-"))
            weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        else:
            self.path = path
            path.mkdir(parents=True, exist_ok=True)

    def __reduce__(self) -> tuple[type[WorkFolder], tuple[Path]]:
        return type(self), (self.path,)
