"""What a reader of Markdown sees, through a parser that is not ours: lines of text, links, and cells of tables."""

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tokens(markdown: str) -> list[Token]:
    return PARSER.parse(markdown)


def inlines(markdown: str) -> Iterator[Token]:
    return (token for token in tokens(markdown) if token.type == "inline")


def text_of(inline: Token) -> str:
    shown = {"text", "code_inline", "text_special"}
    children = inline.children or []
    return "".join(
        child.content if child.type in shown else "\n" if child.type in {"softbreak", "hardbreak"} else ""
        for child in children
    )


def lines(markdown: str) -> list[str]:
    """The non-empty lines of the text."""
    texts = (text_of(inline) for inline in inlines(markdown))
    return [line for text in texts for line in text.splitlines() if line.strip()]


def links(markdown: str) -> list[tuple[str, str]]:
    """(address, text) of every link."""
    found = []
    for inline in inlines(markdown):
        address, text = None, ""
        for child in inline.children or []:
            if child.type == "link_open":
                address, text = str(child.attrs["href"]), ""
            elif child.type == "link_close":
                found.append((str(address), text))
            else:
                text += child.content
    return found


def rows(markdown: str) -> list[list[Token]]:
    """The cells of every row of every table, header rows among them."""
    found: list[list[Token]] = []
    inside = False
    for token in tokens(markdown):
        if token.type == "tr_open":
            found.append([])
        inside = (inside or token.type in {"td_open", "th_open"}) and token.type not in {"td_close", "th_close"}
        if token.type == "inline" and inside:
            found[-1].append(token)
    return found
