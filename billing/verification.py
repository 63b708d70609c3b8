"""Proof of the books: recompute everything from the entries and name what does not fit.

Each check is one set-based statement that returns the rows that are wrong; all of them, and the
counts, read one REPEATABLE READ snapshot, so that charges may go on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction


@dataclass(frozen=True, slots=True)
class Check:
    """``sql`` selects (master_id, sentence about the row), in the order of the books."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that failed: how many rows are wrong, and a sentence about the first."""

    check: str
    rows: int
    first: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was wrong; ``credit`` is the total by currency."""

    counts: dict[str, int]
    credit: dict[str, Decimal]
    checks: list[str]
    findings: list[Finding]

    @property
    def is_clean(self) -> bool:
        """Whether everything fits."""
        return not self.findings


# %(master)s is a master account's id, or NULL for the whole database.
OF_MASTER = "(%(master)s::bigint IS NULL OR {}.master_id = %(master)s)"


def _code(account: str) -> str:
    """SQL for the code of the account with this id, or the id where there is no such account."""
    return f"coalesce((SELECT code FROM accounts_account WHERE id = {account}), {account}::text)"


ENTRY = (
    "format('entry %%s of holder %%s (reference %%s, leg %%s)',"
    f" e.seq, {_code('e.holder_id')}, e.reference, e.leg)"
)

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
            {_code("b.account_id")}, b.credit, b.last_seq, b.last_posted_at,
            coalesce(e.credit, 0), coalesce(e.seq, 0), e.posted_at)
        FROM billing_balance b
        LEFT JOIN (
            SELECT master_id, holder_id, sum(amount) AS credit, max(seq) AS seq,
                   max(posted_at) AS posted_at
            FROM billing_entry GROUP BY master_id, holder_id) e
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
                string_agg(format('%%s for %%s', e.amount, {_code("e.account_id")}), ', '
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
    Check(
        "the history of each credit limit is a chain that ends at the limit in force",
        f"""
        SELECT l.master_id, format('credit limit of account %%s: %%s',
            {_code("l.account_id")}, l.trouble)
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
    # There are no holds yet: nothing can be on hold.
    Check(
        "what is on hold is the sum of the open holds",
        f"""
        SELECT b.master_id, format('balance of account %%s: %%s on hold, open holds give 0',
            {_code("b.account_id")}, b.on_hold)
        FROM billing_balance b
        WHERE {OF_MASTER.format("b")} AND b.on_hold <> 0
        ORDER BY b.master_id, b.account_id""",
    ),
]

CREDIT = f"""
SELECT a.currency, sum(b.credit)
FROM billing_balance b JOIN accounts_account a ON a.id = b.master_id
WHERE {OF_MASTER.format("b")}
GROUP BY a.currency ORDER BY a.currency"""

COUNTS = {
    "entries": "billing_entry",
    "balances": "billing_balance",
    "transfers": "billing_transfer",
    "credit limit changes": "billing_creditlimitchange",
}


def verify(*, master: int | None = None) -> Report:
    """Check the books of one master account (its id), or of all. Writes and locks nothing.

    Opens a transaction of its own, so it cannot be called within one.
    """
    parameters: dict[str, Any] = {"master": master}
    findings = []
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        counts = {}
        for name, table in COUNTS.items():
            cursor.execute(
                f"SELECT count(*) FROM {table} t WHERE {OF_MASTER.format('t')}",
                parameters,
            )
            [counts[name]] = cursor.fetchone()
        cursor.execute(CREDIT, parameters)
        credit = dict(cursor.fetchall())
        for check in CHECKS:
            cursor.execute(
                f"SELECT count(*) OVER (), {_code('w.master_id')}, w.*"
                f" FROM ({check.sql}) w LIMIT 1",
                parameters,
            )
            wrong = cursor.fetchone()
            if wrong is not None:
                rows, code, _master_id, first = wrong
                findings.append(Finding(check.name, rows, f"master account {code}, {first}"))
    return Report(counts, credit, [check.name for check in CHECKS], findings)
