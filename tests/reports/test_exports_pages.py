"""Exports by the page: at once or in the background, fetched by their owner alone, or refused."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote
from uuid import UUID, uuid4

import pytest
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from accounts.access import access_or_404
from accounts.models import Membership
from billing.models import Entry
from reports import export_jobs
from reports.exports import FORMATS, selection
from reports.filters import TransactionFilter
from reports.models import Export, ExportState
from reports.queries import Scope
from tests.reports.exports import ask, body, client_of, csv_rows, made, rows_of
from tests.reports.journals import enter, fill

pytestmark = pytest.mark.django_db(transaction=True)

PERIOD = "date_from=2020-01-01&date_to=2099-12-31"


@pytest.fixture
def in_background(monkeypatch):
    """No file is small."""
    for code, kind in FORMATS.items():
        monkeypatch.setitem(FORMATS, code, replace(kind, count=lambda scope, filters: 50_000))


def ordered(user, **asked) -> Export:
    before = set(Export.objects.values_list("pk", flat=True))
    response = ask(user, **asked)
    assert response.status_code == 302, response.content
    return Export.objects.exclude(pk__in=before).get()


def visit(user, action: str, export: Export, *, method="get", company="nile", **extra):
    address = reverse(f"export-{action}", args=[company, export.pk])
    return getattr(client_of(user), method)(address, **extra)


def test_a_small_file_comes_at_once_by_a_name_that_says_what_it_is(cast):
    cast.nile.name = 'Nile "Retail" / مجموعة\u202egnp.exe'
    cast.nile.save()
    query = "date_from=2026-10-01&date_to=2026-10-31&cursor=gone&unknown=1"
    response = ask(cast.finance, query=query)
    assert csv_rows(body(response)) == csv_rows(
        made(cast.finance, "csv", "date_from=2026-10-01&date_to=2026-10-31")
    )
    said = response.headers["Content-Disposition"]
    assert 'filename="nile-transactions-2026-10-01-2026-10-31.csv"' in said
    full = unquote(re.search(r"filename\*=UTF-8''(\S+)", said)[1])
    assert full == "Nile Retail مجموعةgnp.exe transactions 2026-10-01 to 2026-10-31.csv"
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert not Export.objects.exists()


def test_a_large_one_is_ordered_once_however_often_the_form_is_sent(cast, in_background):
    key = uuid4()
    first = ask(cast.finance, query="kind=usage", key=key)
    again = ask(cast.finance, query="kind=usage&cursor=x", key=key)
    assert first.url == again.url == "/accounts/nile/exports/"
    export = Export.objects.get()
    assert (export.query, export.format, export.user) == ("kind=usage", "csv", cast.finance)
    # Another format, another selection or another person with the same key is another export.
    ask(cast.finance, "json", query="kind=usage", key=key)
    ask(cast.finance, query="", key=key)
    ask(cast.admin, query="kind=usage", key=key)
    assert Export.objects.count() == 4


def test_above_the_formats_own_bound_it_is_the_workers(cast, monkeypatch):
    fill(cast)
    rows = len(csv_rows(body(ask(cast.finance))))
    small = replace(FORMATS["csv"], most_at_once=rows - 1)
    monkeypatch.setitem(FORMATS, "csv", small)
    assert ask(cast.finance).status_code == 302
    assert Export.objects.get().rows_total == rows
    assert body(ask(cast.finance, query="kind=usage"))


def test_the_list_shows_progress_and_stops_asking_when_all_is_done(cast, in_background):
    export = ordered(cast.finance)
    client = client_of(cast.finance)
    address = reverse("export-list", args=["nile"])
    export_jobs._begin(str(export.pk))
    Export.objects.update(rows_done=12_500)
    page = client.get(address).content.decode()
    assert "every 1s" in page
    assert 'value="25" max="100"' in page
    assert "12,500 of 50,000" in page
    fragment = client.get(address, headers={"HX-Request": "true"})
    assert fragment.status_code == 200
    assert "<html" not in fragment.content.decode()
    export_jobs.make(str(export.pk))
    fragment = client.get(address, headers={"HX-Request": "true"})
    assert fragment.status_code == 286
    assert "every 1s" not in fragment.content.decode()
    assert "Download" in fragment.content.decode()


def test_the_list_takes_the_same_queries_however_long_it_is(
    cast, in_background, django_assert_num_queries
):
    client, address = client_of(cast.finance), reverse("export-list", args=["nile"])
    client.get(address)
    ordered(cast.finance)
    with django_assert_num_queries(9):
        client.get(address)
    ordered(cast.finance)
    ordered(cast.finance)
    with django_assert_num_queries(9):
        client.get(address)


def test_its_owner_fetches_it_and_nobody_else_knows_of_it(cast, in_background):
    export = ordered(cast.finance)
    export_jobs.make(str(export.pk))
    response = visit(cast.finance, "file", export)
    assert body(response) == made(cast.finance, "csv")
    said = response.headers["Content-Disposition"]
    assert said.startswith('attachment; filename="nile-')
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response.headers["Cache-Control"]
    others = [cast.admin, cast.member, cast.operator, cast.stranger, cast.gulf_admin]
    for action, method in [("file", "get"), ("cancel", "post"), ("again", "post")]:
        for other in others:
            assert visit(other, action, export, method=method).status_code == 404
        assert (
            visit(cast.gulf_admin, action, export, method=method, company="gulf").status_code
            == 404
        )
        assert visit(None, action, export, method=method).status_code == 302
    assert (
        str(export.pk) not in client_of(cast.admin).get("/accounts/nile/exports/").content.decode()
    )
    assert Export.objects.get().state == ExportState.READY


def test_who_has_lost_sight_of_the_accounts_does_not_get_the_file(cast, in_background):
    tree, own = ordered(cast.finance), ordered(cast.member)
    staff = ordered(cast.operator)
    for export in (tree, own, staff):
        export_jobs.make(str(export.pk))
        assert body(visit(export.user, "file", export))
    Membership.objects.filter(user=cast.finance).update(account=cast.marketing, role="member")
    Membership.objects.filter(user=cast.member).update(account=cast.retail)
    # The platform's people see names that its customers do not.
    Membership.objects.create(user=cast.operator, account=cast.nile, role="finance")
    cast.operator.is_staff = False
    cast.operator.save()
    for export in (tree, own, staff):
        assert visit(export.user, "file", export).status_code == 404


def test_what_is_not_ready_or_gone_leads_back_to_the_list(cast, in_background):
    export = ordered(cast.finance)
    assert visit(cast.finance, "file", export).url == "/accounts/nile/exports/"
    export_jobs.make(str(export.pk))
    Export.objects.update(expires_at=F("finished_at") - timedelta(seconds=1))
    export_jobs.clear_away()
    assert visit(cast.finance, "file", export).url == "/accounts/nile/exports/"


def test_cancelled_it_can_be_made_again_and_twice_is_once(cast, in_background):
    export = ordered(cast.finance, query="kind=usage")
    for _ in range(2):
        assert visit(cast.finance, "cancel", export, method="post").status_code == 302
    assert Export.objects.get().state == ExportState.CANCELLED
    for _ in range(2):
        assert visit(cast.finance, "again", export, method="post").status_code == 302
    again = Export.objects.exclude(pk=export.pk).get()
    assert (again.query, again.format, again.state) == ("kind=usage", "csv", ExportState.WAITING)

    # Once that one came to nothing, too, the first can be made once more.
    visit(cast.finance, "cancel", again, method="post")
    visit(cast.finance, "again", export, method="post")
    assert Export.objects.filter(state=ExportState.WAITING).count() == 1
    assert Export.objects.count() == 3


def test_a_bank_statement_is_as_long_as_its_balance_whoever_drew_on_it(cast):
    fill(cast)
    scope = Scope.of(access_or_404(cast.finance, "nile"))
    entries = Entry.objects.filter(holder=cast.nile)
    assert entries.filter(account=cast.nile).count() < entries.count()
    for chosen, holders in ((f"&account={cast.nile.pk}", [cast.nile]), ("", scope.accounts)):
        filters = selection.filters_of(PERIOD + chosen, scope)
        held = Entry.objects.filter(holder__in=holders).count()
        assert FORMATS["camt053"].count(scope, filters) == held


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"query": "date_from=2026-10-31&date_to=2026-10-01"}, "This day is before From"),
        ({"query": "date_from=0001-01-01"}, "from the year 2000 on"),
        ({"query": "date_to=9999-12-31"}, "before the year 2100"),
        ({"query": "account=999999999"}, "not one of the accounts"),
        ({"query": "kind=gift"}, "not a kind of transaction"),
        ({"query": "kind=%00"}, "not a kind of transaction"),
        ({"format": "exe"}, "not one of the formats"),
        ({"key": "no-key"}, "Key of the form"),
        ({"format": "hledger", "query": "kind=usage"}, "clear the other filters"),
        ({"format": "camt053"}, "a first and a last day"),
        ({"format": "camt053", "query": f"{PERIOD}&kind=usage"}, "everything that moved"),
    ],
)
def test_what_cannot_be_exported_is_told_with_the_way_back(cast, asked, said):
    response = ask(cast.finance, **asked)
    assert response.status_code == 422
    page = response.content.decode()
    assert said in page
    assert "Back to the filter" in page
    assert not Export.objects.exists()


def test_another_companys_account_in_the_filter_is_none_of_ones_own(cast):
    response = ask(cast.finance, query=f"account={cast.gulf_sales.pk}")
    assert response.status_code == 422
    assert "not one of the accounts" in response.content.decode()


def test_strangers_find_nothing_here_and_a_journal_is_for_who_sees_the_tree(cast):
    for user in (cast.stranger, cast.gulf_admin):
        assert ask(user).status_code == 404
        assert client_of(user).get("/accounts/nile/exports/").status_code == 404
    assert "/auth/" in ask(None).url
    refused = ask(cast.member, "hledger")
    assert refused.status_code == 403
    assert "finance staff and admins" in refused.content.decode()
    menu = client_of(cast.member).get("/accounts/nile/transactions/").content.decode()
    assert 'value="csv"' in menu
    assert "hledger" not in menu
    # Its account has a balance of its own; who sees only a shared one is offered no statement.
    assert "camt053" in menu
    shared = client_of(cast.otp_member).get("/accounts/nile/transactions/").content.decode()
    assert 'value="csv"' in shared
    assert "camt053" not in shared
    assert client_of(cast.finance).get("/accounts/nile/exports/new/").status_code == 405


def test_a_sixth_export_is_refused_with_a_sentence(cast, in_background):
    for _ in range(5):
        ordered(cast.finance)
    response = ask(cast.finance)
    assert response.status_code == 422
    assert "5 exports that are not finished" in response.content.decode()


def test_an_export_that_was_never_made_is_not_found(cast):
    nothing = Export(pk=UUID(int=7))
    assert visit(cast.finance, "file", nothing).status_code == 404
    assert client_of(cast.finance).get("/accounts/nile/exports/x/file/").status_code == 404


def test_an_empty_selection_is_an_empty_file(cast):
    enter(cast.retail, "1")
    assert csv_rows(body(ask(cast.finance, query="kind=chargeback"))) == []


class TestHowManyRows:
    """What decides between at once and in the background must be cheap itself."""

    def count(self, user, query="") -> int | None:
        scope = Scope.of(access_or_404(user, "nile"))
        return selection.count_if_cheap(scope, selection.filters_of(query, scope))

    @pytest.mark.parametrize("who", ["finance", "member", "otp_member"])
    def test_the_daily_totals_know_it_exactly(self, cast, who):
        fill(cast)
        user = getattr(cast, who)
        today = timezone.localdate(timezone=cast.nile.zone)
        for query in ("", "kind=usage&kind=transfer", f"date_from={today}&date_to={today}"):
            assert self.count(user, query) == len(rows_of(user, query))
        assert self.count(user, "date_to=2020-01-01") == 0

    def test_what_they_do_not_know_is_looked_at_for_a_while(self, cast, monkeypatch):
        fill(cast)
        # A filter by text, say.
        monkeypatch.setattr(selection, "narrowed_by", lambda filters: {"text"})
        rows = len(rows_of(cast.finance))
        assert self.count(cast.finance) == rows
        monkeypatch.setattr(selection, "MOST_AT_ONCE", rows - 1)
        assert self.count(cast.finance) is None

    def test_a_search_that_takes_too_long_is_the_workers(self, cast, monkeypatch):
        monkeypatch.setattr(selection, "narrowed_by", lambda filters: {"text"})
        monkeypatch.setattr(selection, "PATIENCE", timedelta(milliseconds=20))
        slow = Entry.objects.extra(where=["pg_sleep(1) IS NOT NULL"])
        monkeypatch.setattr(TransactionFilter, "qs", slow)
        assert self.count(cast.finance) is None


def test_ten_thousand_accounts_in_the_filter_are_refused(cast):
    query = "&".join(f"account={number}" for number in range(10_000))
    assert ask(cast.finance, query=query).status_code == 400
