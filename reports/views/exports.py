"""Exports: order a file, follow how it is made, fetch it."""

from __future__ import annotations

import uuid
from tempfile import SpooledTemporaryFile
from typing import Any, cast

from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.access import Access, access_or_404
from accounts.audit_actions import AuditAction
from console.htmx import wants_fragment
from reports import export_jobs
from reports.export_tables import ExportTable
from reports.exports import FORMATS, Unwritable
from reports.exports.names import disposition, file_name
from reports.exports.selection import canonical, filters_of
from reports.models import Export, ExportState, exports_storage
from reports.queries import Scope

# htmx stops asking when it is answered with this.
STOP_POLLING = 286
# Of those without a file (failed, cancelled, expired) the newest so many are listed; those that
# have one all are: there are never more than `export_room.MOST_KEPT`.
MOST_WITHOUT_FILE = 50
# A small file is made in memory, before the first byte of it is sent.
IN_MEMORY = 8_000_000
LONGEST_QUERY = 200_000


class ExportForm(forms.Form):
    """What the menu sends: the format, the page's query string, and a key of its own."""

    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=lambda: [(code, kind.label) for code, kind in FORMATS.items()],
        error_messages={"invalid_choice": gettext_lazy("“%(value)s” is not one of the formats.")},
    )
    query = forms.CharField(
        label=gettext_lazy("Filter"), required=False, strip=False, max_length=LONGEST_QUERY
    )
    key = forms.UUIDField(label=gettext_lazy("Key of the form"))


@require_safe
def export_list(request: HttpRequest, company: str) -> HttpResponse:
    """The person's exports, newest first; how far they are is asked again each second."""
    access = access_or_404(request.user, company)
    exports = _listed(access)
    unfinished = any(export.is_unfinished for export in exports)
    context = {
        "access": access,
        "company": access.company,
        "table": ExportTable(exports, access=access, csrf_token=get_token(request)),
        "unfinished": unfinished,
        "is_fragment": wants_fragment(request),
    }
    if not wants_fragment(request):
        return render(request, "reports/export_list.html", context)
    status = 200 if unfinished else STOP_POLLING
    return render(request, "reports/_export_table.html", context, status=status)


def _listed(access: Access) -> list[Export]:
    """All that are kept or on their way, and the last of the others, newest first; two queries."""
    mine = Export.objects.of(access).order_by("-created_at", "pk")
    others = Q(state__in=export_jobs.GONE)
    listed = [*mine.exclude(others), *mine.filter(others)[:MOST_WITHOUT_FILE]]
    return sorted(listed, key=lambda export: export.created_at, reverse=True)


@require_POST
def export_new(request: HttpRequest, company: str) -> HttpResponseBase:
    """The file itself, when it is small; else the worker makes it, and the list tells how far.

    Sent twice with one key, one file is ordered. A bad filter, or one that the format cannot hold,
    is told on a page of its own, with the way back to the filter; so are too many in a minute.
    """
    access = access_or_404(request.user, company)
    form = ExportForm(request.POST)
    if not form.is_valid():
        return _refused(request, access, [_line(form, name) for name in form.errors])
    if not ratelimit.consume(request, action="export", user=access.user):
        lines = [_("You have asked for many files in the last minute. Wait a moment.")]
        return _refused(request, access, lines, form.cleaned_data["query"])
    asked = form.cleaned_data
    kind = FORMATS[asked["format"]]
    scope = Scope.of(access)
    query = canonical(asked["query"], scope)
    filters = filters_of(query, scope)
    if not filters.is_valid():
        lines = [_line(filters.form, name) for name in filters.form.errors]
        return _refused(request, access, lines, query)
    try:
        kind.check(scope, filters)
        rows = kind.count(scope, filters)
        kind.check_rows(rows)
        if rows is not None and rows <= kind.most_at_once:
            return _at_once(access, asked["format"], query)
        _export, is_new = export_jobs.order(
            access=access, format=asked["format"], query=query, key=asked["key"], rows=rows
        )
    except (Unwritable, export_jobs.TooManyExports) as refusal:
        return _refused(request, access, [refusal.message], query)
    if is_new:
        messages.success(
            request,
            _("The file is being made. You can leave: a mail tells you when it is ready."),
        )
    else:
        messages.info(request, _("This export was ordered already: here it is."))
    return redirect("export-list", company=company)


@require_safe
def export_file(request: HttpRequest, company: str, pk: uuid.UUID) -> HttpResponseBase:
    """The file, for who ordered it and still sees all that is in it."""
    access = access_or_404(request.user, company)
    export = _export_or_404(access, pk)
    if export.state != ExportState.READY:
        messages.info(request, _("There is no file (any more): make the export again."))
        return redirect("export-list", company=company)
    try:
        file = exports_storage().open(export.file)
    except FileNotFoundError:
        # Its time has come since.
        messages.info(request, _("There is no file (any more): make the export again."))
        return redirect("export-list", company=company)
    kind = FORMATS[export.format]
    _tell(access, export.format, export.file_name)
    header = disposition(access.company, export.file_name, export.format)
    return _download(file, kind.content_type, header)


@require_POST
def export_cancel(request: HttpRequest, company: str, pk: uuid.UUID) -> HttpResponse:
    """Stop making it; what is finished stays as it is."""
    access = access_or_404(request.user, company)
    if export_jobs.cancel(_export_or_404(access, pk)):
        messages.success(request, _("The export is cancelled."))
    else:
        messages.info(request, _("The export was finished already."))
    return redirect("export-list", company=company)


@require_POST
def export_again(request: HttpRequest, company: str, pk: uuid.UUID) -> HttpResponse:
    """Make the same selection anew, with the books of now.

    Sent twice, it is made once: as long as what was made last is waiting, being made or ready.
    """
    access = access_or_404(request.user, company)
    export = _export_or_404(access, pk)
    scope = Scope.of(access)
    filters = filters_of(export.query, scope)
    if not filters.is_valid():
        lines = [_line(filters.form, name) for name in filters.form.errors]
        return _refused(request, access, lines, export.query)
    kind = FORMATS[export.format]
    try:
        kind.check(scope, filters)
        rows = kind.count(scope, filters)
        kind.check_rows(rows)
        made, is_new = export_jobs.order_again(export, access=access, rows=rows)
    except (Unwritable, export_jobs.TooManyExports) as refusal:
        return _refused(request, access, [refusal.message], export.query)
    if is_new or made.is_unfinished:
        messages.success(
            request,
            _("The file is being made. You can leave: a mail tells you when it is ready."),
        )
    else:
        messages.info(request, _("This export was ordered already: here it is."))
    return redirect("export-list", company=company)


def _at_once(access: Access, format: str, query: str) -> StreamingHttpResponse:
    """The whole file is made before its first byte is sent: a trouble is a page, no torn file,
    and the snapshot does not wait for a slow reader."""
    # Closed by the response.
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
    try:
        _rows, filters = export_jobs.write_now(
            format=format, access=access, query=query, out=cast(Any, file)
        )
    except BaseException:
        file.close()
        raise
    file.seek(0)
    name = file_name(access.company, filters, format)
    _tell(access, format, name.full)
    header = name.disposition
    return _download(file, FORMATS[format].content_type, header)


def _tell(access: Access, format: str, name: str) -> None:
    """Write down who has taken which books along."""
    audit.record(
        action=AuditAction.EXPORT_DOWNLOADED,
        by=access.user,
        master=access.company,
        after={"format": format},
        about=name,
    )


def _download(file: Any, content_type: str, header: str) -> StreamingHttpResponse:
    response = FileResponse(file, content_type=content_type)
    response.headers["Content-Disposition"] = header
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    # Sent as it is, so that the browser knows how long it is and can show how far it has come.
    response.headers["Content-Encoding"] = "identity"
    return response


def _export_or_404(access: Access, pk: uuid.UUID) -> Export:
    """The person's own export; Http404 for another's, and for who has lost sight of its rows."""
    export = Export.objects.of(access).filter(pk=pk).first()
    if export is None or not export_jobs.may_fetch(export, access):
        raise Http404
    return export


def _refused(
    request: HttpRequest, access: Access, sentences: list[str], query: str = ""
) -> HttpResponse:
    """Why there is no file, and the way back to the filter."""
    context = {
        "access": access,
        "company": access.company,
        "sentences": sentences,
        "query": query,
    }
    return render(request, "reports/export_refused.html", context, status=422)


def _line(form: forms.Form, name: str) -> str:
    """A field's errors, with its name."""
    errors = " ".join(str(error) for error in form.errors[name])
    if name not in form.fields:
        return errors
    return _("%(field)s: %(errors)s") % {"field": form.fields[name].label, "errors": errors}
