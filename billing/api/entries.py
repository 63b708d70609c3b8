"""GET .../entries: what moved a holder's balance, in its order, nothing missed and nothing twice.

``seq`` is given out under the lock of the holder's balance and without gaps, so entry n is seen by
everyone before there is an n + 1: to continue behind the last one seen misses nothing, also while
others write.
"""

from __future__ import annotations

from typing import Any

import orjson
from django.db import connection
from django.http import HttpRequest, HttpResponse

from billing.api import fields, places
from billing.api.auth import bearer_of
from billing.api.bodies import JSON
from billing.api.charges import moment

MOST_ENTRIES = 1_000
MOST_SEQ = 2**63 - 1

PAGE = """
SELECT e.seq, a.code, e.kind, e.origin, e.reference, e.description,
       e.amount, e.balance_after, e.posted_at, e.occurred_at, e.hold_id
FROM billing_entry e JOIN accounts_account a ON a.id = e.account_id
-- (SELECT ...): which company it is the planner must not know, see billing.ledger_sql.
WHERE e.master_id = (SELECT %s::bigint) AND e.holder_id = %s AND e.seq > %s
ORDER BY e.seq LIMIT %s
"""


def entries(request: HttpRequest, master: str, account: str) -> HttpResponse:
    """The holder's entries behind ``after``; three queries, whatever the number."""
    fields.check_query(request, "after", "limit")
    after = fields.query_number(request, "after", default=0, least=0, most=MOST_SEQ)
    limit = fields.query_number(request, "limit", default=100, least=1, most=MOST_ENTRIES)
    place = places.find_place(bearer_of(request), master, account)
    with connection.cursor() as cursor:
        cursor.execute(PAGE, [place.company.id, place.id, after, limit + 1])
        found = cursor.fetchall()
    shown = found[:limit]
    document = {
        "entries": [_entry(row) for row in shown],
        # Always there, so that whoever follows the books can simply ask again with it.
        "next": shown[-1][0] if shown else after,
        "more": len(found) > limit,
    }
    return HttpResponse(orjson.dumps(document), content_type=JSON)


def _entry(row: tuple[Any, ...]) -> dict[str, Any]:
    seq, code, kind, origin, reference, description, amount, after, posted, occurred, hold = row
    return {
        "seq": seq,
        "account": code,
        "kind": kind,
        "origin": origin,
        "reference": reference,
        "description": description,
        "amount": f"{amount:.6f}",
        "balance_after": f"{after:.6f}",
        "posted_at": moment(posted),
        "occurred_at": None if occurred is None else moment(occurred),
        "hold": None if hold is None else str(hold),
    }
