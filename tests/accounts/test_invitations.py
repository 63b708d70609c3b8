"""Invitations: who sends them, what the mail says, and that a link opens once, for one person."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import invitation_mails, invitations
from accounts.models import Account, Invitation, InvitationEnd, Membership, Role, User
from accounts.refusals import Refused
from tests.accounts.people import PEOPLE, as_, at, invite, link, mail_all, words
from tests.billing.test_tasks import no_job_by_itself, work  # noqa: F401 - a fixture
from tests.factories import PASSWORD
from tests.threads import at_once

pytestmark = pytest.mark.django_db

NEW = {"name": "Mona Adel", "password1": "seven tall ships", "password2": "seven tall ships"}


def form(account: str = "marketing", role: str = "member", email: str = "new@nile.example"):
    return {"email": email, "account": account, "role": role}


def send(user: User, **changes: str):
    return as_(user).post(f"{PEOPLE}invite/", form(**changes))


# Who invites, to where, as what: what becomes of it.
INVITES = [
    ("admin", "nile", "master_admin", 302),
    ("admin", "otp", "member", 302),
    ("marketing_admin", "marketing", "subaccount_admin", 302),
    ("marketing_admin", "marketing", "member", 302),
    ("marketing_admin", "retail", "member", 422),
    ("marketing_admin", "nile", "finance", 422),
    ("marketing_admin", "marketing", "finance", 422),
    ("admin", "sales", "member", 422),
    ("admin", "nile", "member", 422),
    ("admin", "marketing", "master_admin", 422),
    ("finance", "marketing", "member", 403),
    ("operator", "marketing", "member", 403),
    ("member", "marketing", "member", 403),
    ("gulf_admin", "marketing", "member", 404),
    ("stranger", "marketing", "member", 404),
]


@pytest.mark.parametrize(("who", "account", "role", "status"), INVITES)
def test_who_invites_to_what(cast, who, account, role, status):
    answer = send(getattr(cast, who), account=account, role=role)
    assert answer.status_code == status
    assert Invitation.objects.count() == (status == 302)
    assert (as_(getattr(cast, who)).get(f"{PEOPLE}invite/").status_code == 200) is (
        status in {302, 422}
    )


def test_an_anonymous_person_invites_nobody(cast):
    assert "/auth/login/" in Client().post(f"{PEOPLE}invite/", form())["Location"]
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b", "a@x.example\nBcc: b@x.example", "a\0@x.example", "a" * 300]
)
def test_what_is_no_address_is_refused_and_kept(cast, email):
    answer = send(cast.admin, email=email)
    assert answer.status_code == 422
    assert "email" in answer.context["form"].errors
    assert answer.context["form"]["account"].value() == "marketing"


def test_the_mail_says_who_offers_what_and_its_link_is_nowhere_in_the_database(cast, settings):
    settings.BASE_URL = "https://console.example"
    cast.admin.name = "Aya\r\nBcc: x@x.example"
    cast.admin.save()
    made = invite(cast, "New@Nile.example")
    [sent] = mail_all()
    [(html, _kind)] = sent.alternatives
    assert sent.to == ["new@nile.example"]
    assert sent.subject == "Aya Bcc: x@x.example invites you to Nile Retail Group"
    for text in (sent.body, html):
        assert f"https://console.example{link(made)}" in text
        assert "Marketing" in text
        assert "Member" in text
        assert "once" in text
    token = invitations.token_of(made)
    rows = [*Invitation.objects.values_list(), *ProcrastinateJob.objects.values_list()]
    assert token not in str(rows)
    made.refresh_from_db()
    assert made.mailed_at is not None
    mail_all()
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_mails_it_and_what_is_rolled_back_is_never_mailed(cast):
    with transaction.atomic():
        invite(cast, "never@nile.example")
        transaction.set_rollback(True)
    invite(cast)
    work()
    assert [message.to for message in mail.outbox] == [["new@nile.example"]]


def test_a_new_person_accepts_with_a_name_and_a_password_and_signs_in_with_it(cast):
    made = invite(cast, role=Role.SUBACCOUNT_ADMIN)
    browser = Client()
    page = browser.get(link(made))
    for word in ("Nile Retail Group", "Marketing", "Subaccount admin", "admin@nile.example"):
        assert word in words(page)
    answer = browser.post(link(made), NEW)
    assert answer["Location"] == "/accounts/nile/"
    assert "Welcome to Nile Retail Group" in words(browser.get("/accounts/nile/"))
    person = User.objects.get(email="new@nile.example")
    assert (person.name, person.is_staff) == ("Mona Adel", False)
    assert EmailAddress.objects.get(user=person).verified
    assert at(person, cast.marketing).role == Role.SUBACCOUNT_ADMIN
    again = Client().post(
        "/auth/login/", {"login": "new@nile.example", "password": "seven tall ships"}
    )
    assert again["Location"] == "/"
    # The same link again: for them it leads on, for everybody else nowhere.
    assert browser.post(link(made), NEW)["Location"] == "/"
    assert Client().post(link(made), NEW).status_code == 410
    assert Client().get("/auth/signup/").status_code == 200
    assert Membership.objects.filter(user=person).count() == 1


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 151}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"password1": "short", "password2": "short"}, "password1"),
        ({"password1": "new@nile.example", "password2": "new@nile.example"}, "password1"),
        ({"password1": "x" * 1001, "password2": "x" * 1001}, "password1"),
        ({"password2": "other"}, "password2"),
    ],
)
def test_a_bad_name_or_password_is_refused_beside_its_field(cast, typed, field):
    made = invite(cast)
    answer = Client().post(link(made), NEW | typed)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not User.objects.filter(email="new@nile.example").exists()
    assert Client().get(link(made)).status_code == 200


def test_somebody_who_is_here_signs_in_and_accepts_and_belongs_to_both_companies(cast):
    made = invite(cast, cast.gulf_admin.email, account=cast.nile, role=Role.FINANCE)
    browser = Client()
    page = browser.get(link(made))
    [sign_in] = re.findall(r'href="(/auth/login/[^"]+)"', words(page))
    assert browser.post(link(made), NEW)["Location"] == sign_in
    answer = browser.post(sign_in, {"login": cast.gulf_admin.email, "password": PASSWORD})
    assert answer["Location"] == link(made)
    assert "Accept the invitation" in words(browser.get(link(made)))
    assert browser.post(link(made))["Location"] == "/accounts/nile/"
    assert at(cast.gulf_admin, cast.nile).role == Role.FINANCE
    home = words(browser.get("/"))
    assert "Nile Retail Group" in home
    assert "Gulf Trading" in home


def test_who_is_signed_in_as_somebody_else_is_told_so_and_gets_nothing(cast):
    made = invite(cast)
    for method in ("get", "post"):
        answer = getattr(as_(cast.stranger), method)(link(made))
        assert answer.status_code == 403
        assert "sent to another address than stranger@elsewhere.example" in words(answer)
        # To whom it was sent is not theirs to know.
        assert "new@nile.example" not in words(answer)
    assert not Membership.objects.filter(user=cast.stranger).exists()


def test_a_link_that_leads_nowhere_says_why(cast):
    expired = invite(cast, "a@x.example")
    Invitation.objects.filter(pk=expired.pk).update(
        created_at=timezone.now() - timedelta(days=8),
        expires_at=timezone.now() - timedelta(days=1),
    )
    withdrawn = invite(cast, "b@x.example")
    invitations.withdraw(company=cast.nile, invitation=withdrawn.pk, by=cast.admin)
    replaced = invite(cast, "c@x.example")
    latest = invitations.send_again(company=cast.nile, invitation=replaced.pk, by=cast.admin)
    closed = invite(cast, "d@x.example", account=cast.retail)
    Account.objects.filter(pk=cast.retail.pk).update(state="closed")
    for made, why in (
        (expired, "has expired"),
        (withdrawn, "was withdrawn"),
        (replaced, "was sent again"),
        (closed, "was closed"),
    ):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(link(made), NEW)
            assert (answer.status_code, why in words(answer)) == (410, True)
    for token in ("x", "A" * 43, "é" * 43, "%00" * 43, "A" * 4000):
        answer = Client().get(f"/invitations/{token}/")
        assert answer.status_code == 404
        assert "leads to no invitation" in words(answer)
    assert Client().get(link(latest)).status_code == 200
    assert not User.objects.filter(email__endswith="@x.example").exists()


def test_sent_twice_it_is_one_invitation_and_another_role_is_refused(cast):
    for _ in range(2):
        assert send(cast.admin).status_code == 302
    answer = send(cast.admin, role="subaccount_admin")
    assert answer.status_code == 422
    assert "is invited to Marketing already, as: Member" in words(answer)
    assert Invitation.objects.count() == ProcrastinateJob.objects.count() == 1
    # To another account it is another one; and one who has expired is simply invited anew.
    assert send(cast.admin, account="retail").status_code == 302
    Invitation.objects.update(
        created_at=timezone.now() - timedelta(days=8), expires_at=timezone.now()
    )
    assert send(cast.admin).status_code == 302
    assert Invitation.objects.filter(ended=InvitationEnd.REPLACED).count() == 1


def test_who_belongs_to_the_account_is_not_invited_to_it(cast):
    answer = send(cast.admin, email="Member@nile.example")
    assert answer.status_code == 422
    assert "belongs to Marketing already, as: Member" in words(answer)


@pytest.mark.parametrize("action", ["send", "withdraw"])
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("admin", 302),
        ("marketing_admin", 302),
        ("finance", 403),
        ("operator", 403),
        ("member", 403),
        ("gulf_admin", 404),
        ("stranger", 404),
    ],
)
def test_who_sends_again_and_withdraws(cast, who, status, action):
    made = invite(cast)
    page = f"{PEOPLE}invitations/{made.pk}/{action}/"
    browser = as_(getattr(cast, who))
    for _ in range(2):
        assert browser.post(page).status_code == status
    assert browser.get(page).status_code == 405
    made.refresh_from_db()
    assert bool(made.ended) is (status == 302)
    # Twice is once.
    assert Invitation.objects.count() == 1 + (action == "send" and status == 302)


def test_an_invitation_that_one_may_not_see_is_not_there(cast):
    other = invite(cast, account=cast.retail)
    for company, user in (("nile", cast.marketing_admin), ("gulf", cast.gulf_admin)):
        for action in ("send", "withdraw"):
            page = f"/accounts/{company}/people/invitations/{other.pk}/{action}/"
            assert as_(user).post(page).status_code == 404
    other.refresh_from_db()
    assert other.ended == ""
    assert "new@nile.example" not in words(as_(cast.marketing_admin).get(PEOPLE))
    assert "new@nile.example" in words(as_(cast.finance).get(PEOPLE))


def test_a_person_sends_twenty_an_hour_and_a_company_has_fifty_open(cast, monkeypatch):
    for number in range(invitations.MOST_AN_HOUR):
        last = invite(cast, f"{number}@x.example")
    answer = send(cast.admin)
    assert answer.status_code == 422
    assert "You have sent 20 invitations in the last hour" in words(answer)
    # Again is a mail, too; and a refusal leaves the old link as it was.
    with pytest.raises(invitations.TooMany):
        invitations.send_again(company=cast.nile, invitation=last.pk, by=cast.admin)
    assert invitations.find(invitations.token_of(last)) == last
    Invitation.objects.update(created_at=timezone.now() - timedelta(hours=2))
    monkeypatch.setattr(invitations, "MOST_OPEN", invitations.MOST_AN_HOUR)
    answer = send(cast.admin)
    assert answer.status_code == 422
    assert "has 20 open invitations" in words(answer)


def test_another_secret_key_leaves_links_that_were_mailed_and_mails_no_wrong_one(cast, settings):
    made = invite(cast)
    mailed = link(made)
    settings.SECRET_KEY = "another key, which is long enough for everybody"
    assert invitation_mails.send(made.pk) is False
    assert Client().get(mailed).status_code == 200


def test_the_database_itself_keeps_invitations_and_refuses_a_foreign_company(cast):
    made = invite(cast)
    with pytest.raises(DatabaseError), transaction.atomic():
        made.delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        Invitation.objects.filter(pk=made.pk).update(master=cast.gulf)
    with pytest.raises(DatabaseError), transaction.atomic():
        Invitation.objects.filter(pk=made.pk).update(role=Role.FINANCE)


def refused(job):
    def run():
        try:
            return job()
        except Refused as refusal:
            return refusal

    return run


@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_once_there_is_one_mail(cast):
    results = at_once(*[refused(lambda: invite(cast))] * 3)
    kinds = sorted(type(each).__name__ for each in results)
    assert kinds == ["Invitation", "InvitedAlready", "InvitedAlready"]
    assert ProcrastinateJob.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_accepted_twice_at_once_there_is_one_person(cast):
    token = invitations.token_of(invite(cast))

    def accept():
        return invitations.accept_as_new(token=token, name="Mona", password="seven tall ships")

    results = at_once(*[refused(accept)] * 3)
    kinds = sorted(type(each).__name__ for each in results)
    assert kinds == ["Membership", "Unusable", "Unusable"]
    assert User.objects.filter(email="new@nile.example").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_companies_that_invite_somebody_new_make_one_person_of_them(cast):
    ours = invitations.token_of(invite(cast))
    theirs = invitations.token_of(
        invitations.invite(
            company=cast.gulf,
            account=cast.gulf,
            email="new@nile.example",
            role=Role.FINANCE,
            by=cast.gulf_admin,
        )
    )

    def accept(token: str):
        return refused(
            lambda: invitations.accept_as_new(token=token, name="Mona", password="seven tall")
        )

    results = at_once(accept(ours), accept(theirs))
    assert sorted(type(each).__name__ for each in results) == ["Membership", "SignInFirst"]
    # The second is still open, and theirs to accept signed in.
    assert Invitation.objects.filter(ended="").count() == 1
