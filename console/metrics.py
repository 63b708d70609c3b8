"""Measures for Prometheus: requests as they end, postings as they are decided, and what waits.

Counted in each process; with PROMETHEUS_MULTIPROC_DIR, which must be set before the start, the
processes of gunicorn are added up. What waits is asked of the database when somebody reads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Seconds: an API charge takes 2 ms, a heavy page 300.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "console_requests", "Requests answered.", ["route", "method", "status"], registry=REGISTRY
)
LATENCY = Histogram(
    "console_request_seconds", "Until the answer begins.", ["route"], buckets=_BUCKETS
)
POSTINGS = Counter(
    "console_postings", "Postings decided: accepted, replayed, refused or conflict.", ["outcome"]
)

_PAYMENTS = "SELECT state, count(*) FROM billing_payment GROUP BY state"
_JOBS = "SELECT status, count(*) FROM procrastinate_jobs GROUP BY status"
# Of those that may begin already.
_OLDEST = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0) FROM (
    SELECT greatest(max(e.at), j.scheduled_at) AS since
    FROM procrastinate_jobs j LEFT JOIN procrastinate_events e ON e.job_id = j.id
    WHERE j.status = 'todo' AND coalesce(j.scheduled_at, '-infinity') <= clock_timestamp()
    GROUP BY j.id
) waiting
"""


def measure(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: count each request by the name of its route, never by its address."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = get_response(request)
        route = _route(request)
        method = request.method if request.method in _METHODS else "other"
        REQUESTS.labels(route, method, str(response.status_code)).inc()
        LATENCY.labels(route).observe(time.perf_counter() - began)
        return response

    return middleware


def count_postings(outcomes: Mapping[str, int]) -> None:
    """Count postings: how many became what."""
    for outcome, number in outcomes.items():
        POSTINGS.labels(outcome).inc(number)


def text() -> bytes:
    """All measures, as Prometheus reads them."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        for collector in (REQUESTS, LATENCY, POSTINGS):
            registry.register(collector)
    registry.register(_Waiting())
    return generate_latest(registry)


def reach_database() -> None:
    """Raise django.db.Error unless PostgreSQL takes a new connection soon.

    One that is kept would wait for ever on a server that hangs; a new one is given up after
    CONNECT_TIMEOUT_SECONDS.
    """
    with connection.wrap_database_errors:
        connection.get_new_connection(connection.get_connection_params()).close()


class _Waiting(Collector):
    """What the database knows; without it only that it is gone."""

    def collect(self) -> Iterator[Metric]:
        found = GaugeMetricFamily("console_database_up", "Whether the database answers.")
        try:
            waiting = list(self._ask())
        except Error:
            found.add_metric([], 0)
            yield found
            return
        found.add_metric([], 1)
        yield found
        yield from waiting

    def _ask(self) -> Iterator[Metric]:
        payments = GaugeMetricFamily("console_payments", "Payments by state.", labels=["state"])
        jobs = GaugeMetricFamily("console_jobs", "Jobs by status.", labels=["status"])
        oldest = GaugeMetricFamily(
            "console_oldest_job_seconds", "How long the oldest job waits that may begin."
        )
        reach_database()
        with connection.cursor() as cursor:
            cursor.execute(_PAYMENTS)
            for state, number in cursor.fetchall():
                payments.add_metric([state], number)
            cursor.execute(_JOBS)
            counts = {"todo": 0, "failed": 0, **dict(cursor.fetchall())}
            for status, number in counts.items():
                jobs.add_metric([status], number)
            cursor.execute(_OLDEST)
            (seconds,) = cursor.fetchone()
            oldest.add_metric([], float(seconds))
        yield from (payments, jobs, oldest)


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is None:
        # Answered before a view was looked for, such as a redirect to HTTPS.
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return "none"
    return match.view_name or match.route or "none"
