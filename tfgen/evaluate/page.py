"""A page that opens anywhere: its style and all that it shows lie in one file, and nothing is fetched."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from tfgen import __version__, files

TEMPLATES = Path(__file__).with_name("templates")


def write_page(path: Path, title: str, body: str) -> None:
    """Writes a page, atomically. title: plain text. body: HTML of what is between head and foot."""
    page = Template((TEMPLATES / "page.html").read_text(encoding="utf-8"))
    content = page.substitute(title=escape(title), body=body, version=escape(__version__))
    files.write_bytes(path, content.encode())


def facts_list(facts: Mapping[str, str]) -> str:
    """Plain texts by their names."""
    rows = (f"<div><dt>{escape(name)}</dt><dd>{escape(fact)}</dd></div>" for name, fact in facts.items())
    return f'<dl class="facts">{"".join(rows)}</dl>'


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "rows") -> str:
    """Plain texts under headings."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def time_of(created: str) -> str:
    """2026-01-31T12:34:56Z as people write it."""
    found = re.fullmatch(r"([\d-]+)T(\d+:\d+):\d+Z", created)
    return f"{found[1]}, {found[2]} UTC" if found else created
