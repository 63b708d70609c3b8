"""One statement: its page, its PDF and its CSV."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import InvalidPage, Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404
from console.figures import Figures
from reports import statement_csv
from reports.descriptions import author
from reports.exports import pdf
from reports.exports.selection import filters_of
from reports.models import Statement
from reports.pages import Order
from reports.queries import Scope
from reports.statements import moved_by_kind, movements
from reports.tables import TransactionTable
from reports.views.statement_reading import statement_or_404

PAGE_SIZE = 50
PDF_ROWS = pdf.MOST_AT_ONCE


@require_safe
def statement_detail(request: HttpRequest, company: str, number: str) -> HttpResponse:
    """Opening, movements with the running balance, closing; a fixed number of queries.

    Numbers of a holder's entries have no gaps, so that a page is a range of them: the thousandth
    costs what the first does. A page that is none answers 404.
    """
    access = access_or_404(request.user, company)
    statement = statement_or_404(access, number)
    scope = Scope.of(access)
    try:
        page = Paginator(range(statement.entries), PAGE_SIZE).page(request.GET.get("page", "1"))
    except InvalidPage as error:
        raise Http404 from error
    begins = statement.first_seq + page.start_index() - 1 if statement.entries else 1
    entries = movements(statement).filter(seq__gte=begins, seq__lt=begins + PAGE_SIZE)
    shown = list(entries.select_related("by")) if statement.entries else []
    table = TransactionTable(shown, access=access, names=scope.names, order=Order.OLDEST)
    if not statement.holder.is_master:
        table.columns.hide("account")
    return render(
        request,
        "reports/statement_detail.html",
        _context(access, statement) | {"page": page, "table": table, "pdf_rows": PDF_ROWS},
    )


@require_safe
def statement_pdf(request: HttpRequest, company: str, number: str) -> HttpResponse:
    """The statement as a document to keep; one of more than PDF_ROWS movements is an export."""
    access = access_or_404(request.user, company)
    statement = statement_or_404(access, number)
    if statement.entries > PDF_ROWS:
        messages.info(
            request, _("It is long: choose PDF under Export, and it is made in the background.")
        )
        return redirect(statement)
    scope = Scope.of(access)
    out = BytesIO()
    # What it holds never changes, so it wants no snapshot.
    with transaction.atomic():
        pdf.write(scope, filters_of(_query(statement), scope), out, lambda done: None)
    return HttpResponse(
        out.getvalue(),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{_file_name(statement)}.pdf"'},
    )


@require_safe
def statement_file(request: HttpRequest, company: str, number: str) -> StreamingHttpResponse:
    """All its movements as CSV, however many."""
    access = access_or_404(request.user, company)
    statement = statement_or_404(access, number)
    lines = statement_csv.lines(statement, Scope.of(access))
    return StreamingHttpResponse(
        (line.encode() for line in lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{_file_name(statement)}.csv"'},
    )


def _query(statement: Statement) -> str:
    """The statement as a selection of transactions."""
    return urlencode({"statement": statement.name})


def _file_name(statement: Statement) -> str:
    return f"statement-{statement.master.code}-{statement.holder.code}-{statement.name}"


def _context(access: Access, statement: Statement) -> dict[str, Any]:
    """What the page and the document tell; three queries at most."""
    kinds = moved_by_kind(statement)
    figures = [each for kind in kinds for each in (kind.amount_in, -kind.amount_out, kind.net)]
    return {
        "access": access,
        "company": access.company,
        "statement": statement,
        "export_query": _query(statement),
        "account": statement.holder,
        "issued_by": author(statement.by, access) if statement.by else "",
        "kinds": kinds,
        "kind_figures": Figures([*figures, statement.net], access.company.decimals),
        "amount_in": sum(each.amount_in for each in kinds),
        "amount_out": sum(each.amount_out for each in kinds),
        "entries": statement.entries,
        "opening": statement.opening,
        "closing": statement.closing,
    }
