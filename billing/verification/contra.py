"""The platform's side of the books: the contra accounts, and what was taken back."""

from __future__ import annotations

from billing.models import CONTRA, REVERSIBLE, Kind
from billing.verification.check import OF_MASTER, Check

# The contra account of an entry `e`, as Entry.contra says it.
CONTRA_OF = (
    "CASE "
    + " ".join(f"WHEN e.kind = '{kind}' THEN '{contra}'" for kind, contra in CONTRA.items())
    + "".join(
        f" WHEN e.kind = '{Kind.REVERSAL}' AND e.reference LIKE '{kind}:%%' THEN '{CONTRA[kind]}'"
        for kind in REVERSIBLE
    )
    + " END"
)

# With the sign of double entry: what customers paid is positive, what the platform earned
# negative. Customers' credit, which it owes them, is the sum.
TOTALS = f"""
SELECT a.currency, {CONTRA_OF}, sum(e.amount)
FROM billing_entry e JOIN accounts_account a ON a.id = e.master_id
WHERE {OF_MASTER.format("e")}
GROUP BY 1, 2"""

CHECKS = [
    Check(
        "the contra accounts add up to the credit, and transfers to zero",
        f"""
        SELECT b.master_id, format('credit %%s, contra accounts %%s, of them transfers %%s',
            b.credit, coalesce(e.total, 0), coalesce(e.transfers, 0))
        FROM (
            SELECT b.master_id, sum(b.credit) AS credit FROM billing_balance b
            WHERE {OF_MASTER.format("b")} GROUP BY b.master_id) b
        LEFT JOIN (
            SELECT e.master_id, sum(e.amount) FILTER (WHERE {CONTRA_OF} IS NOT NULL) AS total,
                sum(e.amount) FILTER (WHERE {CONTRA_OF} = '{CONTRA[Kind.TRANSFER]}') AS transfers
            FROM billing_entry e
            WHERE {OF_MASTER.format("e")} GROUP BY e.master_id) e USING (master_id)
        WHERE b.credit <> coalesce(e.total, 0) OR coalesce(e.transfers, 0) <> 0
        ORDER BY b.master_id""",
    ),
    Check(
        "a reversal undoes one usage or adjustment, whole and leg by leg",
        f"""
        SELECT r.master_id, format(
            'reversal %%s %%s: %%s of its %%s legs undo one of the %%s that it names',
            r.origin, r.reference, count(e.leg), count(*),
            (SELECT count(*) FROM billing_entry u WHERE u.master_id = r.master_id
                AND u.origin = r.undone_origin AND u.reference = r.undone_reference))
        FROM (
            SELECT e.*, split_part(e.reference, ':', 1) AS undone_kind,
                split_part(e.reference, ':', 2) AS undone_origin,
                -- What is after the second colon may hold more of them.
                substr(e.reference, length(split_part(e.reference, ':', 1))
                       + length(split_part(e.reference, ':', 2)) + 3) AS undone_reference
            FROM billing_entry e
            WHERE (e.kind = 'reversal' OR e.origin = 'reversal') AND {OF_MASTER.format("e")}) r
        LEFT JOIN billing_entry e ON e.master_id = r.master_id AND e.origin = r.undone_origin
            AND e.reference = r.undone_reference AND e.leg = r.leg
            AND e.kind = r.undone_kind AND e.kind IN ('usage', 'adjustment')
            AND e.account_id = r.account_id AND e.amount = -r.amount
            AND r.kind = 'reversal' AND r.origin = 'reversal'
        GROUP BY r.master_id, r.origin, r.reference, r.undone_origin, r.undone_reference
        HAVING count(e.leg) <> count(*) OR count(*) <> (
            SELECT count(*) FROM billing_entry u WHERE u.master_id = r.master_id
                AND u.origin = r.undone_origin AND u.reference = r.undone_reference)
        ORDER BY r.master_id, r.reference""",
    ),
]
