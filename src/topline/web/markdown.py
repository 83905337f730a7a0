"""People's Markdown as safe HTML: no HTML of theirs, no pictures, links to web addresses only.

`{net_sales category=Gifts}` stands for a live number where the caller shows such numbers, and for itself elsewhere.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

_KEPT = 4096
"""Texts that a process remembers: the same ones are shown at every look at a plan."""

_NUMBER = re.compile(r"\{([a-z][a-z0-9_]*(?: [^{}\n]*)?)\}")


@cache
def _parser() -> MarkdownIt:
    # markdown-it refuses javascript:, data: and the like in links by itself; pictures would load from elsewhere.
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")
    parser.inline.ruler.before("link", "live_number", _live_number)
    parser.add_render_rule("live_number", _shown)
    return parser


def _live_number(state: StateInline, silent: bool) -> bool:
    """Takes a live number at the parser's place, if one begins there."""
    found = _NUMBER.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("live_number", "", 0).content = found[1]
    state.pos = found.end()
    return True


def _shown(self: object, tokens: Any, place: int, options: object, env: Mapping[str, Mapping[str, str]]) -> str:
    content = tokens[place].content
    return env.get("numbers", {}).get(content) or str(escape(f"{{{content}}}"))


@lru_cache(maxsize=_KEPT)
def numbers(text: str) -> tuple[str, ...]:
    """The live numbers of a text, without their braces."""
    if "{" not in text:
        return ()
    children = (child for token in _parser().parse(text) for child in token.children or ())
    return tuple(child.content for child in children if child.type == "live_number")


def render(text: str, shown: Mapping[str, SafeString] | None = None) -> SafeString:
    """The text as HTML; headings begin below those of the page. shown : HTML of its live numbers."""
    known = shown or {}
    return _rendered(text, tuple((number, known[number]) for number in numbers(text) if number in known))


@lru_cache(maxsize=_KEPT)
def _rendered(text: str, shown: tuple[tuple[str, SafeString], ...]) -> SafeString:
    tokens = _parser().parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("rel", "noopener noreferrer nofollow")
    return SafeString(_parser().renderer.render(tokens, _parser().options, {"numbers": dict(shown)}))
