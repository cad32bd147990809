"""Features to leave out, by name, pattern, theme or source."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from features.contract.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THEME, SOURCE = "theme:", "source:"
_WILD = "*?["


def excluded(
    entries: Sequence[str],
    names: Sequence[str],
    *,
    themes: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    where: str = "exclude",
) -> frozenset[str]:
    """Names of the features that some entries leave out.

    Parameters
    ----------
    entries : sequence of str
        Each a name, a pattern such as `ecommerce_*`, `theme:<name>` or `source:<name>`.
    names : sequence of str
        All features.
    themes, sources : mapping of str to str, optional
        Theme and source of each feature; not given for a matrix of one's own.
    where : str
        Where the entries stand, for the message.

    Raises
    ------
    ContractError
        If an entry leaves nothing out: it is misspelt.
    """
    left_out: set[str] = set()
    for entry in entries:
        matched = _matched(entry, names, themes or {}, sources or {})
        if not matched:
            raise ContractError(f"{where}: {entry!r} {_why_none(entry, names, themes, sources)}")
        left_out |= matched
    return frozenset(left_out)


def _matched(
    entry: str, names: Sequence[str], themes: Mapping[str, str], sources: Mapping[str, str]
) -> set[str]:
    if entry in names:
        return {entry}
    for prefix, kinds in ((THEME, themes), (SOURCE, sources)):
        if entry.startswith(prefix) and kinds:
            wanted = entry.removeprefix(prefix)
            return {name for name in names if kinds.get(name) == wanted}
    if any(sign in entry for sign in _WILD):
        return {name for name in names if fnmatchcase(name, entry)}
    return set()


def _why_none(
    entry: str,
    names: Sequence[str],
    themes: Mapping[str, str] | None,
    sources: Mapping[str, str] | None,
) -> str:
    for prefix, kinds in ((THEME, themes), (SOURCE, sources)):
        if entry.startswith(prefix):
            if not kinds:
                return "names a kind of feature that a matrix of your own does not have."
            known = sorted({kinds[name] for name in names if name in kinds})
            return f"is none of {', '.join(prefix + kind for kind in known)}."
    near = get_close_matches(entry, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"is no feature and no pattern that one matches.{hint}"
