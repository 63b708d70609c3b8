"""Checks of payments: what they say was credited, given back and taken is in the books, once."""

from __future__ import annotations

from billing.verification.check import OF_MASTER, Check, code

CHECKS = [
    Check(
        "money that was told twice is other money of its payment, in its currency, and that alone",
        f"""
        SELECT a.master_id, format(
            'arrival %%s of payment %%s, %%s %%s: said to be the same as %%s, %%s %%s (%%s)',
            a.gateway_reference, a.payment_id, a.amount, a.currency, o.gateway_reference, o.amount,
            o.currency, o.state)
        FROM billing_arrival a JOIN billing_arrival o ON o.id = a.same_as_id
        WHERE {OF_MASTER.format("a")}
          AND (o.payment_id <> a.payment_id OR o.currency <> a.currency OR o.state = 'same'
               OR a.gateway_reference LIKE 'camt/%%' AND o.gateway_reference NOT LIKE 'hand/%%')
        ORDER BY a.master_id, a.id""",
    ),
    Check(
        "what a payment says was credited, refunded and charged back is what became of it",
        f"""
        SELECT p.master_id, format(
            'payment %%s: credited %%s, refunded %%s, charged back %%s;'
            ' its arrivals, refunds and disputes give %%s, %%s, %%s',
            p.reference, p.credited, p.refunded, p.charged_back, a.credited, r.refunded, d.taken)
        FROM billing_payment p
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(a.credited), 0) AS credited FROM billing_arrival a
            WHERE a.payment_id = p.id) a
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(r.amount), 0) AS refunded FROM billing_refund r
            WHERE r.payment_id = p.id AND r.state = 'done') r
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(d.taken), 0) AS taken FROM billing_dispute d
            WHERE d.payment_id = p.id AND d.state <> 'won') d
        WHERE {OF_MASTER.format("p")}
          AND (p.credited, p.refunded, p.charged_back) <> (a.credited, r.refunded, d.taken)
        ORDER BY p.master_id, p.created_at""",
    ),
    Check(
        "each payment's entries are what was credited, refunded and charged back",
        f"""
        SELECT p.master_id, format(
            'payment %%s of account %%s: %%s left of it, its entries give %%s', p.reference,
            {code("p.account_id")}, p.credited - p.refunded - p.charged_back,
            coalesce(e.amount, 0))
        FROM billing_payment p
        LEFT JOIN (
            -- All postings of a payment begin with its id.
            SELECT e.master_id, left(e.reference, 36) AS payment, sum(e.amount) AS amount
            FROM billing_entry e
            WHERE e.origin = 'payment' AND {OF_MASTER.format("e")}
            GROUP BY 1, 2) e ON e.master_id = p.master_id AND e.payment = p.id::text
        WHERE {OF_MASTER.format("p")}
          AND p.credited - p.refunded - p.charged_back <> coalesce(e.amount, 0)
        ORDER BY p.master_id, p.created_at""",
    ),
    Check(
        "receipts are numbered 1, 2, 3 in each company and year",
        f"""
        SELECT a.master_id, format('receipt %%s-%%s: it is the %%s. of its year, the counter is at'
            ' %%s', a.receipt_year, a.receipt_number, a.nth, coalesce(c.last::text, 'nothing'))
        FROM (
            SELECT a.*, row_number() OVER year AS nth, count(*) OVER (
                PARTITION BY a.master_id, a.receipt_year) AS whole
            FROM billing_arrival a
            WHERE a.receipt_number IS NOT NULL AND {OF_MASTER.format("a")}
            WINDOW year AS (PARTITION BY a.master_id, a.receipt_year ORDER BY a.receipt_number)) a
        LEFT JOIN billing_receiptcounter c ON c.master_id = a.master_id AND c.year = a.receipt_year
        WHERE a.receipt_number <> a.nth OR c.last IS DISTINCT FROM a.whole
        ORDER BY a.master_id, a.receipt_year, a.receipt_number""",
    ),
    Check(
        "what is set apart for a refund is set apart while it is under way, and no longer",
        f"""
        SELECT r.master_id, format('refund %%s of %%s, %%s: its hold is %%s', r.id, r.amount,
            r.state, coalesce(h.state, 'missing'))
        FROM billing_refund r
        LEFT JOIN billing_hold h ON h.master_id = r.master_id AND h.id = r.hold_id
        WHERE {OF_MASTER.format("r")} AND r.hold_id IS NOT NULL
          AND (h.id IS NULL OR h.amount <> r.amount
               -- One that took longer than a hold may last is posted past the limit.
               OR h.state <> 'expired' AND (h.state = 'open') <> (r.state = 'requested'))
        ORDER BY r.master_id, r.id""",
    ),
]
