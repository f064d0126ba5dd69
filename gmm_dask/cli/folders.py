"""Commands that look after published folders."""

from typing import Annotated

import typer
from rich.markup import escape

from gmm_dask.cli.shell import err, out
from gmm_dask.errors import BadInputError


def verify(
    folders: Annotated[list[str], typer.Argument(metavar="FOLDER...", help="Published tables or models.")],
) -> None:
    """Check published folders against their manifests: every file there, its size, checksum, rows and types.

    All folders are checked; the exit code is 3 if any of them is not as it was published.
    """
    from gmm_dask.output import verify as check

    damaged = 0
    for folder in folders:
        try:
            found = check(folder)
        except BadInputError as error:
            damaged += 1
            err.print(f"[bold red]damaged[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        else:
            files, rows = f"{len(found.parts)} files", f"{found.rows:,} rows"
            out.print(f"[green]intact[/] {escape(folder)}: {found.kind} {found.version}, {files}, {rows}")
    if damaged:
        raise typer.Exit(BadInputError.exit_code)


def clean(
    folders: Annotated[list[str], typer.Argument(metavar="FOLDER...", help="Published tables or models.")],
    keep: Annotated[int, typer.Option("--keep", min=1, help="Versions to keep, the current one among them.")] = 2,
) -> None:
    """Remove old versions of published folders, and drafts that no job finished. Safe to repeat."""
    from gmm_dask.output import clean as remove

    for folder in folders:
        removed = remove(folder, keep)
        out.print(f"{escape(folder)}: removed {', '.join(removed) or 'nothing'}")
