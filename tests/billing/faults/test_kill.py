"""kill -9 in the middle of concurrent charges: of PostgreSQL, and of whoever charges."""

from __future__ import annotations

import random
import signal
from functools import partial

from django.db import connection, transaction

from billing.locking import lock_balances
from billing.models import Entry
from tests.billing.faults.operations import open_charged_company
from tests.billing.faults.rounds import Round, assert_clean, summary
from tests.billing.faults.stage import until
from tests.threads import wait_until_someone_waits_for_a_lock


def test_killed_postgresql_has_lost_nothing_and_doubled_nothing(server, hire):
    master = open_charged_company("killed-server").pk
    workers = hire(3, "charging", master)
    rounds = []
    ways = [server.kill_postmaster, server.kill_backend, server.kill_all]
    for number, kill in enumerate(ways * 2):
        work = Round(f"r{number}", "charging", master, workers)
        rounds.append(work)
        work.wait(random.Random(number).randint(3, 20))
        kill()
        work.wait_until_all_fail()
        connection.close()
        server.start()
        work.compare()
        work.repeat()
    print(summary("kill -9 of PostgreSQL", rounds))


def test_killed_worker_leaves_nothing_half_and_no_lock(server, hire):
    master = open_charged_company("killed-worker").pk
    workers = hire(3, "charging", master)
    rounds = []
    for number in range(6):
        work = Round(f"r{number}", "charging", master, workers)
        rounds.append(work)
        draw = random.Random(number)
        work.wait(draw.randint(3, 20))
        victim, *others = draw.sample(workers, len(workers))
        victim.kill()
        session = victim.session
        victim.spawn()
        # The others go on: what the dead one had locked is free.
        work.wait(5, others)
        for worker in others:
            worker.tell("stop")
        for worker in others:
            worker.until(partial(worker.said, "stopped", work.name))
        # The server may still be busy with what the dead one asked for last.
        until(partial(server.has_left, session), "its session never ended")
        work.compare(ended=[victim])
        victim.wait_until_ready()
        work.repeat()
    print(summary("kill -9 of a worker", rounds))


def test_worker_killed_while_it_waits_for_a_balance_has_written_nothing(server, hire):
    master = open_charged_company("killed-waiting")
    [worker] = hire(1, "charging", master.pk)
    before = Entry.objects.filter(master=master).count()
    with transaction.atomic():
        for account in master.tree.all():
            lock_balances(account)
        worker.tell("go", "r0")
        wait_until_someone_waits_for_a_lock()
        assert worker.kill() == -signal.SIGKILL
    until(partial(server.has_left, worker.session), "its session never ended")
    assert Entry.objects.filter(master=master).count() == before
    assert_clean()
