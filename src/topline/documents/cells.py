"""Cells that a spreadsheet program can't mistake for a formula."""

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32)))


def safe(text: str) -> str:
    """The text without control characters, with an apostrophe before a start that programs take for a formula.

    Source: OWASP, CSV Injection.
    """
    clean = text.translate(_FORBIDDEN)
    return f"'{clean}" if clean.startswith(_STARTS) else clean
