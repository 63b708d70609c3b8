"""Checks of what was changed by hand: credit limits, spending caps, modes, states and names."""

from __future__ import annotations

from billing.verification.check import OF_MASTER, Check, code

CHECKS = [
    Check(
        "the history of each credit limit is a chain that ends at the limit in force",
        f"""
        SELECT l.master_id, format('credit limit of account %%s: %%s',
            {code("l.account_id")}, l.trouble)
        FROM (
            SELECT c.master_id, c.account_id, c.id AS nth, format(
                'change %%s starts from %%s, the one before ended at %%s', c.id, c.old, c.before)
                AS trouble
            FROM (SELECT c.*, lag(c.new, 1, 0::numeric) OVER (
                      PARTITION BY c.master_id, c.account_id ORDER BY c.id) AS before
                  FROM billing_creditlimitchange c) c
            WHERE c.old <> c.before
            UNION ALL
            SELECT b.master_id, b.account_id, NULL, format(
                'in force %%s, its history ends at %%s', b.credit_limit, coalesce(c.new, 0))
            FROM billing_balance b
            LEFT JOIN (
                SELECT DISTINCT ON (master_id, account_id) master_id, account_id, new
                FROM billing_creditlimitchange ORDER BY master_id, account_id, id DESC) c
                ON c.master_id = b.master_id AND c.account_id = b.account_id
            WHERE b.credit_limit <> coalesce(c.new, 0)) l
        WHERE {OF_MASTER.format("l")}
        ORDER BY l.master_id, l.account_id, l.nth""",
    ),
    Check(
        "the history of each account ends at its name, mode and state",
        f"""
        SELECT a.master_id, format('account %%s: %%s, %%s, %%s; its history ends at %%s', a.code,
            a.name, a.balance_mode, a.state,
            coalesce(format('%%s, %%s, %%s', c.name, c.mode, c.state), 'nothing'))
        FROM accounts_account a
        LEFT JOIN LATERAL (
            SELECT * FROM billing_accountchange c
            WHERE c.master_id = a.master_id AND c.account_id = a.id
            ORDER BY c.id DESC LIMIT 1) c ON true
        WHERE {OF_MASTER.format("a")}
          AND (c.name, c.mode, c.state) IS DISTINCT FROM (a.name, a.balance_mode, a.state)
        ORDER BY a.master_id, a.id""",
    ),
    Check(
        "the history of each spending cap is a chain that ends at the cap in force",
        f"""
        SELECT l.master_id, format('spending cap of account %%s: %%s',
            {code("l.account_id")}, l.trouble)
        FROM (
            SELECT c.master_id, c.account_id, c.id AS nth, format(
                'change %%s starts from %%s, the one before ended at %%s', c.id,
                coalesce(c.old::text, 'none'), coalesce(c.before::text, 'none')) AS trouble
            FROM (SELECT c.*,
                      lag(c.new) OVER account AS before,
                      lag(c.new_is_hard, 1, true) OVER account AS before_is_hard
                  FROM billing_capchange c
                  WINDOW account AS (PARTITION BY c.master_id, c.account_id ORDER BY c.id)) c
            WHERE (c.old, c.old_is_hard) IS DISTINCT FROM (c.before, c.before_is_hard)
            UNION ALL
            SELECT b.master_id, b.account_id, NULL, format(
                'in force %%s, its history ends at %%s', coalesce(b.cap::text, 'none'),
                coalesce(c.new::text, 'none'))
            FROM billing_balance b
            LEFT JOIN (
                SELECT DISTINCT ON (master_id, account_id) *
                FROM billing_capchange ORDER BY master_id, account_id, id DESC) c
                ON c.master_id = b.master_id AND c.account_id = b.account_id
            WHERE (b.cap, b.cap_is_hard)
                  IS DISTINCT FROM (c.new, coalesce(c.new_is_hard, true))) l
        WHERE {OF_MASTER.format("l")}
        ORDER BY l.master_id, l.account_id, l.nth""",
    ),
]
