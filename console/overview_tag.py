"""Whether anything on the overview has moved: a tag of what its figures follow from.

One statement on the balances that the person sees, which every posting, hold, change of limit,
cap, mode, state and name moves; the rest is for whom, in which words and on which day it is.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime

from django.db import connection
from django.http import HttpRequest
from django.utils.translation import get_language

from accounts.access import Access

# Of the balance they draw on, those who do not see it are shown whether anything is left, and what
# was spent from it for their accounts: the number of their entries stands for that. A hold that is
# over counts no longer against a cap, though its balance carries it until it is swept.
READ_STATE = """
SELECT md5(string_agg(ROW(
    b.account_id, b.mode, b.last_seq, b.credit_limit, b.on_hold, b.cap, b.cap_is_hard,
    a.name, a.state,
    CASE WHEN b.cap IS NOT NULL THEN (
        SELECT sum(h.amount - h.captured) FROM billing_hold h
        WHERE h.master_id = b.master_id AND h.account_id = b.account_id
          AND h.state = 'open' AND h.expires_at > %(now)s) END
    )::text, ' ' ORDER BY b.account_id)),
    (SELECT credit + credit_limit <= on_hold FROM billing_balance
     WHERE master_id = %(master)s AND account_id = %(master)s),
    (SELECT sum(entries) FROM billing_dailytotal
     WHERE master_id = %(master)s AND account_id = ANY(%(accounts)s))
FROM billing_balance b JOIN accounts_account a ON a.id = b.account_id
WHERE b.master_id = %(master)s AND (%(all)s OR b.account_id = ANY(%(accounts)s))
"""


def tag_of(request: HttpRequest, access: Access, now: datetime, today: date) -> str:
    """A weak ETag for this person, address and day: another one when anything shown has changed.

    Read it before the figures: what moves in between then has a newer tag. One query.
    """
    company = access.company
    with connection.cursor() as cursor:
        cursor.execute(
            READ_STATE,
            {
                "master": company.pk,
                "now": now,
                "all": access.sees_tree,
                "accounts": [] if access.sees_tree else list(access.roles),
            },
        )
        state = cursor.fetchone()
    reader = (access.user.pk, access.user.is_staff, sorted(access.roles.items()))
    about = (company.name, company.state, company.currency, company.time_zone)
    # A read-only view has its banner, which says until when.
    viewing = getattr(request, "viewing", None)
    view = viewing and viewing.began
    facts = (state, reader, view, about, get_language(), request.get_full_path(), today)
    return f'W/"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}"'
