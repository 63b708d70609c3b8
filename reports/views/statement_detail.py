"""One statement: its page, its PDF and its CSV."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.paginator import InvalidPage, Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import Access, access_or_404
from console.figures import Figures
from reports import statement_csv
from reports.descriptions import author
from reports.models import Statement
from reports.pages import Order
from reports.queries import Scope
from reports.rows import rows_of
from reports.statements import moved_by_kind, movements
from reports.tables import TransactionTable
from reports.views.statement_reading import statement_or_404

PAGE_SIZE = 50
# The longest list of movements in a PDF for now; a longer one stands in the CSV.
PDF_ROWS = 500


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
    """The statement as a document to keep; of more than PDF_ROWS movements, the figures only."""
    # A second to import, and libraries of the system: only who wants a document needs them.
    from console.pdf import render_pdf  # noqa: PLC0415

    access = access_or_404(request.user, company)
    statement = statement_or_404(access, number)
    context = _context(access, statement)
    if statement.entries <= PDF_ROWS:
        scope = Scope.of(access)
        rows = rows_of(scope, movements(statement).select_related("by"))
        figures = [each for row in rows for each in (row.amount, row.balance_after or Decimal(0))]
        context |= {"rows": rows, "row_figures": Figures(figures, access.company.decimals)}
    document = render_pdf("reports/pdf/statement.html", context)
    return HttpResponse(
        document,
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
