"""The journals of hledger and Beancount: the whole company, of a period."""

from __future__ import annotations

from typing import BinaryIO

from django.utils.translation import gettext as _

from accounts.access import Access
from reports.exports.base import STEP, Progress, Unwritable
from reports.exports.selection import narrowed_by
from reports.filters import TransactionFilter
from reports.journal import write_within
from reports.queries import Scope


def is_for(access: Access) -> bool:
    """Whether the person sees the whole company."""
    return access.sees_tree


def check(scope: Scope, filters: TransactionFilter) -> None:
    """Refuse what would not balance: less than the whole company. Raises PermissionDenied, too."""
    scope.access.require_tree()
    if narrowed_by(filters) - {"date_from", "date_to"}:
        raise Unwritable(
            _(
                "A journal must balance, so it holds the whole company: keep the period and clear"
                " the other filters, or choose another format."
            )
        )


def write_hledger(
    scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress
) -> int:
    """Write the journal for hledger. Raises Unwritable."""
    return _write("hledger", scope, filters, out, progress)


def write_beancount(
    scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress
) -> int:
    """Write the journal for Beancount. Raises Unwritable."""
    return _write("beancount", scope, filters, out, progress)


def _write(
    format: str, scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress
) -> int:
    check(scope, filters)
    days = filters.form.cleaned_data

    def tell(done: int) -> None:
        if done % STEP == 0:
            progress(done)

    return write_within(
        company=scope.company,
        first=days.get("date_from"),
        last=days.get("date_to"),
        format=format,
        write=lambda text: out.write(text.encode()),
        progress=tell,
    )
