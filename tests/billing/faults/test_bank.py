"""The bank of Jepsen's tests: money only goes round, so that every look at it sees all of it."""

from __future__ import annotations

from decimal import Decimal

from django.db import connection

from tests.billing.faults.operations import BANK, OPENING, open_bank, tree_of
from tests.billing.faults.rounds import Round, summary
from tests.factories import set_limit

# One statement a look: it sees one moment.
LOOK = """
SELECT sum(b.credit), min(b.credit + b.credit_limit - b.on_hold), sum(b.last_seq),
       (SELECT sum(e.amount) FROM billing_entry e WHERE e.master_id = %(master)s),
       (SELECT sum(e.amount) FROM billing_entry e
        WHERE e.master_id = %(master)s AND e.kind = 'transfer')
FROM billing_balance b WHERE b.master_id = %(master)s
"""
TRANSFERS = 30


def test_every_look_at_the_bank_sees_all_its_money_also_after_kill_9(server, hire):
    master = open_bank("bank").pk
    for account in tree_of(master)[1:3]:
        set_limit(account, 250)
    workers = hire(3, "banking", master)
    moments = []

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute(LOOK, {"master": master})
            credit, least, moment, entries, moved = cursor.fetchone()
        assert credit == entries == BANK * OPENING
        assert least >= 0
        assert not moved
        moments.append(moment)

    rounds = []
    for number, kill in enumerate([server.kill_all, server.kill_backend]):
        work = Round(f"r{number}", "banking", master, workers)
        rounds.append(work)
        look()
        for transfers in range(TRANSFERS):
            for worker in workers:
                while not work.reached(worker, transfers + 1):
                    assert worker.lives()
                    look()
            look()
        kill()
        work.wait_until_all_fail()
        connection.close()
        server.start()
        look()
        work.compare()
        work.repeat()
        look()
    # The looks fell between the transfers, not before and after them.
    assert len(set(moments)) > 10
    assert sum(line[3] == [] for worker in workers for line in worker.said("told")) > 20
    total = Decimal(BANK * OPENING)
    print(
        f"bank: {len(moments)} looks at {len(set(moments))} moments, each saw {total};"
        f" {summary('with kill -9 of PostgreSQL', rounds)}"
    )
