"""Checks of the days' totals, and that nothing passed a cap or a limit but on purpose."""

from __future__ import annotations

from billing.verification.check import ENTRY, OF_MASTER, Check, code
from billing.verification.contra import CONTRA_OF

# What changes what counts against an account's cap: usage and its reversals by month, and what
# holds reserve. What lowers it comes first where moments are the same: it may have come so.
MOVES = f"""
    SELECT e.master_id, e.account_id, e.posted_at AS at,
        CASE WHEN e.amount > 0 OR e.hold_id IS NOT NULL THEN 0 ELSE 1 END AS rank, e.seq,
        -e.amount AS spent, CASE WHEN e.hold_id IS NOT NULL THEN e.amount ELSE 0 END AS held,
        e.limit_enforced AND e.hold_id IS NULL AND e.amount < 0 AS was_asked,
        format('%%s %%s', e.kind, e.reference) AS what
    FROM billing_entry e JOIN capped USING (master_id, account_id)
    WHERE {CONTRA_OF} = 'usage_revenue'
    UNION ALL
    SELECT h.master_id, h.account_id, h.placed_at, 1, 0, 0, h.amount, true,
        format('hold %%s', h.reference)
    FROM billing_hold h JOIN capped USING (master_id, account_id)
    WHERE h.origin <> 'payment'
    UNION ALL
    SELECT h.master_id, h.account_id, least(h.ended_at, h.expires_at), 0, 0, 0,
        h.captured - h.amount, false, 'end of a hold'
    FROM billing_hold h JOIN capped USING (master_id, account_id)
    WHERE h.origin <> 'payment' AND (h.state <> 'open' OR h.expires_at <= clock_timestamp())"""

CHECKS = [
    Check(
        "each day's totals are those of its entries",
        f"""
        SELECT master_id, format(
            '%%s of account %%s on %%s (%%s): %%s in, %%s out by %%s entries;'
            ' its entries give %%s, %%s, %%s',
            kind, {code("account_id")}, day, contra,
            coalesce(t.amount_in, 0), coalesce(t.amount_out, 0), coalesce(t.entries, 0),
            coalesce(e.amount_in, 0), coalesce(e.amount_out, 0), coalesce(e.entries, 0))
        FROM (SELECT * FROM billing_dailytotal t WHERE {OF_MASTER.format("t")}) t
        FULL JOIN (
            SELECT e.master_id, e.account_id, e.holder_id, e.kind, {CONTRA_OF} AS contra,
                (e.posted_at AT TIME ZONE nullif(m.time_zone, ''))::date AS day,
                sum(greatest(e.amount, 0)) AS amount_in, -sum(least(e.amount, 0)) AS amount_out,
                count(*) AS entries
            FROM billing_entry e JOIN accounts_account m ON m.id = e.master_id
            WHERE {OF_MASTER.format("e")}
            GROUP BY 1, 2, 3, 4, 5, 6) e
            USING (master_id, account_id, holder_id, kind, contra, day)
        WHERE (t.amount_in, t.amount_out, t.entries)
              IS DISTINCT FROM (e.amount_in, e.amount_out, e.entries)
        ORDER BY master_id, account_id, day""",
    ),
    Check(
        "no charge or hold passed a hard spending cap but on purpose",
        f"""
        WITH capped AS (
            SELECT DISTINCT c.master_id, c.account_id FROM billing_capchange c
            WHERE c.new IS NOT NULL AND c.new_is_hard AND {OF_MASTER.format("c")}),
        moves AS ({MOVES}),
        used AS (
            SELECT m.*,
                sum(m.spent) OVER (
                    PARTITION BY m.master_id, m.account_id,
                        date_trunc('month', m.at AT TIME ZONE nullif(a.time_zone, ''))
                    ORDER BY m.at, m.rank, m.seq ROWS UNBOUNDED PRECEDING)
                + sum(m.held) OVER (
                    PARTITION BY m.master_id, m.account_id
                    ORDER BY m.at, m.rank, m.seq ROWS UNBOUNDED PRECEDING) AS used
            FROM moves m JOIN accounts_account a ON a.id = m.master_id),
        -- In force after the one change and before the next.
        caps AS (
            SELECT c.master_id, c.account_id, c.new AS cap, c.changed_at AS since,
                lead(c.changed_at, 1, 'infinity') OVER (
                    PARTITION BY c.master_id, c.account_id ORDER BY c.id) AS until, c.new_is_hard
            FROM billing_capchange c)
        SELECT u.master_id, format('%%s of account %%s: %%s of its cap of %%s used', u.what,
            {code("u.account_id")}, u.used, c.cap)
        FROM used u JOIN caps c ON c.master_id = u.master_id AND c.account_id = u.account_id
            AND u.at > c.since AND u.at < c.until
        WHERE u.was_asked AND c.new_is_hard AND u.used > c.cap
        ORDER BY u.master_id, u.account_id, u.at""",
    ),
    Check(
        "nothing that was asked for passed the credit limit",
        f"""
        SELECT e.master_id, {ENTRY} || format(
            ': leads to %%s, the credit limit was %%s', e.balance_after, e.credit_limit)
        FROM (
            SELECT e.*, coalesce(c.new, 0) AS credit_limit, c.changed_at AS since
            FROM billing_entry e
            LEFT JOIN LATERAL (
                SELECT c.new, c.changed_at FROM billing_creditlimitchange c
                WHERE c.master_id = e.master_id AND c.account_id = e.holder_id
                  AND c.changed_at <= e.posted_at
                ORDER BY c.id DESC LIMIT 1) c ON true
            WHERE e.balance_after < 0 AND e.amount < 0 AND e.hold_id IS NULL AND e.limit_enforced
              AND {OF_MASTER.format("e")}) e
        -- At the very moment of a change either may have been first.
        WHERE -e.balance_after > e.credit_limit AND e.since IS DISTINCT FROM e.posted_at
        ORDER BY e.master_id, e.holder_id, e.seq""",
    ),
]
