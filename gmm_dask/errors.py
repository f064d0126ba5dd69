"""What can go wrong, as types.

Every error says what was expected, what was found, where, and what to do next, and carries these four as attributes,
so that a shell can print them and a program can act on them. `exit_code` is what the command line ends with.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GmmDaskError(Exception):
    """The root of all errors raised on purpose.

    Parameters: `found` what was met; `expected` what would have been right; `where` the file, column, row or shard;
    `advice` what to do next. All but `found` may be empty.
    """

    exit_code = 5

    def __init__(self, found: str, *, expected: str = "", where: str = "", advice: str = "") -> None:
        self.found, self.expected, self.where, self.advice = found, expected, where, advice
        super().__init__(found, expected, where, advice)

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        if self.expected:
            text += f"; expected {self.expected}"
        return f"{text}. {self.advice}" if self.advice else text

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process boundaries with their fields; keyword arguments do not pickle by themselves."""
        return _rebuild, (type(self), self.found, self.expected, self.where, self.advice)


class UsageError(GmmDaskError, ValueError):
    """The request itself cannot be meant so: an unknown option value, contradicting options, a bad configuration."""

    exit_code = 2


class BadInputError(GmmDaskError, ValueError):
    """The data cannot be used as they are: unreadable file, unknown column, infinite value, too few rows."""

    exit_code = 3


class DamagedError(BadInputError):
    """A published data set or model folder is not what was published: altered, truncated, missing, another format."""


class ResourceError(GmmDaskError, RuntimeError):
    """Memory, disk, time or a cluster was not there in the measure needed."""

    exit_code = 4


def _rebuild(kind: type[GmmDaskError], found: str, expected: str, where: str, advice: str) -> GmmDaskError:
    return kind(found, expected=expected, where=where, advice=advice)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'dep_delay'?` for a near name, else the known ones (the first twelve of them)."""
    known = [str(other) for other in known]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    listed = ", ".join(repr(other) for other in known[:12])
    return f"Known: {listed}{', ...' if len(known) > 12 else ''}."


class GmmDaskWarning(UserWarning):
    """Something was decided that the user may not expect, such as a constant column left out."""
