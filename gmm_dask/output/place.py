"""Where a publication lives: the link that readers open, and the hidden folder of versions that it points into."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gmm_dask.errors import UsageError
from gmm_dask.output.storage import sync

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # one slash is enough: Path("s3://a") is s3:/a; C:/ is no scheme
_VERSION = re.compile(r"v[0-9]{6,}")
_DRAFT = re.compile(r"v[0-9]{6,}\.draft")


@dataclass(frozen=True)
class Place:
    """The place of one publication. `path` is absolute; its last component is not followed if it is a link."""

    path: Path

    @classmethod
    def at(cls, path: str | Path) -> Place:
        """The place that the user's `path` means; a UsageError for what is not on a file system."""
        text = str(path).removeprefix("file://")
        if _SCHEME.match(text):
            advice = "Publish to a local or mounted path."
            raise UsageError(f"cannot publish at {text!r}", expected="a path on a file system", advice=advice)
        return cls(Path(text).parent.resolve() / Path(text).name)

    @property
    def versions(self) -> Path:
        """The folder that holds all versions and drafts; a sibling, so that the link can be relative and both move."""
        return self.path.parent / f".{self.path.name}.versions"

    def version_folder(self, version: str) -> Path:
        """The folder of a published version."""
        return self.versions / version

    def draft_folder(self, version: str) -> Path:
        """The folder whose existence claims `version` while it is being made."""
        return self.versions / f"{version}.draft"

    def numbered(self) -> list[str]:
        """Names of all version folders, oldest first, published or not."""
        return sorted(filter(_VERSION.fullmatch, self._names()), key=version_number)

    def drafts(self) -> list[str]:
        """Names of all draft folders."""
        return sorted(filter(_DRAFT.fullmatch, self._names()))

    def current(self) -> str | None:
        """The version that the link points to; None if there is no link, or one that is not ours."""
        if not self.path.is_symlink():
            return None
        target = self.path.readlink()
        ours = target.parent == Path(self.versions.name) and _VERSION.fullmatch(target.name)
        return target.name if ours else None

    def require_free(self) -> None:
        """UsageError if something stands at `path` that is not our link: it would be lost."""
        if self.current() is None and (self.path.is_symlink() or self.path.exists()):
            raise UsageError(
                "something is in the way",
                expected="a free path, or one published before",
                where=str(self.path),
                advice="Move it away or publish at another path; nothing was touched.",
            )

    def claim(self) -> str:
        """Claim the next version: its empty draft folder is there, and no other publisher has it."""
        while True:
            self.versions.mkdir(parents=True, exist_ok=True)
            taken = [*self.numbered(), *(draft.removesuffix(".draft") for draft in self.drafts())]
            version = f"v{max(map(version_number, taken), default=0) + 1:06d}"
            try:
                self.draft_folder(version).mkdir()
            except (FileExistsError, FileNotFoundError):
                continue  # another publisher was first, or the last one to leave took the folder of versions along
            if not self.version_folder(version).exists():
                return version
            self.draft_folder(version).rmdir()  # published by another between our listing and our claim

    def point_to(self, version: str) -> None:
        """Switch readers to `version` in one atomic step. Call it with the lock held."""
        self.require_free()
        link = self.versions / ".link"
        link.unlink(missing_ok=True)
        link.symlink_to(Path(self.versions.name) / version)
        sync(self.versions)
        link.replace(self.path)
        sync(self.path.parent)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from switching or removing versions here until the body ends, or we die."""
        # A file, since NFS refuses to lock a folder; never removed, since another process may be waiting on it.
        with (self.versions / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _names(self) -> list[str]:
        return [entry.name for entry in self.versions.iterdir()] if self.versions.is_dir() else []


def version_number(version: str) -> int:
    """Versions are ordered by their numbers."""
    return int(version[1:])
