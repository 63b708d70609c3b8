"""docs/access.md: the table for people."""

from __future__ import annotations

from pathlib import Path

from tests.access.reading import as_markdown, sections_of
from tests.access.table import API, COLUMNS, KEYS, LEGEND, PAGES, PEOPLE

PLACE = Path(__file__).parents[2] / "docs" / "access.md"

HEAD = """\
# Who gets where

Every address of the console and every operation of its API, and what becomes of whoever asks.
Written from `tests/access/table.py` by `python -m tests.access`; the tests in `tests/access/` ask
for each cell of it. The rules behind it stand in `accounts/access.py`.

All of it is about one company, Nile, and its things: a payment, a transfer, a statement... of its
subaccount Marketing, unless the page's name says otherwise (`@nile`: of the master account,
`@retail`: of a subaccount beside it, `@otp`: of one on the shared balance). What a person has for
themselves (exports, saved views, passkeys) is the master admin's.
"""

MENDING = """\
## When a test sends you here

- A new route, or a new method of one: the test tells the line that it has observed. If it is what
  was meant, paste it into `PAGES` (or `API`) of `tests/access/table.py`, and run
  `python -m tests.access`. What stands in its address, and what has to be sent to succeed, goes
  into `tests/access/sent.py`.
- A new field that carries an id: add it to `FIELDS` of `tests/access/fields.py`; one that names
  nothing to `NAMES_NOTHING`. One of the API: `API_FIELDS` and `API_NAMES_NOTHING`.
"""


def document() -> str:
    """The whole of it."""
    words = {word: f"**{word}**" for word in ("ok", "form")}
    told = [HEAD, "## Words", ""]
    told += [f"- `{word}`: {what}." for word, what in LEGEND.items()]
    told += ["", "## Who asks", ""]
    told += [f"- `{who}`: {what}." for who, what in PEOPLE.items()]
    told += ["", "## Pages", "", as_markdown(sections_of(PAGES, COLUMNS), COLUMNS, words)]
    told += ["## The platform's API", ""]
    told += [f"- `{key}`: {what}." for key, what in KEYS.items()]
    told += ["", as_markdown(sections_of(API, tuple(KEYS)), tuple(KEYS), words)]
    return "\n".join([*told, MENDING])
