"""What the tests of people and invitations share."""

from __future__ import annotations

from django.core import mail
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import invitation_mails, invitations
from accounts.models import Account, Invitation, Membership, Role, User

PEOPLE = "/accounts/nile/people/"


def as_(user: User) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def at(user: User, account: Account) -> Membership:
    """The person's membership at the account."""
    return Membership.objects.get(user=user, account=account)


def invite(cast, email: str = "new@nile.example", **changes) -> Invitation:
    """The admin of Nile invites a member to Marketing, unless told otherwise."""
    wanted = {"account": cast.marketing, "role": Role.MEMBER, "by": cast.admin} | changes
    return invitations.invite(company=cast.nile, email=email, **wanted)


def link(invitation: Invitation) -> str:
    """The address behind the mail's button."""
    return f"/invitations/{invitations.token_of(invitation)}/"


def mail_all() -> list[mail.EmailMultiAlternatives]:
    """What the worker does with the jobs that wait; the mails that came of it."""
    for job in ProcrastinateJob.objects.filter(task_name=invitations.SEND).order_by("id"):
        invitation_mails.send(**job.args)
    return mail.outbox


def words(response) -> str:
    """The page's text, for what it says."""
    return response.content.decode()
