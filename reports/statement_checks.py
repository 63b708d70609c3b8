"""Proof of the statements: that each one says what the entries say."""

from __future__ import annotations

from django.db import connection, transaction

from billing.verification import Finding
from billing.verification.check import OF_MASTER, Check, code

NAME = f"format('statement %%s-%%s of holder %%s', s.year, s.number, {code('s.holder_id')})"
# The moments at which its days begin and end, in the company's zone.
STATED = f"""
    SELECT s.*, {NAME} AS name,
        s.first::timestamp AT TIME ZONE m.time_zone AS starts,
        least((s.last + 1)::timestamp AT TIME ZONE m.time_zone,
              CASE WHEN s.is_final THEN 'infinity' ELSE s.issued_at END) AS ends
    FROM reports_statement s JOIN accounts_account m ON m.id = s.master_id
    WHERE {OF_MASTER.format("s")}"""

CHECKS = [
    Check(
        "each statement's opening, closing, sum and number of movements are those of its entries",
        f"""
        SELECT s.master_id, s.name || format(
            ': %%s to %%s by %%s movements; its entries: %%s to %%s by %%s, together %%s',
            s.opening, s.closing, s.entries, coalesce(b.balance_after, 0),
            coalesce(c.balance_after, 0), e.count, e.sum)
        FROM ({STATED}) s
        LEFT JOIN billing_entry b ON b.master_id = s.master_id AND b.holder_id = s.holder_id
            AND b.seq = s.first_seq - 1
        LEFT JOIN billing_entry c ON c.master_id = s.master_id AND c.holder_id = s.holder_id
            AND c.seq = s.last_seq
        CROSS JOIN LATERAL (
            SELECT count(*), coalesce(sum(e.amount), 0) AS sum FROM billing_entry e
            WHERE e.master_id = s.master_id AND e.holder_id = s.holder_id
              AND e.seq BETWEEN s.first_seq AND s.last_seq) e
        WHERE (s.opening, s.closing, s.entries, s.closing - s.opening)
              IS DISTINCT FROM (coalesce(b.balance_after, 0), coalesce(c.balance_after, 0),
                                e.count, e.sum)
        ORDER BY s.master_id, s.year, s.number""",
    ),
    Check(
        "each statement holds all entries of its days, and no other",
        f"""
        SELECT s.master_id, s.name || format(': entry %%s of %%s', e.seq, e.posted_at)
        FROM ({STATED}) s
        CROSS JOIN LATERAL (
            SELECT e.seq, e.posted_at FROM billing_entry e
            WHERE e.master_id = s.master_id AND e.holder_id = s.holder_id
              AND (e.seq IN (s.first_seq, s.last_seq) AND e.seq BETWEEN s.first_seq AND s.last_seq
                   AND NOT (e.posted_at >= s.starts
                            AND (e.posted_at < s.ends OR e.posted_at = s.issued_at))
                OR e.seq = s.first_seq - 1 AND e.posted_at >= s.starts
                OR e.seq = s.last_seq + 1 AND e.posted_at < s.ends)
            ORDER BY e.seq LIMIT 1) e
        ORDER BY s.master_id, s.year, s.number""",
    ),
    Check(
        "each company's statements of a year are numbered from one without a gap",
        f"""
        SELECT c.master_id, format('%%s: %%s statements, the last number is %%s, the counter %%s',
            c.year, s.count, s.max, c.last)
        FROM reports_statementcounter c
        LEFT JOIN LATERAL (
            SELECT count(*), max(number) FROM reports_statement s
            WHERE s.master_id = c.master_id AND s.year = c.year) s ON true
        WHERE {OF_MASTER.format("c")} AND (s.count, s.max) IS DISTINCT FROM (c.last, c.last)
        ORDER BY c.master_id, c.year""",
    ),
]


def verify_statements(*, master: int | None = None) -> list[Finding]:
    """Check the statements of one master account (its id), or all; what does not fit.

    One snapshot; writes and locks nothing. Opens a transaction of its own.
    """
    findings = []
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for check in CHECKS:
            cursor.execute(
                f"SELECT count(*) OVER (), w.* FROM ({check.sql}) w LIMIT 1", {"master": master}
            )
            wrong = cursor.fetchone()
            if wrong is not None:
                rows, _master, first = wrong
                findings.append(Finding(check.name, rows, first))
    return findings
