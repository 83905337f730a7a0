"""People's Markdown as safe HTML: no HTML of theirs, no pictures, links to web addresses only."""

from functools import cache

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt


@cache
def _parser() -> MarkdownIt:
    # markdown-it refuses javascript:, data: and the like in links by itself; pictures would load from elsewhere.
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")


def render(text: str) -> SafeString:
    """The text as HTML; headings begin below those of the page."""
    tokens = _parser().parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("rel", "noopener noreferrer nofollow")
    return SafeString(_parser().renderer.render(tokens, _parser().options, {}))
