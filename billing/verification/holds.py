"""Checks of holds: what is reserved, what was captured of it, and how it ended."""

from __future__ import annotations

from billing.verification.check import ENTRY, OF_MASTER, Check, code

HOLD = (
    "format('hold %%s (%%s %%s) of account %%s',"
    f" h.id, h.origin, h.reference, {code('h.account_id')})"
)

CHECKS = [
    Check(
        "what is on hold is the sum of the open holds",
        f"""
        SELECT b.master_id, format('balance of account %%s: %%s on hold, open holds give %%s',
            {code("b.account_id")}, b.on_hold, coalesce(h.remaining, 0))
        FROM billing_balance b
        LEFT JOIN (
            SELECT h.master_id, h.holder_id, sum(h.amount - h.captured) AS remaining
            FROM billing_hold h
            WHERE h.state = 'open' AND {OF_MASTER.format("h")}
            GROUP BY h.master_id, h.holder_id) h
            ON h.master_id = b.master_id AND h.holder_id = b.account_id
        WHERE {OF_MASTER.format("b")} AND b.on_hold <> coalesce(h.remaining, 0)
        ORDER BY b.master_id, b.account_id""",
    ),
    Check(
        "every hold stands in a tree it belongs to",
        f"""
        SELECT h.master_id, {HOLD} || ': its account, holder and master do not belong together'
        FROM billing_hold h
        LEFT JOIN accounts_account a ON a.id = h.account_id
        LEFT JOIN billing_balance b ON b.master_id = h.master_id AND b.account_id = h.holder_id
        WHERE {OF_MASTER.format("h")}
          AND (a.id IS NULL OR b.account_id IS NULL OR a.master_id <> h.master_id
               OR h.holder_id NOT IN (h.account_id, h.master_id))
        ORDER BY h.master_id, h.id""",
    ),
    Check(
        "what was captured of a hold is the sum of its entries, and never more than was held",
        f"""
        SELECT h.master_id, {HOLD} || format(': %%s of %%s captured, its entries give %%s',
            h.captured, h.amount, coalesce(e.captured, 0))
        FROM billing_hold h
        LEFT JOIN (
            SELECT e.master_id, e.hold_id, -sum(e.amount) AS captured
            FROM billing_entry e
            WHERE e.hold_id IS NOT NULL AND {OF_MASTER.format("e")}
            GROUP BY e.master_id, e.hold_id) e ON e.master_id = h.master_id AND e.hold_id = h.id
        WHERE {OF_MASTER.format("h")}
          AND (h.captured <> coalesce(e.captured, 0) OR h.captured > h.amount)
        ORDER BY h.master_id, h.id""",
    ),
    Check(
        "what was captured is usage of the hold's account and holder, from before its time",
        f"""
        SELECT e.master_id, {ENTRY} || CASE
            WHEN h.id IS NULL THEN format(': there is no hold %%s', e.hold_id)
            WHEN e.kind <> 'usage' THEN format(': captures hold %%s, but is %%s', h.id, e.kind)
            WHEN e.posted_at >= h.expires_at THEN format(
                ': posted %%s, but hold %%s expired %%s', e.posted_at, h.id, h.expires_at)
            ELSE format(': is of account %%s, hold %%s is of account %%s, holder %%s',
                {code("e.account_id")}, h.id, {code("h.account_id")}, {code("h.holder_id")}) END
        FROM billing_entry e
        LEFT JOIN billing_hold h ON h.master_id = e.master_id AND h.id = e.hold_id
        WHERE e.hold_id IS NOT NULL AND {OF_MASTER.format("e")}
          AND (h.id IS NULL OR e.kind <> 'usage' OR e.posted_at >= h.expires_at
               OR (e.account_id, e.holder_id) <> (h.account_id, h.holder_id))
        ORDER BY e.master_id, e.holder_id, e.seq""",
    ),
    Check(
        "a hold ends once: captured, released, or expired when its time had come",
        f"""
        SELECT h.master_id, {HOLD} || format(
            ': %%s, %%s of %%s captured, ended %%s, would expire %%s',
            h.state, h.captured, h.amount, coalesce(h.ended_at::text, 'not yet'), h.expires_at)
        FROM billing_hold h
        WHERE {OF_MASTER.format("h")} AND NOT CASE h.state
            WHEN 'open' THEN h.ended_at IS NULL AND h.captured < h.amount
            WHEN 'captured' THEN h.captured > 0 AND h.ended_at IS NOT NULL
                AND h.ended_at < h.expires_at
            WHEN 'released' THEN h.captured < h.amount AND h.ended_at IS NOT NULL
                AND h.ended_at < h.expires_at
            WHEN 'expired' THEN h.captured < h.amount AND h.ended_at IS NOT NULL
            ELSE false END
        ORDER BY h.master_id, h.id""",
    ),
]
