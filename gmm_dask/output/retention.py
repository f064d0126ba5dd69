"""Old versions: how long they stay, and the way back to one."""

from __future__ import annotations

import shutil
import time
from datetime import timedelta
from pathlib import Path

from gmm_dask.errors import UsageError
from gmm_dask.output.manifest import Publication, manifest_in, read_manifest
from gmm_dask.output.place import Place, version_number
from gmm_dask.output.storage import storage_errors


def clean(path: str | Path, keep: int = 2, grace: timedelta = timedelta(hours=24)) -> list[str]:
    """Remove all but the `keep` newest published versions and the current one; returns the names of what was removed.

    Drafts, and versions whose commit was cut short, go when nothing was added to them for `grace`. What went is
    gone also for readers that still have it open. May be run again at any time, also while others publish.
    """
    if keep < 1:
        raise UsageError(f"keep={keep}", expected="at least 1")
    place = Place.at(path)
    if not place.versions.is_dir():
        return []
    with storage_errors(place.path), place.locked():
        outdated = [version for version in _published(place)[:-keep] if version != place.current()]
        leftovers = [name for name in _unpublished(place) if _idle(place.versions / name) > grace.total_seconds()]
        for name in (*outdated, *leftovers):
            _remove(place.versions / name)
    return [*outdated, *leftovers]


def rollback(path: str | Path) -> Publication:
    """Point `path` back to the published version before the current one; UsageError if there is none."""
    place = Place.at(path)
    current = place.current()
    if current is None:
        raise UsageError("nothing to roll back", expected="a published path", where=str(place.path))
    with storage_errors(place.path), place.locked():
        earlier = [version for version in _published(place) if version_number(version) < version_number(current)]
        if not earlier:
            raise UsageError(f"no version before {current} is kept", where=str(place.path))
        publication = read_manifest(place.path, place.version_folder(earlier[-1]))
        place.point_to(publication.version)
    return publication


def _published(place: Place) -> list[str]:
    """Versions with a manifest, oldest first."""
    return [version for version in place.numbered() if manifest_in(place.version_folder(version))]


def _unpublished(place: Place) -> list[str]:
    """Drafts, and versions without a manifest."""
    published = _published(place)
    return [*(version for version in place.numbered() if version not in published), *place.drafts()]


def _idle(folder: Path) -> float:
    """Seconds since a file was last added to the folder or to one directly in it."""
    try:
        return time.time() - max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))
    except FileNotFoundError:
        return 0.0  # its owner is removing it right now


def _remove(folder: Path) -> None:
    """The manifest goes first: a removal cut short must not look like a published version."""
    if manifest := manifest_in(folder):
        manifest.unlink()
    shutil.rmtree(folder)
