"""The operators' search: everything that bears a name or number, for operators only."""

from __future__ import annotations

import re
import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.audit_events import AuditEvent
from accounts.models import ApiKey, Membership, Role
from billing import payment_methods, refunds
from billing.models import BankLine, BankStatement, Entry, Payment, Transfer
from reports.models import Statement
from reports.pages import write_key
from tests.accounts.people import as_
from tests.accounts.viewing import begin, make_everything
from tests.billing.accounts_pages import hold
from tests.billing.payments.camt import camt, entry
from tests.billing.payments.operators import take
from tests.factories import make_branches, make_member, make_user

pytestmark = pytest.mark.django_db

SEARCH = "/operator/search/"


@pytest.fixture
def operator(cast) -> Client:
    return as_(cast.operator)


def found(client: Client, text: str) -> dict[str, list[tuple[str, str]]]:
    """Title and address of each result, by group."""
    answer = client.get(SEARCH, {"q": text})
    assert answer.status_code == 200
    return {
        str(group.name): [(each.title, each.href) for each in group.results]
        for group in answer.context["groups"]
    }


def test_only_operators_search(cast, client):
    assert client.get(SEARCH).url.startswith("/auth/login/")
    for user in (cast.stranger, cast.member, cast.admin):
        assert as_(user).get(SEARCH, {"q": "nile"}).status_code == 404
    assert as_(cast.operator).post(SEARCH, {"q": "nile"}).status_code == 405


def test_names_codes_and_addresses_are_found_by_how_they_begin(cast, operator):
    companies = "Companies and subaccounts"
    nile, retail = "/operator/accounts/nile/", "/accounts/nile/subaccounts/retail/"
    assert found(operator, " NiLe ")[companies] == [("Nile Retail Group", nile)]
    # Words of a name, in any order, in any place.
    assert found(operator, "group reta")[companies] == [("Nile Retail Group", nile)]
    assert found(operator, "retail")[companies] == [
        ("Nile Retail Group", nile),
        ("Retail branches", retail),
    ]
    assert found(operator, "etail") == {}
    people = found(operator, "Marketing-Admin@")["People"]
    there = "/accounts/nile/people/?q=marketing-admin%40nile.example"
    assert people == [("marketing-admin@nile.example", there)]
    assert operator.get(there).status_code == 200
    # Whom one finds one may look as: not operators, and nobody who is in no company.
    twice = make_user("both@nile.example", name="Hoda Saleh")
    Membership.objects.create(user=twice, account=cast.otp, role=Role.MEMBER)
    Membership.objects.create(user=twice, account=cast.gulf, role=Role.FINANCE)
    page = operator.get(SEARCH, {"q": "saleh"}).content.decode()
    assert "Nile Retail Group: Member" in page
    assert "Gulf Trading: Finance" in page
    for company in ("nile", "gulf"):
        assert f"/operator/view-as/{company}/{twice.pk}/" in page
    for who in ("operator@", "stranger@"):
        assert "view-as" not in operator.get(SEARCH, {"q": who}).content.decode()


@pytest.mark.django_db(transaction=True)
def test_everything_that_has_a_reference_is_found_by_it(cast, operator):
    make_everything(cast)
    payment_methods.load()
    paid = Payment.objects.get(state="paid")
    refund = refunds.request(
        payment=paid, amount=Decimal(10), reason="Agreed", key=uuid4(), by=cast.operator
    )
    held = hold(cast.otp, "5", "call-77")
    take(cast, camt(entry("10.00", f"for {paid.reference}", bank="BANK-9"), number="S-77"))
    statement, line = BankStatement.objects.get(), BankLine.objects.get()
    transfer = Transfer.objects.filter(batch=None).get()
    usage = Entry.objects.get(reference="m-1")
    legs = Entry.objects.filter(reference=str(transfer.key))
    at = f"/operator/payments/{paid.pk}/"
    movement = f"/accounts/nile/transactions/{write_key(usage)}/"
    spaced = " ".join(re.findall(".{1,4}", paid.reference.lower()))
    for text in (str(paid.pk), spaced, paid.gateway_reference, f"pi_{paid.gateway_reference}"):
        assert found(operator, text)["Payments"] == [(paid.reference, at)], text
    for text in (refund.pk.hex, paid.reference):
        assert found(operator, text)["Refunds"] == [(f"Refund of {paid.reference}", at)]
    assert found(operator, "m-1") == {"Transactions": [("m-1", movement)]}
    assert found(operator, "call-7") == {}
    one = (f"Transfer {transfer.pk}", f"/accounts/nile/transfers/{transfer.pk}/")
    assert one in found(operator, f"#{transfer.pk}")["Transfers"]
    both = found(operator, str(transfer.key))
    assert both["Transfers"] == [one]
    assert len(both["Transactions"]) == legs.count() == 2
    otp = "/accounts/nile/subaccounts/otp/"
    for text in ("call-77", str(held.id)):
        assert found(operator, text)["Holds"] == [("call-77", otp)]
    key = ApiKey.objects.get()
    assert found(operator, key.prefix[:9])["API keys"] == [
        (key.prefix, "/accounts/nile/api-keys/")
    ]
    assert found(operator, "new@")["Invitations"] == [
        ("new@nile.example", "/accounts/nile/people/")
    ]
    issued = Statement.objects.get()
    assert found(operator, issued.name)["Statements"] == [(issued.name, issued.get_absolute_url())]
    assert found(operator, "S-77")["Bank statements"] == [("S-77", statement.get_absolute_url())]
    [(title, _href)] = found(operator, line.bank_reference)["Lines of bank statements"]
    assert title == line.bank_reference
    asked = begin(operator, cast.member)
    request = asked.headers["X-Request-ID"]
    assert found(operator, request)["Audit log"] == [
        ("Looked at as the customer", f"/operator/audit/?text={request}")
    ]
    assert request in AuditEvent.objects.values_list("request_id", flat=True)


def test_what_cannot_be_searched_is_told_and_stays_in_the_box(cast, operator):
    for text, why in (("x" * 201, "at most 200 characters; these are 201"), ("a\0b", "be seen")):
        answer = operator.get(SEARCH, {"q": text})
        assert answer.status_code == 422
        assert why in answer.content.decode()
        assert answer.context["groups"] == []
        assert f'value="{text.replace(chr(0), " ")}"' in answer.content.decode()
    for text in ("' & | ! :*", "%_", "{", "\\", "<script>", "نايل", "9" * 30, "99999-999999"):
        assert operator.get(SEARCH, {"q": text}).status_code == 200
    # Of a whole key only what names it stays anywhere.
    page = operator.get(SEARCH, {"q": "cck_aaaaaaaa_" + "s" * 43}).content.decode()
    assert 'value="cck_aaaaaaaa"' in page
    assert "sss" not in page


def test_of_many_ten_are_shown_with_as_many_queries(cast, operator, django_assert_max_num_queries):
    operator.get(SEARCH, {"q": "branch 1"})
    with django_assert_max_num_queries(60) as few:
        operator.get(SEARCH, {"q": "retail"})
    make_branches(cast.nile, 30)
    for at in range(20):
        make_member(cast.nile, Role.FINANCE, f"branch{at}@nile.example")
    with django_assert_max_num_queries(60) as many:
        answer = operator.get(SEARCH, {"q": "branch"})
    # The people's companies.
    assert len(many) == len(few) + 1
    sizes = [(len(group.results), group.more) for group in answer.context["groups"]]
    assert sizes == [(10, True), (10, True)]
    assert "there are more: write more of it" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_told_and_the_rest_is_shown(cast, operator, monkeypatch):
    monkeypatch.setattr("reports.queries.PATIENCE_SECONDS", 0.2)
    is_locked, is_over = threading.Event(), threading.Event()

    def keep_locked() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE billing_entry IN ACCESS EXCLUSIVE MODE")
                is_locked.set()
                is_over.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=keep_locked)
    thread.start()
    assert is_locked.wait(30)
    try:
        answer = operator.get(SEARCH, {"q": "nile"})
    finally:
        is_over.set()
        thread.join()
    told = {str(group.name): group.slow for group in answer.context["groups"]}
    assert told == {"Companies and subaccounts": False, "Transactions": True}
    assert "took too long" in answer.content.decode()
