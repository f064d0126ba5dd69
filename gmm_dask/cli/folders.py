"""Commands that look after published folders."""

from typing import Annotated

import typer

from gmm_dask.cli.shell import out


def verify(
    folders: Annotated[list[str], typer.Argument(metavar="FOLDER...", help="Published tables or models.")],
) -> None:
    """Check published folders against their manifests: every file there, its size, checksum, rows and types."""
    from gmm_dask.output import verify as check

    for folder in folders:
        found = check(folder)
        out.print(
            f"[green]intact[/]  {folder}  {found.kind} {found.version}, {len(found.parts)} files, {found.rows:,} rows"
        )


def clean(
    folders: Annotated[list[str], typer.Argument(metavar="FOLDER...", help="Published tables or models.")],
    keep: Annotated[int, typer.Option("--keep", min=1, help="Versions to keep, the current one among them.")] = 2,
) -> None:
    """Remove old versions of published folders, and drafts that no job finished. Safe to repeat."""
    from gmm_dask.output import clean as remove

    for folder in folders:
        removed = remove(folder, keep)
        out.print(f"{folder}: removed {', '.join(removed) or 'nothing'}")
