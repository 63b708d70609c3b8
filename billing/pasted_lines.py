"""Reading what people paste: a list of accounts, or a table of accounts and amounts.

A line names its account by code or name. What cannot be used is told with the line's number; the
text itself stays as it was typed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Account
from console import money

# The separators of a table, the surest first: a comma may be part of a name.
SEPARATORS = ("\t", ";", ",")
# What spreadsheets write above the columns.
HEADINGS = ({"account", "code", "name"}, {"amount"})
# A line this long names no account.
MAX_LINE = 300
_ENDS = re.compile(r"\r\n|\r|\n")


class BadLine(NamedTuple):
    """A line that cannot be used: its number from one, its text, and why."""

    number: int
    text: str
    reason: str


class Pasted(NamedTuple):
    """One line that was read; ``amount`` is None where none was wanted."""

    number: int
    account: Account
    amount: Decimal | None


@dataclass
class Reading:
    """What a text holds: the lines that can be used, and those that cannot."""

    lines: list[Pasted] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)


class _Unusable(Exception):
    """Why a line cannot be used."""


class Directory:
    """Finds accounts by code or name, whatever the case."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.by_code: dict[str, Account] = {}
        self.by_name: dict[str, Account] = {}
        for account in accounts:
            self.by_code[account.code.casefold()] = account
            self.by_name[account.name.strip().casefold()] = account

    def find(self, text: str) -> Account:
        """The account. Raises ``_Unusable``, which says what is wrong."""
        wanted = text.casefold()
        coded, named = self.by_code.get(wanted), self.by_name.get(wanted)
        if coded and named and coded.pk != named.pk:
            raise _Unusable(
                _("“%(text)s” is the code of %(coded)s and the name of another: write its code.")
                % {"text": text, "coded": coded.name}
            )
        found = coded or named
        if found is None:
            raise _Unusable(
                _("No account has the code or name “%(text)s”.") % {"text": _short(text)}
            )
        return found


def count_lines(text: str) -> int:
    """How many lines of the text are not blank."""
    return sum(1 for line in _ENDS.split(text) if line.strip())


def read_accounts(text: str, directory: Directory) -> Reading:
    """A list of accounts, one a line."""
    reading = Reading()
    seen: dict[int, int] = {}
    for number, line in _lines(text):
        try:
            account = directory.find(line.strip())
            _refuse_twice(account, number, seen)
        except _Unusable as trouble:
            reading.bad.append(BadLine(number, _short(line), str(trouble)))
        else:
            reading.lines.append(Pasted(number, account, None))
    return reading


def read_table(text: str, directory: Directory, decimals: int) -> Reading:
    """A table of accounts and amounts, with tabs, semicolons or commas between.

    Amounts are more than zero and have at most ``decimals`` decimals, as in any form. Quotation
    marks may hold a name together; a line of headings may come first.
    """
    reading = Reading()
    seen: dict[int, int] = {}
    for at, (number, line) in enumerate(_lines(text)):
        try:
            cells = _cells(line)
            if at == 0 and _is_heading(cells):
                continue
            account, amount = _entry(cells, directory, decimals)
            _refuse_twice(account, number, seen)
        except _Unusable as trouble:
            reading.bad.append(BadLine(number, _short(line), str(trouble)))
        else:
            reading.lines.append(Pasted(number, account, amount))
    return reading


def write_table(lines: Iterable[tuple[Account, Decimal]]) -> str:
    """The lines as ``read_table`` reads them."""
    return "\n".join(f"{account.code}\t{amount}" for account, amount in lines)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from one."""
    for number, line in enumerate(_ENDS.split(text), start=1):
        if line.strip():
            yield number, line


def _cells(line: str) -> list[str]:
    """The cells of a line, without space around them and without empty ones at its end."""
    if len(line) > MAX_LINE:
        raise _Unusable(_("This line is too long."))
    separator = next((each for each in SEPARATORS if each in line), None)
    if separator is None:
        raise _Unusable(
            _("Write an account and an amount, with a tab, a comma or a semicolon between.")
        )
    try:
        [cells] = csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True)
    except (csv.Error, ValueError):
        raise _Unusable(_("The quotation marks in this line do not match.")) from None
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _is_heading(cells: list[str]) -> bool:
    return len(cells) == len(HEADINGS) and all(
        cell.casefold() in words for cell, words in zip(cells, HEADINGS, strict=True)
    )


def _entry(cells: list[str], directory: Directory, decimals: int) -> tuple[Account, Decimal]:
    """The account and the amount of a line."""
    if len(cells) > 2:
        raise _Unusable(
            ngettext(
                "This line has %(count)d column: an account and an amount are two.",
                "This line has %(count)d columns: an account and an amount are two. An amount has"
                " no commas, and a name that has one stands in quotation marks.",
                len(cells),
            )
            % {"count": len(cells)}
        )
    name = cells[0] if cells else ""
    if not name:
        raise _Unusable(_("The account is missing."))
    account = directory.find(name)
    if len(cells) < 2:
        raise _Unusable(_("The amount is missing."))
    try:
        amount = money.read_amount(cells[1], decimals=decimals)
    except money.AmountError as error:
        raise _Unusable(str(error)) from error
    if amount <= 0:
        raise _Unusable(_("The amount is not more than zero."))
    return account, amount


def _refuse_twice(account: Account, number: int, seen: dict[int, int]) -> None:
    """Raise when an earlier line names the same account: which of the two was meant?"""
    first = seen.setdefault(account.pk, number)
    if first != number:
        raise _Unusable(
            _("%(account)s stands in line %(line)d already.")
            % {"account": account.name, "line": first}
        )


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
