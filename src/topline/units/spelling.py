"""Words that somebody may have meant: the one search for names that are spelt like another."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """At most three of the known names that are spelt like a word, in whatever case, the likest first."""
    spelt: dict[str, list[str]] = {}
    for name in dict.fromkeys(known):
        spelt.setdefault(name.lower(), []).append(name)
    return [name for like in get_close_matches(word.lower(), spelt) for name in spelt[like]]
