"""camt.053 (ISO 20022, version 001.02): what accounting programs read as a bank's statement.

One statement for each account with a balance of its own that the person sees, with the balances at
both ends and every entry between; ``billing.camt053`` reads it, too. A statement must hold all
that moved the balance: so the selection is a period, and maybe accounts, but nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from lxml import etree

from accounts.access import Access
from accounts.models import Account, BalanceMode
from billing.models import Balance, DailyTotal, Entry
from console import money
from console.days import day_start
from reports.exports.base import (
    STEP,
    Progress,
    Unwritable,
    no_accounts_of_their_own,
)
from reports.exports.selection import chosen_accounts, narrowed_by
from reports.filters import TransactionFilter
from reports.queries import Scope
from reports.rows import Row, read_rows

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"
# Of an amount, after its point.
DECIMALS = 5
# What XML 1.0 has no way to write.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

BALANCES = """
SELECT a.id, coalesce(o.balance_after, 0), coalesce(c.balance_after, 0)
FROM unnest(%(holders)s::bigint[]) AS a (id)
LEFT JOIN LATERAL (
    SELECT balance_after FROM billing_entry e
    WHERE e.master_id = %(master)s AND e.holder_id = a.id AND e.posted_at < %(since)s
    ORDER BY posted_at DESC, seq DESC LIMIT 1) o ON true
LEFT JOIN LATERAL (
    SELECT balance_after FROM billing_entry e
    WHERE e.master_id = %(master)s AND e.holder_id = a.id AND e.posted_at < %(until)s
    ORDER BY posted_at DESC, seq DESC LIMIT 1) c ON true"""


@dataclass(frozen=True, slots=True)
class _Statement:
    holder: Account
    opening: Decimal
    closing: Decimal


def is_for(access: Access) -> bool:
    """Whether the person sees a balance, or one that was; a query where not the whole company."""
    if access.sees_tree:
        return True
    seen = Balance.objects.filter(master=access.company, account__in=access.accounts)
    return seen.filter(~Q(account__balance_mode=BalanceMode.SHARED) | Q(last_seq__gt=0)).exists()


def check(scope: Scope, filters: TransactionFilter) -> None:
    """Raise Unwritable unless the selection is a period, and whole balances."""
    days = filters.form.cleaned_data
    if not days.get("date_from") or not days.get("date_to"):
        raise Unwritable(
            _("A bank statement has a first and a last day: choose both, then export again.")
        )
    if narrowed_by(filters) - {"date_from", "date_to", "account"}:
        raise Unwritable(
            _(
                "A bank statement holds everything that moved a balance: keep the period and the"
                " accounts and clear the other filters, or choose another format."
            )
        )
    _holders(scope, filters)


def count(scope: Scope, filters: TransactionFilter) -> int:
    """How many entries the statements of a checked selection hold; two queries.

    By balance, not by account: a master account's has those of all who draw on it.
    """
    first, last = (filters.form.cleaned_data[name] for name in ("date_from", "date_to"))
    found = DailyTotal.objects.filter(
        # Naming the accounts lets the index by account and day serve a range of each.
        master=scope.company,
        account__in=scope.names.keys(),
        day__range=(first, last),
        holder__in=[holder.pk for holder in _holders(scope, filters)],
    ).aggregate(entries=Sum("entries"))
    return int(found["entries"] or 0)


def write(scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress) -> int:
    """Write one message with all statements. Raises Unwritable for what it cannot say."""
    check(scope, filters)
    days = filters.form.cleaned_data
    period = (days["date_from"], days["date_to"])
    made_at = timezone.localtime(timezone=scope.company.zone)
    count = 0
    with etree.xmlfile(out, encoding="utf-8", buffered=False) as file:
        file.write_declaration()
        with (
            file.element(_tag("Document"), nsmap={None: NAMESPACE}),
            file.element(_tag("BkToCstmrStmt")),
        ):
            file.write(_group_header(scope, made_at))
            for number, statement in enumerate(_statements(scope, filters), start=1):
                with file.element(_tag("Stmt")):
                    for part in _head(scope, statement, period, made_at, number):
                        file.write(part)
                    for row in _rows(scope, statement.holder, period):
                        file.write(_entry(row, statement.holder, scope.company))
                        count += 1
                        if count % STEP == 0:
                            progress(count)
    return count


def _holders(scope: Scope, filters: TransactionFilter) -> list[Account]:
    """The accounts that get a statement. Raises Unwritable."""
    chosen = chosen_accounts(filters)
    asked = [each for each in scope.accounts if not chosen or each.pk in chosen]
    with_books = set(
        Balance.objects.filter(
            master=scope.company, account__in=[each.pk for each in asked], last_seq__gt=0
        ).values_list("account_id", flat=True)
    )
    holders = [each for each in asked if each.pk in with_books or not each.is_shared]
    if not holders or (chosen and len(holders) < len(asked)):
        raise Unwritable(no_accounts_of_their_own())
    return holders


def _statements(scope: Scope, filters: TransactionFilter) -> Iterator[_Statement]:
    holders = _holders(scope, filters)
    since, until = _moments(
        scope, (filters.form.cleaned_data["date_from"], filters.form.cleaned_data["date_to"])
    )
    with connection.cursor() as cursor:
        cursor.execute(
            BALANCES,
            {
                "holders": [each.pk for each in holders],
                "master": scope.company.pk,
                "since": since,
                "until": until,
            },
        )
        balances = {holder: both for holder, *both in cursor.fetchall()}
    for holder in holders:
        yield _Statement(holder, *balances[holder.pk])


def _moments(scope: Scope, period: tuple[date, date]) -> tuple[datetime, datetime]:
    """The first moment of the period, and the first after it."""
    zone = scope.company.zone
    return day_start(period[0], zone), day_start(period[1] + timedelta(days=1), zone)


def _rows(scope: Scope, holder: Account, period: tuple[date, date]) -> Iterator[Row]:
    since, until = _moments(scope, period)
    entries = Entry.objects.filter(
        master=scope.company, holder=holder, posted_at__gte=since, posted_at__lt=until
    )
    yield from read_rows(scope, entries.select_related("by").order_by("posted_at", "seq"))


def _group_header(scope: Scope, made_at: datetime) -> Any:
    return _element(
        "GrpHdr",
        _element("MsgId", f"{scope.company.code[:15]}-{made_at:%Y%m%d%H%M%S%f}"[:35]),
        _element("CreDtTm", _moment(made_at)),
    )


def _head(
    scope: Scope,
    statement: _Statement,
    period: tuple[date, date],
    made_at: datetime,
    number: int,
) -> Iterator[Any]:
    """What stands before the entries, in the standard's order."""
    holder, (first, last) = statement.holder, period
    since, until = _moments(scope, period)
    zone = scope.company.zone
    yield _element("Id", f"{holder.pk}-{first:%Y%m%d}-{last:%Y%m%d}")
    yield _element("ElctrncSeqNb", str(number))
    yield _element("CreDtTm", _moment(made_at))
    yield _element(
        "FrToDt",
        _element("FrDtTm", _moment(since.astimezone(zone))),
        _element("ToDtTm", _moment((until - timedelta(seconds=1)).astimezone(zone))),
    )
    # A code may be longer than the standard's 34 signs: then the account's number stands for it.
    code = holder.code if len(holder.code) <= 34 else str(holder.pk)
    yield _element(
        "Acct",
        _element("Id", _element("Othr", _element("Id", code))),
        _element("Ccy", scope.company.currency),
        _element("Nm", holder.name[:70]),
        _element("Ownr", _element("Nm", scope.company.name[:140])),
    )
    for kind, amount, day in (
        ("OPBD", statement.opening, first),
        ("CLBD", statement.closing, last),
    ):
        yield _element(
            "Bal",
            _element("Tp", _element("CdOrPrtry", _element("Cd", kind))),
            *_amount(amount, scope.company),
            _element("Dt", _element("Dt", day.isoformat())),
        )


def _entry(row: Row, holder: Account, company: Account) -> Any:
    day = row.posted_at.date().isoformat()
    reference = row.reference if len(row.reference) <= 35 else "NOTPROVIDED"
    about = " · ".join(filter(None, (row.description, row.by, row.account_name)))
    texts = [about] if row.reference in about else [about, row.reference]
    return _element(
        "Ntry",
        _element("NtryRef", str(row.seq)),
        *_amount(row.amount, company),
        _element("Sts", "BOOK"),
        _element("BookgDt", _element("Dt", day)),
        _element("ValDt", _element("Dt", day)),
        _element("AcctSvcrRef", f"{holder.pk}-{row.seq}"),
        _element("BkTxCd", _element("Prtry", _element("Cd", row.kind))),
        _element(
            "NtryDtls",
            _element(
                "TxDtls",
                _element("Refs", _element("EndToEndId", reference)),
                _element(
                    "RmtInf",
                    *(_element("Ustrd", part) for text in texts for part in _parts(text)),
                ),
            ),
        ),
    )


def _amount(value: Decimal, company: Account) -> Iterator[Any]:
    """The amount without its sign, and which way it goes. Raises Unwritable."""
    text = money.plain_amount(abs(value), company.decimals)
    if len(text.partition(".")[2]) > DECIMALS:
        raise Unwritable(
            _(
                "%(currency)s %(amount)s has more than five decimals, which a bank statement"
                " cannot say. Export CSV, Excel or JSON instead."
            )
            % {"currency": company.currency, "amount": text}
        )
    element = _element("Amt", text)
    element.set("Ccy", company.currency)
    yield element
    yield _element("CdtDbtInd", "DBIT" if value < 0 else "CRDT")


def _parts(text: str) -> list[str]:
    """The text in pieces of the standard's length."""
    return [text[at : at + 140] for at in range(0, len(text), 140)]


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _element(name: str, *content: Any) -> Any:
    """An element of the standard with a text, or with others in it."""
    element = etree.Element(_tag(name), nsmap={None: NAMESPACE})
    for each in content:
        if isinstance(each, str):
            element.text = _UNSPEAKABLE.sub("\ufffd", each)
        else:
            element.append(each)
    return element
