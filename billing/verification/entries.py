"""Checks of entries, balances, transfers and the history of credit limits."""

from __future__ import annotations

from billing.verification.check import ENTRY, OF_MASTER, Check, code

CHECKS = [
    Check(
        "every entry stands in a tree it belongs to",
        f"""
        SELECT e.master_id, {ENTRY} || ': its account, holder and master do not belong together'
        FROM billing_entry e
        LEFT JOIN accounts_account a ON a.id = e.account_id
        LEFT JOIN billing_balance b ON b.master_id = e.master_id AND b.account_id = e.holder_id
        WHERE {OF_MASTER.format("e")}
          AND (a.id IS NULL OR b.account_id IS NULL OR a.master_id <> e.master_id
               OR e.holder_id NOT IN (e.account_id, e.master_id))
        ORDER BY e.master_id, e.holder_id, e.seq""",
    ),
    Check(
        "seq counts 1, 2, 3 per holder, time never runs backwards, the running balance is right",
        f"""
        SELECT e.master_id, {ENTRY} || CASE
            WHEN e.seq <> e.nth THEN format(': seq should be %%s', e.nth)
            WHEN e.posted_at < e.before_at THEN format(': posted %%s, after one of %%s',
                                                       e.posted_at, e.before_at)
            ELSE format(': amount %%s on %%s gives %%s, the books say %%s',
                        e.amount, e.before, e.before + e.amount, e.balance_after) END
        FROM (
            SELECT e.*,
                row_number() OVER holder AS nth,
                lag(balance_after, 1, 0::numeric) OVER holder AS before,
                lag(posted_at) OVER holder AS before_at
            FROM billing_entry e
            WHERE {OF_MASTER.format("e")}
            WINDOW holder AS (PARTITION BY master_id, holder_id ORDER BY seq)) e
        WHERE e.seq <> e.nth OR e.posted_at < e.before_at
           OR e.balance_after <> e.before + e.amount
        ORDER BY e.master_id, e.holder_id, e.seq""",
    ),
    Check(
        "each balance is the sum of its entries and knows the last of them",
        f"""
        SELECT b.master_id, format(
            'balance of account %%s: credit %%s, last entry %%s at %%s;'
            ' its entries give %%s, %%s, %%s',
            {code("b.account_id")}, b.credit, b.last_seq, b.last_posted_at,
            coalesce(e.credit, 0), coalesce(e.seq, 0), e.posted_at)
        FROM billing_balance b
        LEFT JOIN (
            SELECT e.master_id, e.holder_id, sum(e.amount) AS credit, max(e.seq) AS seq,
                   max(e.posted_at) AS posted_at
            FROM billing_entry e
            WHERE {OF_MASTER.format("e")} GROUP BY e.master_id, e.holder_id) e
            ON e.master_id = b.master_id AND e.holder_id = b.account_id
        WHERE {OF_MASTER.format("b")}
          AND (b.credit <> coalesce(e.credit, 0) OR b.last_seq <> coalesce(e.seq, 0)
               OR b.last_posted_at IS DISTINCT FROM e.posted_at)
        ORDER BY b.master_id, b.account_id""",
    ),
    Check(
        "a reference stands for one posting: its legs are 0, 1, 2... of one kind",
        f"""
        SELECT e.master_id, format('posting %%s %%s: %%s entries, legs %%s to %%s, kinds %%s',
            e.origin, e.reference, count(*), min(e.leg), max(e.leg),
            string_agg(DISTINCT e.kind, ', '))
        FROM billing_entry e
        WHERE {OF_MASTER.format("e")}
        GROUP BY e.master_id, e.origin, e.reference
        HAVING count(DISTINCT e.leg) <> count(*) OR min(e.leg) <> 0 OR max(e.leg) <> count(*) - 1
            OR min(e.kind) <> max(e.kind)
        ORDER BY e.master_id, e.origin, e.reference""",
    ),
    Check(
        "transfers net to zero and move balances of their own",
        f"""
        SELECT e.master_id, format(
            'transfer %%s %%s: nets to %%s over %%s accounts, %%s of them with another''s balance',
            e.origin, e.reference, sum(e.amount), count(DISTINCT e.account_id),
            count(*) FILTER (WHERE e.holder_id <> e.account_id))
        FROM billing_entry e
        WHERE e.kind = 'transfer' AND {OF_MASTER.format("e")}
        GROUP BY e.master_id, e.origin, e.reference
        HAVING sum(e.amount) <> 0 OR count(DISTINCT e.account_id) < 2
            OR bool_or(e.holder_id <> e.account_id)
        ORDER BY e.master_id, e.origin, e.reference""",
    ),
    Check(
        "each transfer has its two entries",
        f"""
        SELECT t.master_id, format('transfer %%s of %%s: its entries are %%s', t.id, t.amount,
            coalesce(e.legs, 'missing'))
        FROM billing_transfer t
        LEFT JOIN LATERAL (
            SELECT count(*) AS legs_count,
                count(*) FILTER (WHERE (e.leg, e.account_id, e.amount) IN (
                    (0, t.source_id, -t.amount), (1, t.destination_id, t.amount))) AS fitting,
                string_agg(format('%%s for %%s', e.amount, {code("e.account_id")}), ', '
                           ORDER BY e.leg) AS legs
            FROM billing_entry e
            WHERE e.master_id = t.master_id AND e.origin = 'console'
              AND e.reference = t.key::text AND e.kind = 'transfer') e ON true
        WHERE {OF_MASTER.format("t")} AND (e.legs_count <> 2 OR e.fitting <> 2)
        ORDER BY t.master_id, t.id""",
    ),
    Check(
        "each transfer made in the console is in its history",
        f"""
        SELECT e.master_id, {ENTRY} || ': there is no such transfer'
        FROM billing_entry e
        LEFT JOIN billing_transfer t ON t.master_id = e.master_id AND t.key::text = e.reference
        WHERE {OF_MASTER.format("e")} AND e.kind = 'transfer' AND e.origin = 'console'
          AND t.id IS NULL
        ORDER BY e.master_id, e.holder_id, e.seq""",
    ),
    Check(
        "every account has its balance, in its own mode; a shared one's is zero",
        f"""
        SELECT a.master_id, format(
            'account %%s: mode %%s, its balance row: mode %%s, credit %%s, limit %%s,'
            ' hold %%s',
            a.code, a.balance_mode, coalesce(b.mode, 'missing'), b.credit, b.credit_limit,
            b.on_hold)
        FROM accounts_account a
        LEFT JOIN billing_balance b ON b.master_id = a.master_id AND b.account_id = a.id
        WHERE {OF_MASTER.format("a")}
          AND (b.account_id IS NULL OR b.mode <> a.balance_mode
               OR (a.balance_mode = 'shared'
                   AND (b.credit, b.credit_limit, b.on_hold) <> (0, 0, 0)))
        ORDER BY a.master_id, a.id""",
    ),
]
