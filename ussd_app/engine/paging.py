"""Fit a screen into what a phone shows: title, options and navigation on pages of at most `limit` septets.

The prefix `CON ` (or `END `) is counted, four septets; nobody has documented whether gateways do, so we do. A label
is never cut. A title too long for its page is, at a word, and `Page.cut` says so: the proof run fails on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ussd_app.lib.gsm7 import fold_ascii, septets

PREFIX_SEPTETS = 4
OPTIONS_ON_A_PAGE = 6
REMEMBERED = 4096  # the same labels are shown again and again
REMEMBERED_PAGES = 1024


@dataclass(frozen=True)
class Page:
    """One page as shown. `pages` is how many there are."""

    text: str
    pages: int
    cut: bool = False


@lru_cache(maxsize=REMEMBERED_PAGES)
def fit(
    title: str, lines: tuple[str, ...], navigation: str, more: str, page: int, limit: int, guidance: str = ""
) -> Page:
    """Lay out `page` (from 0) of a menu: guidance and title, as many option lines as fit, then the navigation line.

    `navigation` is shown on every page, `more` is added where another page follows. Returns the last page for a page
    number past the end. Remembered, as `plain` is: the long lists are the same for everybody.
    """
    room = limit - PREFIX_SEPTETS
    head, cut = _head(guidance, title, room - _size(_foot(navigation, more)) - _longest(lines))
    pages = _split(lines, room - _size(head), _size(navigation), _size(_foot(navigation, more)))
    page = min(page, len(pages) - 1)
    last_page = page == len(pages) - 1
    parts = [head, *pages[page], _foot(navigation, "" if last_page else more)]
    return Page("\n".join(part for part in parts if part), len(pages), cut)


def _split(lines: tuple[str, ...], room: int, foot: int, foot_more: int) -> list[list[str]]:
    """Option lines by page. A page that another follows must also hold the `more` key; the last one need not."""
    if len(lines) <= OPTIONS_ON_A_PAGE and sum(map(_size, lines)) + foot <= room:
        return [list(lines)]
    pages: list[list[str]] = [[]]
    used = 0
    for position, line in enumerate(lines):
        needed = foot if position == len(lines) - 1 else foot_more
        if pages[-1] and (used + _size(line) + needed > room or len(pages[-1]) == OPTIONS_ON_A_PAGE):
            pages.append([])
            used = 0
        pages[-1].append(line)
        used += _size(line)
    return pages


def flow(
    text: str, lines: tuple[str, ...], navigation: str, more: str, page: int, limit: int, guidance: str = ""
) -> Page:
    """Lay out `page` (from 0) of a text to read: broken at lines, else at words; option lines stand on the last page."""
    room = limit - PREFIX_SEPTETS
    body = room - _size(_foot(navigation, more)) - (_size(guidance) if guidance else 0)
    chunks = _chunks(text, body)
    tail = sum(_size(line) for line in lines)
    last_body = room - _size(navigation) - (_size(guidance) if guidance else 0) - tail
    if _size(chunks[-1]) > last_body:
        chunks = [*chunks[:-1], *_chunks(chunks[-1], min(body, max(last_body, 20)))]
    page = min(page, len(chunks) - 1)
    is_last = page == len(chunks) - 1
    parts = [guidance, chunks[page], *(lines if is_last else []), _foot(navigation, "" if is_last else more)]
    return Page("\n".join(part for part in parts if part), len(chunks))


@lru_cache(maxsize=REMEMBERED)
def plain(text: str) -> str:
    """The text as any handset can draw it. Remembered: never for what a caller typed, which may be a PIN."""
    return fold_ascii(text)


def _foot(navigation: str, more: str) -> str:
    return f"{navigation} {more}".strip() if more else navigation


@lru_cache(maxsize=REMEMBERED)
def _size(text: str) -> int:
    """Septets of a line with the line break that joins it."""
    return septets(text) + 1 if text else 0


def _longest(lines: tuple[str, ...]) -> int:
    return max(map(_size, lines), default=0)


def _head(guidance: str, title: str, room: int) -> tuple[str, bool]:
    """Guidance above the title; the title cut at a word where even one option would not fit under it."""
    head = f"{guidance}\n{title}" if guidance and title else guidance or title
    if _size(head) <= room:
        return head, False
    short = head[: max(room - 1, 1)]
    return short.rsplit(" ", 1)[0] if " " in short else short, True


def _chunks(text: str, room: int) -> list[str]:
    """Break `text` into pieces of at most `room` septets, at line ends where possible, else at spaces."""
    chunks: list[str] = []
    current = ""
    for line in text.split("\n"):
        for piece in _lines(line, room):
            joined = f"{current}\n{piece}" if current else piece
            if current and _size(joined) > room:
                chunks.append(current)
                current = piece
            else:
                current = joined
    chunks.append(current)
    return chunks


def _lines(line: str, room: int) -> list[str]:
    if _size(line) <= room:
        return [line]
    pieces: list[str] = []
    current = ""
    for word in line.split(" "):
        joined = f"{current} {word}" if current else word
        if current and _size(joined) > room:
            pieces.append(current)
            current = word
        else:
            current = joined
    return [*pieces, current]
