"""Other people's words stay in their place in a journal, and can be read back exactly."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from beancount import loader
from beancount.core.account import is_valid
from beancount.core.data import Transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.models import CODE_PATTERN, Account
from console.days import day_start
from reports.journal import FORMATS
from reports.journal.books import Books, Days, Line, account_name
from reports.journal.text import escape, unescape
from tests.reports.journals import complaints, hledger

# All that PostgreSQL keeps: no half surrogates, no NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=240)
# What means something in one of the formats, next to each other more often than chance has it.
MEANINGFUL = st.text(
    '\n\r\t;:|,"\\*!(){}[]=@#%~ \u2028\u200f\u202e\u0085\x1b' + "ab1", max_size=40
)
WORDS = st.one_of(TEXT, MEANINGFUL)
CODES = st.from_regex(CODE_PATTERN, fullmatch=True)

NASTY = [
    "end comment\n2026-01-01 * evil\n    Assets:Cash  1 EGP\n",
    '" \n2026-01-01 open Assets:Cash\noption "title" "x',
    "\\",
    '\\"',
    "\\n\\u{3b}",
    "; a comment, seq:99, date:2001-01-01",
    "* (other/1) usage | other",
    "  two spaces  ",
    "[2001-01-01] [=2002-02-02]",
    "include /etc/passwd",
    "\u202egnp.exe\u202c \x1b[31m \u2028 \r\n \u200f",
    "x" * 500,
    "رسالة نصية",
]


def journal_of(format, texts, name="Nile"):
    """A journal of usage of 1 with the texts as description and reference."""
    company = Account(code="nile", name=name, currency="EGP", time_zone="Africa/Cairo")
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    account, contra = account_name("nile", "otp"), "Income:Usage-Revenue:Nile"
    lines = [
        Line(
            day=now.date(),
            account=account,
            contra=contra,
            holder="otp",
            seq=number,
            kind="usage",
            amount=Decimal("-1.000000"),
            balance_after=Decimal(f"-{number}.000000"),
            posted_at=now,
            occurred_at=now,
            attributed="shop",
            origin="api",
            reference=reference,
            description=description,
            by=7,
            hold=None,
        )
        for number, (description, reference) in enumerate(texts, start=1)
    ]
    books = Books(
        company=company,
        codes={},
        first=None,
        last=None,
        since=now,
        until=None,
        opened=now.date(),
        ended=now.date(),
        opening={},
        closing={account: Decimal(len(lines)), contra: Decimal(-len(lines))},
    )
    return "".join(FORMATS[format](books, lines))


def read_by_hledger(journal):
    """Each transaction's description and tags, as hledger has understood them."""
    shown = hledger(journal, "print", "--output-format=json")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert {each["tdate"] for each in found} == {"2026-01-02"}
    assert all(len(each["tpostings"]) == 2 for each in found[:-1])
    return [(each["tdescription"].partition(" | ")[2], dict(each["ttags"])) for each in found[:-1]]


def read_by_beancount(journal):
    """Each transaction's narration and metadata, as beancount has understood them."""
    entries, errors, _ = loader.load_string(journal)
    assert not errors
    kinds = {type(entry).__name__ for entry in entries}
    assert kinds == {"Open", "Transaction", "Balance"}
    return [(entry.narration, entry.meta) for entry in entries if isinstance(entry, Transaction)]


READERS = {"hledger": read_by_hledger, "beancount": read_by_beancount}


@pytest.mark.parametrize("format", READERS)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS.filter(bool)), min_size=1, max_size=20))
@example([(text, text) for text in NASTY])
def test_what_is_said_comes_back_as_it_was_and_breaks_nothing(format, texts):
    journal = journal_of(format, texts)
    assert complaints(format, journal) == ""
    found = READERS[format](journal)
    assert [(unescape(said), unescape(facts["reference"])) for said, facts in found] == texts
    for number, (_, facts) in enumerate(found, start=1):
        assert int(facts["seq"]) == number
        assert (facts["origin"], facts["attributed"], int(facts["by"])) == ("api", "shop", 7)
    # Nothing that a terminal, or another program that reads by lines, would take for more.
    assert all(line.isprintable() for line in journal.split("\n"))


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("name", NASTY)
def test_a_companys_name_breaks_nothing(format, name):
    journal = journal_of(format, [("a", "b")], name=name)
    assert complaints(format, journal) == ""
    assert len(READERS[format](journal)) == 1


@given(WORDS, st.sampled_from(["", ";", ","]))
def test_escaped_text_is_one_printable_line_and_can_be_read_back(text, but):
    escaped = escape(text, but=but)
    assert unescape(escaped) == text
    assert escaped.isprintable()
    assert escaped == escaped.strip()
    assert not set(but) & set(escaped)


def test_plain_words_are_left_alone():
    for text in ["", "SMS to Egypt, 19 messages", "20% & 3/4 (x) | y: 'z' \"q\"", "رسالة نصية"]:
        assert escape(text) == text
    assert escape("a;b", but=";") == "a\\u{3b}b"
    assert escape(" a b ") == "\\u{20}a b\\u{20}"


@given(CODES, CODES)
def test_names_of_accounts_are_beancounts_and_as_different_as_the_codes(one, other):
    assert is_valid(account_name(one, other))
    assert (account_name("nile", one) == account_name("nile", other)) == (one == other)
    assert re.fullmatch(r"Liabilities:Customers(:[A-Z0-9][a-z0-9-]*){2}", account_name(one, other))


MOMENTS = st.datetimes(datetime(2000, 1, 2), datetime(2040, 1, 1), timezones=st.just(UTC))
# Clocks set back at midnight, a minute after it, at one; forward at midnight; a day left out.
ZONES = [
    "Africa/Cairo",
    "America/St_Johns",
    "America/Havana",
    "America/Asuncion",
    "Asia/Beirut",
    "Pacific/Apia",
    "UTC",
]


@settings(max_examples=300)
@given(st.sampled_from(ZONES).map(ZoneInfo), st.lists(MOMENTS, min_size=1, max_size=20))
def test_a_moments_day_has_begun_and_the_next_has_not(zone, moments):
    days = Days(zone)
    found = [days(moment) for moment in sorted(moments)]
    assert found == sorted(found)
    for moment, day in zip(sorted(moments), found, strict=True):
        assert day_start(day, zone) <= moment < day_start(day + timedelta(days=1), zone)


def test_where_clocks_are_set_back_over_midnight_the_day_goes_on():
    """St. John's, 7 November 2010: at 00:01 it was 23:01 of the day before once more."""
    zone = ZoneInfo("America/St_Johns")
    days = Days(zone)
    midnight = day_start(date(2010, 11, 7), zone)
    again = midnight + timedelta(minutes=2)
    assert again.astimezone(zone).date() == date(2010, 11, 6)
    assert [days(midnight - timedelta(seconds=1)), days(midnight), days(again)] == [
        date(2010, 11, 6),
        date(2010, 11, 7),
        date(2010, 11, 7),
    ]
    assert Days(zone)(again) == date(2010, 11, 7)
