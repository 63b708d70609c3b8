"""The read-only view: an operator sees what a customer sees, and changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.audit_events import AuditEvent
from accounts.models import Account, Membership, Role
from accounts.viewing import FILES
from console.request_facts import note_request
from tests.accounts.people import PEOPLE, as_, words
from tests.accounts.viewing import STOP, addresses, begin, make_everything, rows
from tests.factories import code_of

pytestmark = pytest.mark.django_db

HOME = "/accounts/nile/"
BANNER = "Read-only view"
SUSPEND = "/accounts/nile/subaccounts/retail/suspend/"
READ_ONLY = "nothing can be sent or changed"


@pytest.fixture
def operator(cast) -> Client:
    return as_(cast.operator)


def told() -> list[tuple[str, str, str, str]]:
    found = AuditEvent.objects.filter(action=AuditAction.VIEWED_AS_CUSTOMER).order_by("pk")
    return [(e.actor.email, e.whom.email, e.after["view"], e.about) for e in found]


def test_an_operator_sees_what_the_person_sees_and_their_own_pages_elsewhere(cast, operator):
    own = words(operator.get(HOME))
    assert begin(operator, cast.otp_member).url == HOME
    page = words(operator.get(HOME))
    assert BANNER in page
    assert "otp@nile.example" in page
    assert "10,000" in own
    assert "10,000" not in page
    assert operator.get(PEOPLE).status_code == 403
    assert operator.get("/accounts/nile/subaccounts/retail/").status_code == 404
    # Elsewhere, the operator's own: another company, operators' pages, security.
    for address in ("/accounts/gulf/", "/operator/", "/auth/security/"):
        answer = operator.get(address)
        assert answer.status_code == 200
        assert BANNER not in words(answer)
        assert "otp@nile.example" not in words(answer)
    assert "300.000" in words(operator.get("/accounts/gulf/"))
    # What was seen before is not taken for the same.
    assert operator.post(STOP, follow=True).redirect_chain == [(PEOPLE, 302)]
    assert BANNER not in words(operator.get(HOME))
    assert told() == [
        (cast.operator.email, "otp@nile.example", "began", "Ticket 17"),
        (cast.operator.email, "otp@nile.example", "ended", "Stopped."),
    ]
    assert operator.post(STOP).url == "/operator/"
    log = words(as_(cast.admin).get("/accounts/nile/audit/?action=viewed_as_customer"))
    assert "otp@nile.example" in log
    assert cast.operator.email not in log


def test_only_operators_begin_and_stop_it_with_a_reason_and_a_fresh_proof(cast, client):
    address = f"/operator/view-as/nile/{cast.member.pk}/"
    assert client.get(address).status_code == 302
    for user in (cast.stranger, cast.admin, cast.member):
        for each in (address, STOP):
            assert as_(user).post(each, {"reason": "x"}).status_code == 404
        assert as_(user).get(address).status_code == 404
    operator = as_(cast.operator)
    for reason, why in ((" ", "Write why"), ("x" * 301, "at most 300"), ("a\0b", "")):
        answer = begin(operator, cast.member, reason=reason)
        assert answer.status_code == 422
        assert why in words(answer)
    assert "x" * 301 in words(begin(operator, cast.member, reason="x" * 301))
    for company, person in (("gulf", cast.member), ("nile", cast.stranger), ("none", cast.member)):
        assert begin(operator, person, company).status_code == 404
    # An operator who also belongs to a company.
    colleague = cast.operator
    Membership.objects.create(user=colleague, account=cast.nile, role=Role.FINANCE)
    assert "nobody looks as another operator" in words(begin(operator, colleague))
    assert told() == []
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert begin(operator, cast.member).url.startswith("/auth/2fa/reauthenticate/")
        operator.post("/auth/2fa/reauthenticate/", {"code": code_of()})
        operator.get(address)
        assert BANNER in words(operator.get(HOME))
        # Sent twice it begins once.
        begin(operator, cast.member)
    assert [each[2] for each in told()] == ["began"]


# Some pages read a snapshot, which wants a transaction of its own.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["admin", "otp_member"])
def test_no_address_of_the_company_changes_anything_in_the_view(cast, operator, settings, who):
    # Then the gateway could be asked.
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_test_x", "whsec_x"
    things = make_everything(cast)
    begin(operator, getattr(cast, who))
    before, log = rows(), AuditEvent.objects.count()
    walked = dict(addresses(things))
    assert len(walked) > 60
    seen = {}
    for name, address in walked.items():
        for query in ("", "?n=30&back=1&amount=5&q=a") if who == "admin" else ("",):
            answer = operator.get(address + query)
            assert not answer.streaming, name
            assert answer.status_code < 500, name
            assert "Content-Disposition" not in answer.headers, name
            assert name not in FILES or answer.status_code == 403
            assert READ_ONLY not in words(answer), name
            seen[name] = answer.status_code
    if who == "admin":
        # Looked at, not merely refused.
        refused = {name for name, status in seen.items() if status in (403, 404)}
        assert refused == FILES
    for name, address in walked.items():
        for answer in (
            operator.post(address, {"to": "allocated"}),
            operator.put(address, headers={"hx-request": "true"}),
        ):
            assert (answer.status_code, READ_ONLY in words(answer)) == (403, True), name
    assert rows() == before
    assert AuditEvent.objects.count() == log


def test_a_form_that_waits_for_a_proof_is_not_sent_in_the_view(cast, operator):
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        begin(operator, cast.admin)
        operator.post("/auth/2fa/reauthenticate/", {"code": code_of()})
        operator.get(f"/operator/view-as/nile/{cast.admin.pk}/")
        session = operator.session
        session["form_to_send_again"] = {
            "path": SUSPEND,
            "at": timezone.now().timestamp(),
            "body": "reason=x",
        }
        session.save()
        answer = operator.get(SUSPEND)
    assert answer.status_code == 403
    assert READ_ONLY in words(answer)
    assert Account.objects.get(pk=cast.retail.pk).state == "active"


def lose_role(cast):
    Membership.objects.filter(user=cast.admin).delete()


def deactivate(cast):
    cast.admin.is_active = False
    cast.admin.save()


def make_operator(cast):
    cast.admin.is_staff = True
    cast.admin.save()


def lose_staff(cast):
    cast.operator.is_staff = False
    cast.operator.save()


def lose_factor(cast):
    Authenticator.objects.filter(user=cast.operator).delete()


def deactivate_operator(cast):
    cast.operator.is_active = False
    cast.operator.save()


def ask_for_factor(cast):
    Account.objects.filter(pk=cast.nile.pk).update(needs_second_factor=True)


@pytest.mark.parametrize(
    "loss",
    [
        lose_role,
        deactivate,
        make_operator,
        lose_staff,
        lose_factor,
        deactivate_operator,
        ask_for_factor,
    ],
)
def test_it_ends_with_the_next_request_after_a_loss(cast, operator, loss):
    begin(operator, cast.admin)
    loss(cast)
    answer = operator.get(HOME)
    assert BANNER not in words(answer)
    assert "viewing_as" not in operator.session
    assert [(who, what) for who, _whom, what, _why in told()] == [
        (cast.operator.email, "began"),
        (cast.operator.email, "ended"),
    ]


def test_after_half_an_hour_nothing_that_was_opened_in_it_is_done_as_the_operator(cast, operator):
    started = timezone.now()
    with time_machine.travel(started, tick=False) as clock:
        begin(operator, cast.admin)
        clock.shift(timedelta(minutes=29))
        assert BANNER in words(operator.get(HOME))
        clock.shift(timedelta(minutes=2))
        answer = operator.post(SUSPEND, {"reason": "x"})
        assert answer.status_code == 403
        assert "Nothing was sent" in words(answer)
        assert "it lasts 30 minutes" in words(answer)
        operator.force_login(cast.operator)
        begin(operator, cast.admin)
        clock.shift(timedelta(minutes=25))
        operator.get(HOME)
        clock.shift(timedelta(minutes=6))
        answer = operator.get(HOME, headers={"hx-request": "true"})
        assert (answer.headers["HX-Refresh"], answer.content) == ("true", b"")
    assert Account.objects.get(pk=cast.retail.pk).state == "active"


def test_signing_out_and_another_view_end_it(cast, operator):
    begin(operator, cast.admin)
    begin(operator, cast.gulf_admin, "gulf")
    assert BANNER not in words(operator.get(HOME))
    assert BANNER in words(operator.get("/accounts/gulf/"))
    operator.post("/auth/logout/")
    assert [(whom, what, why) for _who, whom, what, why in told()] == [
        (cast.admin.email, "began", "Ticket 17"),
        (cast.admin.email, "ended", "Another view began."),
        (cast.gulf_admin.email, "began", "Ticket 17"),
        (cast.gulf_admin.email, "ended", "Signed out."),
    ]


def test_a_request_that_was_under_way_does_not_bring_a_stopped_view_back(cast, operator):
    begin(operator, cast.admin)
    session = operator.session
    before = dict(session)
    operator.post(STOP)
    # A page that was slow is answered now, and saves the session that it had read.
    session.update(before)
    session.save()
    answer = operator.get(HOME, follow=True)
    assert BANNER not in words(answer)
    assert "The read-only view has ended." in words(answer)
    # Stop in two windows at once: the log tells of one end.
    session.update(before)
    session.save()
    operator.post(STOP)
    assert [what for _who, _whom, what, _why in told()] == ["began", "ended"]


def test_what_is_recorded_in_a_view_names_the_operator(cast):
    def answer(request):
        """As a view that believes it speaks to the customer."""
        request.operator = cast.operator
        audit.record(action=AuditAction.EXPORT_DOWNLOADED, by=cast.admin, master=cast.nile)
        return HttpResponse()

    note_request(answer)(RequestFactory().get(HOME))
    assert AuditEvent.objects.get(action=AuditAction.EXPORT_DOWNLOADED).actor == cast.operator
