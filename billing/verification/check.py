"""What a check is, and the pieces of SQL that all of them use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """``sql`` selects (master_id, sentence about the row), in the order of the books."""

    name: str
    sql: str


# %(master)s is a master account's id, or NULL for the whole database.
OF_MASTER = "(%(master)s::bigint IS NULL OR {}.master_id = %(master)s)"


def code(account: str) -> str:
    """SQL for the code of the account with this id, or the id where there is no such account."""
    return f"coalesce((SELECT code FROM accounts_account WHERE id = {account}), {account}::text)"


ENTRY = (
    "format('entry %%s of holder %%s (reference %%s, leg %%s)',"
    f" e.seq, {code('e.holder_id')}, e.reference, e.leg)"
)
