"""JSON: an object with a heading, the rows and their totals; amounts are strings, so none is
rounded on its way. Written row by row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, BinaryIO

import orjson
from django.utils import timezone

from console import money
from reports.exports.base import Progress, counted_rows, period_of
from reports.filters import TransactionFilter
from reports.queries import Scope
from reports.rows import Row


def write(scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress) -> int:
    """Write the object; whoever reads it may ignore keys that it does not know."""
    company = scope.company
    first, last = period_of(filters)
    heading = {
        "report": "transactions",
        "company": {"code": company.code, "name": company.name},
        "currency": company.currency,
        "time_zone": company.time_zone,
        "from": first or None,
        "to": last or None,
        "selected": filters.in_words,
        "made_at": timezone.localtime(timezone=company.zone).isoformat(),
    }
    # The object is left open for what follows.
    out.write(orjson.dumps(heading)[:-1] + b',"rows":[')
    count, money_in, money_out = 0, Decimal(0), Decimal(0)
    for count, row in enumerate(counted_rows(scope, filters, progress), start=1):
        out.write(b"\n" if count == 1 else b",\n")
        out.write(orjson.dumps(_as_json(row, company.decimals)))
        if row.amount > 0:
            money_in += row.amount
        else:
            money_out += row.amount
    totals = {
        "rows": count,
        "in": money.plain_amount(money_in, company.decimals),
        "out": money.plain_amount(money_out, company.decimals),
        "net": money.plain_amount(money_in + money_out, company.decimals),
    }
    out.write(b'\n],"totals":' + orjson.dumps(totals) + b"}\n")
    return count


def _as_json(row: Row, decimals: int) -> dict[str, Any]:
    """The row by its own names. Moments are local, with their offset, to the microsecond."""
    values = row._asdict()
    values["posted_at"] = row.posted_at.isoformat()
    values["occurred_at"] = row.occurred_at and row.occurred_at.isoformat()
    values["amount"] = money.plain_amount(row.amount, decimals)
    if row.balance_after is not None:
        values["balance_after"] = money.plain_amount(row.balance_after, decimals)
    return values
