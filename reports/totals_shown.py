"""The totals of a selection as a page and a document show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from console.figures import Figures
from reports.totals import KindTotal, Totals


class Figure(NamedTuple):
    """One sum with its name; ``is_result`` is one that the others lead to."""

    label: str | Promise
    amount: SafeString
    is_result: bool = False


class KindRow(NamedTuple):
    """What the entries of one kind came to."""

    kind: str
    label: str | Promise
    entries: int | None
    amount_in: SafeString
    amount_out: SafeString
    net: SafeString

    @property
    def entries_shown(self) -> str:
        """The number of entries, grouped."""
        return number_format(self.entries or 0, force_grouping=True)


@dataclass(frozen=True, slots=True)
class TotalsShown:
    """The sums in words and figures, decimal points in line."""

    totals: Totals
    company: Account

    @property
    def figures(self) -> list[Figure]:
        """Opening, in, out, net and closing, as far as they make sense."""
        totals = self.totals
        sums = [
            (_("Opening credit"), totals.opening, False, False),
            (_("Money in"), totals.amount_in, True, False),
            (_("Money out"), -totals.amount_out, True, False),
            (_("Net"), totals.net, True, totals.closing is None),
            (_("Closing credit"), totals.closing, False, True),
        ]
        known = [
            (label, sum_, sign, result) for label, sum_, sign, result in sums if sum_ is not None
        ]
        column = self._column(sum_ for _label, sum_, _sign, _result in known)
        return [
            Figure(label, column.cell(sum_, sign=sign), result)
            for label, sum_, sign, result in known
        ]

    @property
    def kinds(self) -> list[KindRow]:
        """What each kind came to."""
        found = self.totals.by_kind
        columns = [
            self._column(each.amount_in for each in found),
            self._column(-each.amount_out for each in found),
            self._column(each.net for each in found),
        ]
        return [self._row(each, columns) for each in found]

    def _row(self, each: KindTotal, columns: list[Figures]) -> KindRow:
        amounts = (each.amount_in, -each.amount_out, each.net)
        cells = [
            column.cell(amount, sign=True) for column, amount in zip(columns, amounts, strict=True)
        ]
        return KindRow(each.kind, each.label, each.entries, *cells)

    @property
    def entries(self) -> int | None:
        """How many entries there are, where it is known."""
        return self.totals.entries

    @property
    def entries_shown(self) -> str:
        """Their number, grouped."""
        return number_format(self.entries or 0, force_grouping=True)

    def _column(self, amounts: Iterable[Decimal]) -> Figures:
        return Figures(amounts, self.company.decimals)
