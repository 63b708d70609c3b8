"""The pages of the audit log: who sees what, filters, pages, and the file."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.audit_events import AuditEvent
from billing import limits
from reports import audit_rows

pytestmark = pytest.mark.django_db

PAGES = ["/accounts/nile/audit/", "/accounts/nile/audit/events.csv"]
OPERATORS = ["/operator/audit/", "/operator/audit/events.csv"]


def body(answer) -> str:
    content = answer.streaming_content if answer.streaming else [answer.content]
    return b"".join(content).decode()


def rows_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(body(answer).removeprefix("\ufeff").splitlines()))


@pytest.mark.parametrize("page", PAGES + OPERATORS)
@pytest.mark.parametrize(
    ("who", "of_company", "of_all"),
    [
        ("admin", 200, 404),
        ("finance", 403, 404),
        ("operator", 200, 200),
        ("marketing_admin", 403, 404),
        ("member", 403, 404),
        ("otp_member", 403, 404),
        ("gulf_admin", 404, 404),
        ("stranger", 404, 404),
    ],
)
def test_who_may_read_it(cast, client, page, who, of_company, of_all):
    client.force_login(getattr(cast, who))
    answer = client.get(page)
    assert answer.status_code == (of_company if page in PAGES else of_all)
    if answer.status_code == 403:
        assert "admins of the master account" in body(answer)
    assert client.post(page).status_code == 405


@pytest.mark.parametrize("page", PAGES + OPERATORS)
def test_anonymous_people_sign_in_first(cast, client, page):
    assert client.get(page).url.startswith(reverse("account_login"))


def test_a_company_reads_its_own_events_only(cast, client):
    audit.record(action=AuditAction.KEY_MADE, by=cast.gulf_admin, master=cast.gulf, about="theirs")
    audit.record(action=AuditAction.METHOD_EDITED, by=cast.operator, about="nobody's")
    client.force_login(cast.admin)
    page = body(client.get(PAGES[0]))
    assert "Signed in" in page
    assert "theirs" not in page
    assert "nobody&#x27;s" not in page
    client.force_login(cast.operator)
    page = body(client.get(OPERATORS[0]))
    assert "theirs" in page
    assert "nobody&#x27;s" in page


def test_to_customers_operators_have_no_name_no_reason_and_no_place(cast, client):
    client.force_login(cast.operator)
    limits.change(account=cast.nile, limit=Decimal(7), reason="their secret", by=cast.operator)
    AuditEvent.objects.create(
        action="account_edited",
        master=cast.nile,
        actor=cast.operator,
        via="page",
        ip="203.0.113.77",
        user_agent="Secret/1",
    )
    client.force_login(cast.admin)
    for page in PAGES:
        seen = body(client.get(page))
        assert "Operator" in seen
        assert "Credit limit" in seen
        for hidden in ("operator@platform.example", "their secret", "203.0.113.77", "Secret/1"):
            assert hidden not in seen
    # Nor are they found by what is not shown.
    for query in ("text=their+secret", "text=203.0.113.77", "text=Secret", "person=operator"):
        assert not rows_of(client.get(f"{PAGES[1]}?{query}")), query
    client.force_login(cast.operator)
    assert "their secret" in body(client.get(PAGES[0]))


def test_the_page_has_words_where_the_file_has_codes(cast, client):
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0"
    AuditEvent.objects.create(
        action="role_changed",
        master=cast.nile,
        actor=cast.admin,
        via="page",
        before={"role": "finance", "amount": "7.50"},
        after={"role": "master_admin", "amount": "8.00", "scopes": ["charges:write", {"odd": 1}]},
        user_agent=chrome,
    )
    client.force_login(cast.admin)
    seen = body(client.get(f"{PAGES[0]}?action=role_changed"))
    for words in ("Finance", "Master admin", "EGP 7.50", "EGP 8.00", "Charge usage", ">Chrome on"):
        assert words in seen
    assert "master_admin" not in seen
    row = rows_of(client.get(f"{PAGES[1]}?action=role_changed"))[0]
    assert "master_admin" in row["after"]
    assert row["user_agent"] == chrome


def test_filters_by_day_action_person_account_and_text(cast, client):
    limits.change(account=cast.marketing, limit=Decimal(7), reason="agreed", by=cast.operator)
    client.force_login(cast.admin)
    at = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # 1 April in Cairo
    audit.record(
        action=AuditAction.KEY_MADE, by=cast.admin, master=cast.nile, about="=SMS", moment=at
    )

    def found(query: str) -> list[str]:
        rows = rows_of(client.get(f"{PAGES[1]}?{query}"))
        return [row["action"] for row in rows if row["action"] != "export_downloaded"]

    assert found("date_from=2026-04-01&date_to=2026-04-01") == ["key_made"]
    assert found("date_to=2026-03-31") == []
    assert found("action=limit_changed") == ["limit_changed"]
    assert found(f"account={cast.marketing.pk}") == ["limit_changed", "account_opened"]
    assert found("person=admin") == ["signed_in", "key_made"]
    assert found("side=operators") == ["limit_changed"]
    assert found("text=sms") == ["key_made"]
    # Defused for spreadsheets.
    assert rows_of(client.get(f"{PAGES[1]}?text=sms"))[0]["about"] == "'=SMS"


@pytest.mark.parametrize(
    "query",
    [
        "date_from=yesterday",
        "date_from=2026-04-02&date_to=2026-04-01",
        "action=nothing",
        "account=999999999",
        "side=x",
        "person=" + "x" * 101,
    ],
)
def test_a_bad_filter_shows_its_errors_and_no_rows(cast, client, query):
    client.force_login(cast.admin)
    answer = client.get(f"{PAGES[0]}?{query}")
    assert answer.status_code == 200
    assert answer.context["rows"] == []
    assert "The filter is not right" in body(answer)
    answer = client.get(f"{PAGES[1]}?{query}")
    assert answer.status_code == 422
    assert not answer.streaming


def test_the_account_of_another_company_is_none_to_choose(cast, client):
    client.force_login(cast.admin)
    answer = client.get(f"{PAGES[0]}?account={cast.gulf_sales.pk}")
    assert answer.context["form"].errors["account"]


def test_pages_go_on_without_losing_or_repeating_any(cast, client, monkeypatch):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(120):
        # Several at one moment.
        audit.record(
            action=AuditAction.KEY_MADE,
            by=None,
            master=cast.nile,
            about=str(number),
            moment=at + timedelta(minutes=number // 7),
        )
    client.force_login(cast.admin)
    seen, query = [], "?action=key_made"
    for size in (50, 50, 20):
        context = client.get(PAGES[0] + query).context
        assert len(context["rows"]) == size
        seen += [row.event.pk for row in context["rows"]]
        query = f"?action=key_made&before={context['older']}"
    assert context["older"] is None
    assert len(set(seen)) == 120
    monkeypatch.setattr(audit_rows, "_CHUNK", 50)
    assert len(rows_of(client.get(f"{PAGES[1]}?action=key_made"))) == 120
    for bad in ("x", "9" * 30, str(AuditEvent.objects.filter(master=cast.gulf).first().pk)):
        assert client.get(f"{PAGES[0]}?before={bad}").status_code == 404


def test_a_file_has_a_bound_and_is_told_of(cast, client, monkeypatch):
    client.force_login(cast.admin)
    assert len(rows_of(client.get(PAGES[1]))) > 4
    row = AuditEvent.objects.latest("pk")
    assert (row.action, row.actor, row.master) == ("export_downloaded", cast.admin, cast.nile)
    monkeypatch.setattr(audit_rows, "MOST_ROWS", 3)
    answer = client.get(PAGES[1])
    assert answer.status_code == 422
    assert "at most 3 events" in body(answer)


def test_the_number_of_queries_does_not_grow(cast, client, django_assert_max_num_queries):
    for _each in range(40):
        audit.record(
            action=AuditAction.KEY_MADE, by=cast.admin, whom=cast.finance, account=cast.retail
        )
    client.force_login(cast.admin)
    with django_assert_max_num_queries(9):
        client.get(PAGES[0])
    client.force_login(cast.operator)
    with django_assert_max_num_queries(5):
        client.get(OPERATORS[0])


def test_every_action_has_words(cast):
    assert AuditEvent(action="signed_in").words == "Signed in"
    assert AuditEvent(action="of_tomorrow").words == "Of tomorrow"
    for action in AuditAction:
        assert str(action.label).strip()
