"""What ``verify_ledger`` proves of transfers that are moved back, and of many at once."""

from __future__ import annotations

from billing.verification.check import OF_MASTER, Check

CHECKS = [
    Check(
        "what was moved back of a transfer is the sum of its reversals, at most all of it",
        f"""
        SELECT t.master_id, format('transfer %%s of %%s: %%s moved back, its reversals are %%s',
            t.id, t.amount, t.reversed, coalesce(r.amount, 0))
        FROM billing_transfer t
        LEFT JOIN (
            SELECT reverses_id, sum(amount) AS amount
            FROM billing_transfer WHERE reverses_id IS NOT NULL GROUP BY reverses_id) r
            ON r.reverses_id = t.id
        WHERE {OF_MASTER.format("t")}
          AND (t.reversed <> coalesce(r.amount, 0) OR coalesce(r.amount, 0) > t.amount)
        ORDER BY t.master_id, t.id""",
    ),
    Check(
        "a reversal goes the same way back, later, and is none of a reversal",
        f"""
        SELECT r.master_id, format('transfer %%s takes back transfer %%s: %%s', r.id, t.id, CASE
            WHEN t.id IS NULL THEN 'which is not there'
            WHEN t.reverses_id IS NOT NULL THEN 'which is itself a reversal'
            WHEN r.created_at < t.created_at THEN 'which was made later'
            ELSE 'but does not go the same way back' END)
        FROM billing_transfer r
        LEFT JOIN billing_transfer t ON t.id = r.reverses_id
        WHERE {OF_MASTER.format("r")} AND r.reverses_id IS NOT NULL
          AND (t.id IS NULL OR t.reverses_id IS NOT NULL OR r.created_at < t.created_at
               OR (r.master_id, r.source_id, r.destination_id)
                  <> (t.master_id, t.destination_id, t.source_id))
        ORDER BY r.master_id, r.id""",
    ),
    Check(
        "transfers to many are their lines: 0, 1, 2... from one source, and their total",
        f"""
        SELECT b.master_id, format(
            'transfers to many %%s: %%s lines of %%s in all; found %%s of %%s, lines %%s to %%s,'
            ' %%s of them from elsewhere', b.id, b.count, b.total,
            count(t.id), coalesce(sum(t.amount), 0), min(t.line), max(t.line),
            count(*) FILTER (WHERE (t.master_id, t.source_id) <> (b.master_id, b.source_id)))
        FROM billing_transferbatch b
        LEFT JOIN billing_transfer t ON t.batch_id = b.id
        WHERE {OF_MASTER.format("b")}
        GROUP BY b.id
        HAVING count(t.id) <> b.count OR coalesce(sum(t.amount), 0) <> b.total
            OR min(t.line) <> 0 OR max(t.line) <> b.count - 1
            OR count(DISTINCT t.line) <> b.count
            OR bool_or((t.master_id, t.source_id) <> (b.master_id, b.source_id))
        ORDER BY b.master_id, b.id""",
    ),
]
