"""Whether the console lives, is ready and how it does: for machines that watch over it."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from console import metrics as measures

logger = logging.getLogger(__name__)

# Workers say every ten seconds that they live.
WORKER_SECONDS = 60
_WORKER = """
SELECT max(last_heartbeat) > clock_timestamp() - make_interval(secs => %s)
FROM procrastinate_workers
"""
# What a proxy adds: then "from this machine" means from the proxy.
_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")
_LOCAL = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives. Asks nobody: restarting it would not mend a database."""
    return _plain(HttpResponse("ok\n", content_type="text/plain"))


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether it can do its work: the database answers and is migrated, and a worker lives.

    503 with what is wrong otherwise, in words without a secret.
    """
    checks = _checks()
    is_ready = all(word == "ok" for word in checks.values())
    if not is_ready:
        logger.warning("Not ready: %s.", checks)
    found = {"ready": is_ready, **checks}
    return _plain(JsonResponse(found, status=200 if is_ready else 503))


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus reads; from this machine, or with METRICS_TOKEN. Else 404."""
    if not (_is_local(request) or _has_token(request)):
        raise Http404
    return _plain(HttpResponse(measures.text(), content_type=CONTENT_TYPE_LATEST))


_PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def answer_probes(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: probes name this machine by its number, and come without HTTPS.

    They are answered before host names are checked, redirects made, sessions read.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        probe = _PROBES.get(request.path)
        if probe is None:
            return get_response(request)
        try:
            return probe(request)
        except Http404:
            return _plain(HttpResponse("Not found\n", status=404, content_type="text/plain"))

    return middleware


def _checks() -> dict[str, str]:
    try:
        measures.reach_database()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            worker = _worker_word() if settings.READY_NEEDS_WORKER else "ok"
        return {"database": "ok", "migrations": _migrations_word(), "worker": worker}
    except Error as trouble:
        # The error names hosts and users; the log may, the answer may not.
        logger.warning("The database does not answer: %s", trouble)
        return {"database": "does not answer", "migrations": "unknown", "worker": "unknown"}


def _worker_word() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute(_WORKER, [WORKER_SECONDS])
            (is_heard,) = cursor.fetchone()
    except Error:
        return "its tables are not there"
    return "ok" if is_heard else f"not heard of for {WORKER_SECONDS} seconds"


class _Migrations:
    """Once all are applied, they stay so for as long as this process runs its release."""

    are_applied = False


def _migrations_word() -> str:
    if not _Migrations.are_applied:
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if missing:
            return f"{missing} to apply"
        _Migrations.are_applied = True
    return "ok"


def _is_local(request: HttpRequest) -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    return request.META.get("REMOTE_ADDR") in _LOCAL


def _has_token(request: HttpRequest) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return (
        bool(wanted)
        and scheme.lower() == "bearer"
        and hmac.compare_digest(token.strip().encode(), wanted.encode())
    )


def _plain(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
