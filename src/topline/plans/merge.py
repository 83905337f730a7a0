"""Two people's changes of one text, joined line by line."""

from difflib import SequenceMatcher


def merge(base: str, theirs: str, mine: str) -> str | None:
    """The text with both changes of `base`; None where both changed the same lines, or lines side by side, otherwise.

    Source: Khanna, Kunal, Pierce, A Formal Investigation of Diff3.
    """
    if theirs in (mine, base):
        return mine
    if mine == base:
        return theirs
    lines = base.splitlines(keepends=True)
    changes = [*_changes(lines, theirs), *_changes(lines, mine)]
    changes.sort(key=lambda each: (each[0], each[1]))
    joined: list[str] = []
    at = 0
    before: tuple[int, int, list[str]] | None = None
    for change in changes:
        first, last, new = change
        if change == before:
            continue
        if before is not None and first <= before[1]:
            return None
        joined += [*lines[at:first], *new]
        at, before = last, change
    return "".join(_ended([*joined, *lines[at:]]))


def _changes(base: list[str], text: str) -> list[tuple[int, int, list[str]]]:
    """(first line, line after the last, what stands there now) of each changed stretch of `base`."""
    lines = text.splitlines(keepends=True)
    found = SequenceMatcher(None, base, lines, autojunk=False).get_opcodes()
    return [(first, last, lines[low:high]) for tag, first, last, low, high in found if tag != "equal"]


def _ended(lines: list[str]) -> list[str]:
    """The lines, each but the last with its end."""
    return [line if line.endswith("\n") or i == len(lines) - 1 else f"{line}\n" for i, line in enumerate(lines)]
