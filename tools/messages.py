"""Brings the message catalogues up to date with the texts of code and templates: `python tools/messages.py`.

Texts are what stands in `N_()` and the gettext functions, and in `{% translate %}` and `{% blocktranslate %}`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from django.template.base import Lexer, TokenType

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src/topline"
LANGUAGES = ("ro",)
HEADER = "# %s texts of Topline; `python tools/messages.py` keeps the list of texts, people write the translations."
KEYWORDS = {
    "N_": (1,),
    "_": (1,),
    "gettext": (1,),
    "gettext_lazy": (1,),
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
TRANSLATE = re.compile(r"""^(?:translate|trans)\s+("(?:[^"\\]|\\.)*")(?:.*?\scontext\s+("(?:[^"\\]|\\.)*"))?""", re.S)
UNDERSCORED = re.compile(r"""_\(("(?:[^"\\]|\\.)*")\)""")

type Message = tuple[str | None, str | tuple[str, str]]


def catalogue() -> Catalog:
    """Every text of the product, with where it stands."""
    found = Catalog(project="Topline", charset="utf-8")
    for file in sorted(SOURCE.rglob("*")):
        if file.suffix not in (".py", ".html"):
            continue
        read = _of_python if file.suffix == ".py" else _of_template
        for context, message in read(file):
            found.add(message, context=context, locations=[(str(file.relative_to(ROOT)), 0)], flags=_flags(message))
    return found


def _of_python(file: Path) -> Iterator[Message]:
    with file.open("rb") as source:
        for _line, keyword, messages, _comments in extract_python(source, KEYWORDS, [], {}):
            texts = messages if isinstance(messages, tuple) else (messages,)
            if not texts[0]:
                continue
            if keyword.startswith("pgettext"):
                yield texts[0], texts[1]
            elif keyword == "ngettext":
                yield None, (texts[0], texts[1])
            else:
                yield None, texts[0]


def _of_template(file: Path) -> Iterator[Message]:
    tokens = iter(Lexer(file.read_text(encoding="utf-8")).tokenize())
    for token in tokens:
        if token.token_type not in (TokenType.BLOCK, TokenType.VAR):
            continue
        for text in UNDERSCORED.findall(token.contents):
            yield None, ast.literal_eval(text)
        if match := TRANSLATE.match(token.contents):
            text = ast.literal_eval(match[1]).replace("%", "%%")  # as the tag looks it up
            yield ast.literal_eval(match[2]) if match[2] else None, text
        elif token.contents.startswith("blocktranslate"):
            yield None, _block(tokens)


def _block(tokens) -> str | tuple[str, str]:
    """The text of a block, as Django looks it up; with its plural where it has one."""
    parts = [""]
    for token in tokens:
        if token.token_type is TokenType.BLOCK and token.contents == "plural":
            parts.append("")
        elif token.token_type is TokenType.BLOCK:
            break
        elif token.token_type is TokenType.VAR:
            parts[-1] += f"%({token.contents})s"
        elif token.token_type is TokenType.TEXT:
            parts[-1] += token.contents.replace("%", "%%")
    return (parts[0], parts[1]) if len(parts) > 1 else parts[0]


def _flags(message: str | tuple[str, str]) -> tuple[str, ...]:
    texts = message if isinstance(message, tuple) else (message,)
    return ("python-format",) if any(re.search(r"%\(\w+\)s", text) for text in texts) else ()


def path(language: str) -> Path:
    return SOURCE / "locale" / language / "LC_MESSAGES" / "django.po"


def load(language: str) -> Catalog:
    with path(language).open("rb") as source:
        return read_po(source, locale=language, charset="utf-8")


def update() -> None:
    """Each language's catalogue with the texts that the product has today; new ones stand empty."""
    wanted = catalogue()
    for language in LANGUAGES:
        target = path(language)
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = load(language) if target.exists() else Catalog(locale=language, project="Topline", charset="utf-8")
        kept.update(wanted, no_fuzzy_matching=True)
        kept.obsolete.clear()
        kept.fuzzy, kept.header_comment = False, HEADER % kept.locale.english_name
        with target.open("wb") as file:
            write_po(file, kept, width=120, no_location=True, sort_output=True, omit_header=False)
        missing = [message.id for message in kept if message.id and not _is_translated(message)]
        print(f"{language}: {len(kept)} texts, {len(missing)} to translate")


def _is_translated(message) -> bool:
    return all(message.string) if isinstance(message.string, tuple | list) else bool(message.string)


if __name__ == "__main__":
    update()
