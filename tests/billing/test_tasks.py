"""The jobs of the worker, done by real workers on real PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.periodic import PeriodicDeferrer, PeriodicRegistry

from billing import bank_statements, holds, jobs, tasks
from billing.models import BankStatement, Hold, HoldState
from billing.verification import verify
from billing.views import operator_statements
from console.postgres import CHECKOUT
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, entry
from tests.billing.payments.operators import address, plain, upload
from tests.factories import balance_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = 60
PERIODIC = app.periodic_registry.periodic_tasks


@pytest.fixture(autouse=True)
def no_job_by_itself(monkeypatch):
    """Jobs come when a test says so; and those done leave no connection behind."""
    monkeypatch.setattr(app.periodic_registry, "periodic_tasks", {})
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)


def with_worker_connector(work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with app.open_async():
            await work()

    def work_alone() -> None:
        with app.replace_connector(app.connector.get_worker_connector()):
            asyncio.run(run())

    # In a thread of its own: where a browser was before, this one has a loop of Playwright's.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work_alone).result()


def work() -> None:
    """A worker comes, does all that waits, and leaves."""
    with_worker_connector(
        lambda: app.run_worker_async(
            wait=False, install_signal_handlers=False, listen_notify=False
        )
    )


def execute(sql: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def fetched_by_a_worker(silent_for: timedelta) -> None:
    """A worker takes the first job that waits, and has not been heard of for so long."""
    [(worker,)] = execute(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s) RETURNING id",
        silent_for,
    )
    execute("SELECT procrastinate_fetch_job_v2(NULL, %s)", worker)


def status_of(job: int) -> tuple[str, int]:
    return ProcrastinateJob.objects.values_list("status", "attempts").get(pk=job)


def database_url() -> str:
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


def wait_until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def someone_waits_for_a_lock() -> bool:
    return bool(
        execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


def place(account, expires_in=timedelta(milliseconds=1), reference="campaign") -> Hold:
    outcome = holds.hold(
        account=account, amount=Decimal(5), reference=reference, expires_in=expires_in
    )
    assert outcome.hold is not None
    return outcome.hold


def test_worker_expires_what_is_past_its_time_and_logs_how_many(cast, caplog):
    late = place(cast.marketing)
    place(cast.marketing, timedelta(days=1), "tomorrow")
    time.sleep(0.01)
    job = tasks.expire_holds.defer(timestamp=0)

    with caplog.at_level(logging.INFO, "billing.tasks"):
        work()

    assert status_of(job) == ("succeeded", 1)
    assert [record.getMessage() for record in caplog.records] == ["Expired 1 holds."]
    late.refresh_from_db()
    assert late.state == HoldState.EXPIRED
    assert balance_of(cast.marketing).on_hold == 5


def test_nothing_to_expire_is_not_worth_a_line(cast, caplog):
    job = tasks.expire_holds.defer(timestamp=0)
    with caplog.at_level(logging.INFO):
        work()
    assert status_of(job) == ("succeeded", 1)
    assert [record for record in caplog.records if record.name == "billing.tasks"] == []


EACH_MINUTE = ["expire_holds", "reconcile_payments", "retry_stalled_jobs"]


class TestEveryMinute:
    def ticks(self, *moments: int) -> None:
        """What a worker orders at these moments, in seconds since 1970."""
        registry = PeriodicRegistry()
        registry.periodic_tasks = PERIODIC

        async def tick() -> None:
            deferrer = PeriodicDeferrer(registry)
            for moment in moments:
                await deferrer.defer_jobs(deferrer.get_previous_tasks(at=moment))

        with_worker_connector(tick)

    def waiting(self) -> list[str]:
        found = ProcrastinateJob.objects.filter(
            status="todo", task_name__startswith="billing."
        ).order_by("task_name")
        return [
            name.removeprefix("billing.tasks.")
            for name in found.values_list("task_name", flat=True)
        ]

    def test_holds_are_expired_and_stalled_jobs_retried(self):
        self.ticks(30 * MINUTE + 1)
        assert self.waiting() == EACH_MINUTE

    def test_old_jobs_are_removed_once_an_hour(self):
        self.ticks(17 * MINUTE + 1)
        assert self.waiting() == sorted([*EACH_MINUTE, "remove_old_jobs"])

    def test_jobs_do_not_pile_up_while_no_worker_does_them(self):
        self.ticks(*(minute * MINUTE + 1 for minute in range(18, 78)))
        assert self.waiting() == sorted([*EACH_MINUTE, "remove_old_jobs"])

    def test_two_workers_order_a_job_once(self):
        self.ticks(30 * MINUTE + 1)
        work()
        self.ticks(30 * MINUTE + 5)
        assert ProcrastinateJob.objects.filter(args__timestamp=30 * MINUTE).count() == len(
            EACH_MINUTE
        )


class TestStalled:
    def test_job_of_a_dead_worker_is_done_by_another(self):
        job = tasks.expire_holds.defer(timestamp=0)
        fetched_by_a_worker(silent_for=timedelta(seconds=31))
        tasks.retry_stalled_jobs.defer(timestamp=0)
        work()
        assert status_of(job) == ("succeeded", 2)

    def test_job_of_a_living_worker_is_left_alone(self):
        job = tasks.expire_holds.defer(timestamp=0)
        fetched_by_a_worker(silent_for=timedelta(seconds=20))
        tasks.retry_stalled_jobs.defer(timestamp=0)
        work()
        assert status_of(job) == ("doing", 0)

    def test_a_later_job_that_waits_takes_its_place(self):
        dead = tasks.expire_holds.defer(timestamp=0)
        fetched_by_a_worker(silent_for=timedelta(minutes=5))
        retrier = tasks.retry_stalled_jobs.configure(priority=1).defer(timestamp=60)
        later = tasks.expire_holds.defer(timestamp=60)
        work()
        assert status_of(dead) == ("aborted", 1)
        assert status_of(later) == status_of(retrier) == ("succeeded", 1)

    def test_the_retrier_itself_can_be_retried(self):
        dead = tasks.retry_stalled_jobs.defer(timestamp=0)
        fetched_by_a_worker(silent_for=timedelta(minutes=5))
        tasks.retry_stalled_jobs.defer(timestamp=60)
        work()
        assert status_of(dead) == ("succeeded", 2)

    def test_a_job_that_ends_its_worker_each_time_is_given_up(self, caplog):
        job = tasks.expire_holds.defer(timestamp=0)
        execute("UPDATE procrastinate_jobs SET attempts = %s", tasks.ATTEMPTS)
        fetched_by_a_worker(silent_for=timedelta(minutes=5))
        tasks.retry_stalled_jobs.defer(timestamp=0)
        work()
        assert status_of(job) == ("failed", tasks.ATTEMPTS + 1)
        assert "ended its worker 5 times: given up" in caplog.text


class TestProcess:
    """`manage.py procrastinate worker`, as in production: it gives itself its jobs."""

    @pytest.fixture
    def start(self, no_job_by_itself) -> Iterator[Callable[[], subprocess.Popen]]:
        started: list[subprocess.Popen] = []

        def start() -> subprocess.Popen:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "procrastinate", "worker"],
                cwd=CHECKOUT,
                env=os.environ | {"DATABASE_URL": database_url(), "LOCK_TIMEOUT_SECONDS": "60"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started.append(process)
            return process

        yield start
        for process in started:
            process.kill()
            process.wait()

    def test_it_sweeps_by_itself_and_leaves_in_order_when_told(self, cast, start):
        place(cast.marketing)
        worker = start()
        wait_until(lambda: balance_of(cast.marketing).on_hold == 0)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
        assert not ProcrastinateJob.objects.filter(status="doing").exists()
        assert execute("SELECT count(*) FROM procrastinate_workers") == [(0,)]

    def test_sweep_killed_half_way_is_done_by_the_next_worker(self, cast, start):
        hold = place(cast.marketing)
        # On a connection of its own: within a transaction the list of who waits stands still.
        with psycopg.connect(database_url()) as other:
            other.execute("SELECT FROM billing_balance FOR UPDATE")
            worker = start()
            wait_until(someone_waits_for_a_lock)
            worker.kill()
            worker.wait()
        hold.refresh_from_db()
        assert hold.is_open
        assert ProcrastinateJob.objects.filter(status="doing").count() == 1

        execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 s'")
        with suppress(AlreadyEnqueued):
            tasks.retry_stalled_jobs.defer(timestamp=0)
        work()

        hold.refresh_from_db()
        assert hold.state == HoldState.EXPIRED
        assert balance_of(cast.marketing).on_hold == 0
        assert not ProcrastinateJob.objects.filter(status__in=["doing", "todo"]).exists()
        assert verify().is_clean


class TestOld:
    @pytest.mark.parametrize(
        ("status", "hours", "stays"),
        [
            ("succeeded", 23, True),
            ("succeeded", 25, False),
            ("failed", 25, True),
            ("failed", 29 * 24, True),
            ("failed", 31 * 24, False),
            ("aborted", 31 * 24, False),
            ("cancelled", 31 * 24, False),
            ("todo", 31 * 24, True),
            ("doing", 31 * 24, True),
        ],
    )
    def test_finished_jobs_go_after_a_day_failed_ones_after_thirty(self, status, hours, stays):
        old = tasks.expire_holds.configure(schedule_in={"days": 1}).defer(timestamp=0)
        execute("UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status", status)
        execute("UPDATE procrastinate_events SET at = now() - %s", timedelta(hours=hours))
        tasks.remove_old_jobs.defer(timestamp=0)
        work()
        assert ProcrastinateJob.objects.filter(pk=old).exists() is stays


class TestBankStatements:
    """What the request that brought a statement leaves, the worker does."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch):
        monkeypatch.setattr(bank_statements, "LATER", 0)

    @pytest.fixture
    def content(self, cast) -> bytes:
        wanted = [ask(cast.marketing, amount) for amount in ("1000", "2000", "3000")]
        return camt(*[entry(f"{each.amount:.2f}", each.reference) for each in wanted])

    def test_what_there_is_no_time_for_in_the_request_is_done_by_the_worker(
        self, client, cast, content, monkeypatch
    ):
        monkeypatch.setattr(operator_statements, "SECONDS", -1)
        client.force_login(cast.operator)
        page = upload(client, content, follow=True)
        assert "3 of 3 lines are still to be matched" in plain(page)
        progress = address("statement-progress", BankStatement.objects.get().pk)
        assert f'hx-get="{progress}"' in page.content.decode()
        answer = client.get(progress, headers={"HX-Request": "true"})
        assert "3 of 3 lines are still to be matched" in plain(answer)
        assert "HX-Refresh" not in answer
        work()
        answer = client.get(progress, headers={"HX-Request": "true"})
        assert answer["HX-Refresh"] == "true"
        page = client.get(BankStatement.objects.get().get_absolute_url())
        assert "statement-progress" not in page.content.decode()
        assert balance_of(cast.marketing).credit == 6500
        assert verify().is_clean

    def test_one_that_was_killed_after_writing_it_down_is_done_by_the_worker(self, cast, content):
        bank_statements.take(content=content, name="b", by=cast.operator)
        assert balance_of(cast.marketing).credit == 500
        work()
        assert balance_of(cast.marketing).credit == 6500

    def test_a_statement_that_is_not_written_orders_no_job(self, cast, content, monkeypatch):
        order = jobs.order_once

        def order_and_die(*args, **options):
            order(*args, **options)
            raise KeyboardInterrupt

        monkeypatch.setattr(jobs, "order_once", order_and_die)
        with pytest.raises(KeyboardInterrupt):
            bank_statements.take(content=content, name="b", by=cast.operator)
        assert not BankStatement.objects.exists()
        assert not ProcrastinateJob.objects.exists()

    def test_slices_go_on_until_nothing_is_left_also_while_somebody_goes_on_by_hand(
        self, cast, content, monkeypatch
    ):
        [taken] = bank_statements.take(content=content, name="b", by=cast.operator)
        monkeypatch.setattr(tasks, "SLICE", -1.0)
        work()
        [(job, lock)] = ProcrastinateJob.objects.filter(status="todo").values_list(
            "pk", "queueing_lock"
        )
        assert lock == f"match_statement/{taken.statement.pk}"
        monkeypatch.setattr(tasks, "SLICE", 20.0)
        execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id = %s", job)
        at_the_same_moment = partial(bank_statements.go_on, taken.statement, by=cast.operator)
        at_once(at_the_same_moment, partial(tasks.match_statement, taken.statement.pk))
        work()
        assert not ProcrastinateJob.objects.filter(status="todo").exists()
        assert balance_of(cast.marketing).credit == 6500
        assert verify().is_clean
