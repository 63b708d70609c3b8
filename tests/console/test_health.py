"""Probes, measures and logs: what machines are told, and what nobody is."""

from __future__ import annotations

import json
import logging
import re
import socket
import time
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import path

from billing import payment_methods
from billing.charges import Charge, charge_many
from console import health, logs, metrics
from tests.billing.payments.bank import ask

pytestmark = pytest.mark.django_db

TOKEN = "t0ken-of-20-or-more-signs"


@pytest.fixture
def worker(db):
    """A worker that was heard of just now."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")


def figure(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", text, re.M)
    return float(found[1]) if found else 0.0


def test_it_lives_whatever_host_is_asked_for_and_without_a_query(
    client, settings, django_assert_num_queries
):
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["console.example"]
    with django_assert_num_queries(0):
        answer = client.get("/healthz", headers={"host": "10.0.0.7:8000"})
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert client.post("/healthz").status_code == 405


def test_it_is_ready_with_a_worker_and_not_without(client, settings):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "database": "ok",
        "migrations": "ok",
        "worker": "not heard of for 60 seconds",
    }
    settings.READY_NEEDS_WORKER = False
    assert client.get("/readyz").json()["ready"]


def test_a_worker_that_was_heard_of_long_ago_is_none(client, worker):
    assert client.get("/readyz").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2m'")
    assert client.get("/readyz").status_code == 503


def test_a_migration_that_was_not_applied_is_counted(client, worker):
    health._Migrations.are_applied = False
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'reports'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert re.fullmatch(r"\d+ to apply", answer.json()["migrations"])


@pytest.mark.django_db(transaction=True)
def test_without_a_database_it_says_so_and_names_no_host(client, settings):
    settings_of = connection.settings_dict
    host, connection.settings_dict["HOST"] = settings_of["HOST"], "/nowhere/secret-host"
    connection.close()
    try:
        answer = client.get("/readyz")
        measures = client.get("/metrics").content.decode()
        alive = client.get("/healthz").status_code
    finally:
        connection.settings_dict["HOST"] = host
        connection.close()
    assert (answer.status_code, alive) == (503, 200)
    assert answer.json()["database"] == "does not answer"
    assert "secret-host" not in answer.content.decode()
    assert figure(measures, "console_database_up") == 0


@pytest.mark.django_db(transaction=True)
def test_a_database_that_hangs_is_given_up_within_seconds(client, monkeypatch):
    hanging = socket.create_server(("127.0.0.1", 0))  # Takes connections, and never says a word.
    connection.ensure_connection()  # The kept one would be asked in vain.
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", hanging.getsockname()[1])
    # One second is enough for a test; psycopg waits two at least.
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "connect_timeout", 1)
    began = time.monotonic()
    with hanging:
        answer = client.get("/readyz")
        measures = client.get("/metrics").content.decode()
    assert answer.status_code == 503
    assert answer.json()["database"] == "does not answer"
    assert figure(measures, "console_database_up") == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("203.0.113.9", {}, 404),
        ("203.0.113.9", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("203.0.113.9", {"Authorization": "Bearer wrong"}, 404),
        ("203.0.113.9", {"Authorization": "Bearer "}, 404),
    ],
)
def test_measures_are_for_this_machine_or_a_token(client, settings, address, headers, status):
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert answer.status_code == status
    settings.METRICS_TOKEN = ""
    if address != "127.0.0.1":
        answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)
        assert answer.status_code == 404


@pytest.mark.django_db(transaction=True)
def test_requests_are_counted_by_route_and_postings_by_outcome(cast, client):
    client.force_login(cast.admin)
    before = metrics.text().decode()
    for code in ("nile", "nowhere"):
        client.get(f"/accounts/{code}/transfers/")
    client.get("/wp-admin/of/attackers")
    charges = [
        Charge(cast.marketing.pk, Decimal(amount), f"m-{amount}", "SMS")
        for amount in (1, 2, 10**9)
    ]
    charge_many(master=cast.nile.pk, charges=charges)
    charge_many(master=cast.nile.pk, charges=charges[:1])
    after = metrics.text().decode()

    def grown(name: str) -> float:
        return figure(after, name) - figure(before, name)

    route = 'console_requests_total{method="GET",route="%s",status="%s"}'
    assert grown(route % ("transfer-list", 200)) == 1
    assert grown(route % ("transfer-list", 404)) == 1
    assert grown(route % ("none", 404)) == 1
    assert grown('console_request_seconds_count{route="transfer-list"}') == 2
    for outcome, number in (("accepted", 2), ("replayed", 1), ("refused", 1)):
        assert grown(f'console_postings_total{{outcome="{outcome}"}}') == number
    assert "attackers" not in after
    assert "nile" not in after


def test_what_waits_is_measured(cast, client):
    payment_methods.load()
    ask(cast.marketing)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, scheduled_at)"
            " VALUES"
            " ('default', 'a', '{}', 'todo', now() - interval '90 seconds'),"
            " ('default', 'b', '{}', 'todo', now() + interval '1 hour'),"
            " ('default', 'c', '{}', 'failed', NULL)"
        )
        cursor.execute("UPDATE procrastinate_events SET at = now() - interval '2 hours'")
    text = client.get("/metrics").content.decode()
    assert figure(text, 'console_jobs{status="todo"}') == 2
    assert figure(text, 'console_jobs{status="failed"}') == 1
    assert figure(text, 'console_payments{state="pending"}') == 1
    assert 89 < figure(text, "console_oldest_job_seconds") < 120


def test_each_answer_names_its_request_and_forged_names_are_not_taken(cast, client):
    asked = "3f2c9a51-88aa-4bd5-a7a5-0b2a6f1e9c3d"
    assert client.get("/healthz", headers={"X-Request-ID": asked})["X-Request-ID"] == asked
    for forged in ("short", "x" * 65, "two words here", 'quo"te-12345', "line\u2028break-1234"):
        answer = client.get("/accounts/nile/", headers={"X-Request-ID": forged})
        assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-ID"])


def broken(request, key):
    raise RuntimeError("cck_ab2cd3ef_" + "s" * 43)


broken.login_required = False
urlpatterns = [path("auth/password/reset/key/<str:key>/", broken)]
handler500 = "django.views.defaults.server_error"


@pytest.mark.urls("tests.console.test_health")
def test_a_line_of_the_log_is_json_names_its_request_and_holds_no_secret(client):
    client.raise_request_exception = False
    lines = []
    formats = [logs.JsonLines(), logs.Lines("%(request_id)s %(message)s")]

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append([each.format(record) for each in formats])

    handler = Keep()
    logging.getLogger("django.request").addHandler(handler)
    try:
        answer = client.get(
            "/auth/password/reset/key/1a-geheimnis/?token=query",
            headers={"X-Request-ID": "abcdef-123456"},
        )
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert (answer.status_code, answer["X-Request-ID"]) == (500, "abcdef-123456")
    [(as_json, as_text)] = lines
    line = json.loads(as_json)
    assert "\n" not in as_json
    assert (line["level"], line["status"], line["request_id"]) == ("ERROR", 500, "abcdef-123456")
    assert line["route"] == "auth/password/reset/key/<str:key>/"
    assert "RuntimeError" in line["traceback"]
    assert as_text.startswith("abcdef-123456 ")
    for secret in ("geheimnis", "query", "s" * 43):
        assert secret not in as_json
        assert secret not in as_text
