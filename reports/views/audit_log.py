"""The audit log: a company's for its admins, everybody's for operators."""

from __future__ import annotations

import re
import zoneinfo
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import audit
from accounts.access import Access, access_or_404, operator_or_404
from accounts.audit_actions import AuditAction
from accounts.audit_events import AuditEvent
from accounts.models import Account, User
from reports import audit_rows
from reports.audit_filters import AuditFilter
from reports.audit_rows import PAGE_SIZE, AuditRow

UTC = zoneinfo.ZoneInfo("UTC")


@require_safe
def audit_log(request: HttpRequest, company: str) -> HttpResponse:
    """Who did what in the company, newest first; ``?before=<id>`` continues after that event."""
    access = _access(request, company)
    return _page(request, _company_filter(request, access), access.user, access)


@require_safe
def audit_log_csv(request: HttpRequest, company: str) -> HttpResponse:
    """The same as a file, for as much as is filtered."""
    access = _access(request, company)
    return _file(request, _company_filter(request, access), access.user, access)


@require_safe
def operator_audit_log(request: HttpRequest) -> HttpResponse:
    """Who did what, anywhere."""
    operator = operator_or_404(request.user)
    return _page(request, _operator_filter(request, operator), operator)


@require_safe
def operator_audit_log_csv(request: HttpRequest) -> HttpResponse:
    """The same as a file, for as much as is filtered."""
    operator = operator_or_404(request.user)
    return _file(request, _operator_filter(request, operator), operator)


def _access(request: HttpRequest, company: str) -> Access:
    access = access_or_404(request.user, company)
    access.require_audit()
    return access


def _company_filter(request: HttpRequest, access: Access) -> AuditFilter:
    accounts: list[Account] = sorted(
        access.accounts, key=lambda account: (not account.is_master, account.name.casefold())
    )
    return AuditFilter(
        request.GET,
        audit_rows.events_of(access.company),
        zone=access.company.zone,
        reader=access.user,
        accounts=accounts,
    )


def _operator_filter(request: HttpRequest, operator: User) -> AuditFilter:
    return AuditFilter(
        request.GET, audit_rows.events_of(None), zone=UTC, reader=operator, accounts=None
    )


def _page(
    request: HttpRequest,
    filters: AuditFilter,
    reader: User,
    access: Access | None = None,
    trouble: str = "",
) -> HttpResponse:
    found = filters.qs
    before = request.GET.get("before")
    if before and filters.form.is_valid():
        found = audit_rows.older(found, _event(filters.queryset, before))
    events = [] if trouble else list(found[: PAGE_SIZE + 1])
    shown = events[:PAGE_SIZE]
    query = request.GET.copy()
    query.pop("before", None)
    context: dict[str, Any] = {
        "filters": filters,
        "form": filters.form,
        "zone": filters.zone,
        "rows": [AuditRow(event, reader) for event in shown],
        "older": shown[-1].pk if len(events) > PAGE_SIZE else None,
        "is_later": bool(before),
        "query": query.urlencode(),
        "too_many": trouble,
    }
    template = "operator/audit_log.html"
    if access is not None:
        template = "reports/audit_log.html"
        context |= {"access": access, "company": access.company}
    return render(request, template, context, status=422 if trouble else 200)


def _file(
    request: HttpRequest, filters: AuditFilter, reader: User, access: Access | None = None
) -> HttpResponse:
    if not filters.form.is_valid():
        return _page(request, filters, reader, access, _("The filter is not right: no file."))
    found = filters.qs
    if audit_rows.too_many(found):
        most = f"{audit_rows.MOST_ROWS:,}"
        said = _("A file has at most %(most)s events, and these are more. Choose fewer days.")
        return _page(request, filters, reader, access, said % {"most": most})
    audit.record(
        action=AuditAction.EXPORT_DOWNLOADED,
        by=reader,
        master=access.company if access else None,
        about=_("Audit log"),
    )
    name = f"audit-{access.company.code if access else 'all'}-{timezone.now():%Y%m%d}.csv"
    lines = (line.encode() for line in audit_rows.write_csv(found, reader))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    # mypy: a streaming answer is one, too.
    return response  # type: ignore[return-value]


def _event(visible: QuerySet[AuditEvent], before: str) -> AuditEvent:
    """The event with this id that the reader may see; Http404 otherwise."""
    if not re.fullmatch(r"[0-9]{1,18}", before, re.ASCII):
        raise Http404
    return get_object_or_404(visible, pk=before)
