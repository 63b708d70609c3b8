"""Invitations: offering somebody a role by e-mail, and accepting it. One link, one person, once.

The link's token is made of the row's nonce and the server's secret key, so that a copy of the
database opens nothing; and it is found by its SHA-256, so that an old link keeps working when the
secret key is changed. As for keys of the API a fast hash will do: it is 256 bits.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task

from accounts import audit
from accounts.access import Access, access_or_404
from accounts.audit_actions import AuditAction
from accounts.locking import lock_company
from accounts.models import (
    MASTER_ROLES,
    Account,
    Invitation,
    InvitationEnd,
    Membership,
    Role,
    State,
    User,
)
from accounts.refusals import Refused

VALID = timedelta(days=7)
MOST_OPEN = 50  # of one company
MOST_AN_HOUR = 20  # of one person, mails sent again included
SEND = "accounts.tasks.send_invitation"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class Belongs(Refused):
    """The person has a role at the account already."""

    field = "email"


class InvitedAlready(Refused):
    """There is an open ``invitation`` to this address."""

    field = "email"

    def __init__(self, message: str, invitation: Invitation) -> None:
        super().__init__(message)
        self.invitation = invitation


class TooMany(Refused):
    """More invitations than a company may have open, or a person may send in an hour."""


class CannotInvite(Refused):
    """The account, or its role, is none to which one invites."""


class NotOpen(Refused):
    """The invitation was accepted, withdrawn or sent again meanwhile."""


class Unusable(Refused):
    """The link leads nowhere (any more). ``is_known``: whether it ever did."""

    def __init__(
        self, message: str, *, is_known: bool = True, invitation: Invitation | None = None
    ) -> None:
        super().__init__(message)
        self.is_known = is_known
        self.invitation = invitation


class WrongPerson(Refused):
    """It was sent to somebody else than who is signed in."""


class SignInFirst(Refused):
    """Somebody with this address is here already: they accept it signed in."""


def invite(*, company: Account, account: Account, email: str, role: Role, by: User) -> Invitation:
    """Offer the role at the account to whoever reads mail at this address; valid for 7 days.

    A second call raises InvitedAlready and sends nothing, unless the first has expired. Raises
    Belongs, TooMany, CannotInvite; Http404 and PermissionDenied when ``by`` may not.
    """
    email = email.strip().lower()
    with transaction.atomic():
        access = _begin(company, by)
        account = Account.objects.select_related("master").get(pk=account.pk, master=company)
        access.require_offer(account, role)
        _require_fitting(account, role)
        member = Membership.objects.filter(account=account, user__email=email).first()
        if member is not None:
            raise Belongs(
                _("%(email)s belongs to %(account)s already, as: %(role)s.")
                % {"email": email, "account": account.name, "role": Role(member.role).label}
            )
        before = Invitation.objects.filter(account=account, email=email, ended="").first()
        if before is not None and not before.is_expired:
            raise InvitedAlready(
                _(
                    "%(email)s is invited to %(account)s already, as: %(role)s. Send that"
                    " invitation again, or withdraw it first."
                )
                % {"email": email, "account": account.name, "role": Role(before.role).label},
                before,
            )
        if not access.can_invite(account.pk):
            _require_only_one(account, email)
        _require_few(company, by)
        if before is not None:
            _end(before, InvitationEnd.REPLACED, by)
        written = _write(account, email, role, by)
        _tell(AuditAction.INVITED, written, by)
        return written


def send_again(*, company: Account, invitation: int, by: User) -> Invitation:
    """Send a new link, valid for 7 days from now; the old one is dead.

    A second call with the same invitation raises NotOpen. Raises TooMany, CannotInvite; Http404
    and PermissionDenied when ``by`` may not.
    """
    with transaction.atomic():
        access = _begin(company, by)
        before = _open_or_refuse(access, invitation)
        _require_fitting(before.account, Role(before.role))
        _end(before, InvitationEnd.REPLACED, by)
        _require_few(company, by)
        written = _write(before.account, before.email, Role(before.role), by)
        _tell(AuditAction.INVITATION_RESENT, written, by)
        return written


def withdraw(*, company: Account, invitation: int, by: User) -> Invitation:
    """End the invitation: its link is dead. A second call raises NotOpen.

    Raises Http404 and PermissionDenied when ``by`` may not.
    """
    with transaction.atomic():
        access = _begin(company, by)
        found = _open_or_refuse(access, invitation)
        _end(found, InvitationEnd.WITHDRAWN, by)
        _tell(AuditAction.INVITATION_WITHDRAWN, found, by)
    return found


def withdraw_of(*, company: Account, inviter: User, roles: Mapping[int, Role], by: User) -> int:
    """End what ``inviter``, with no more than these roles, could not offer; how many those are.

    Within a transaction, under the lock of the company.
    """
    access = Access(user=inviter, company=company, roles=dict(roles))
    sent = Invitation.objects.filter(master=company, invited_by=inviter, ended="")
    lost = [each for each in sent if not access.can_invite(each.account_id)]
    for each in lost:
        _end(each, InvitationEnd.WITHDRAWN, by)
        _tell(AuditAction.INVITATION_WITHDRAWN, each, by)
    return len(lost)


def visible(access: Access) -> list[Invitation]:
    """The open invitations that the person may see, expired ones too, the newest first."""
    found = Invitation.objects.filter(master=access.company, ended="")
    if not access.sees_tree:
        found = found.filter(account__in=access.administered)
    return list(found.select_related("account", "invited_by").order_by("-created_at", "-pk"))


def open_offers(company: Account) -> QuerySet[Invitation]:
    """The open invitations to be a master admin of the company, expired ones too."""
    found = Invitation.objects.filter(account=company, role=Role.MASTER_ADMIN, ended="")
    return found.select_related("account", "invited_by").order_by("pk")


def find(token: str) -> Invitation:
    """The open invitation to which this token belongs. Raises Unusable, which says why not."""
    match = _TOKEN.fullmatch(token)
    found = (
        Invitation.objects.select_related("account__master", "invited_by")
        .filter(digest=_digest(token))
        .first()
        if match
        else None
    )
    if found is None:
        raise Unusable(
            _("This link leads to no invitation. Open it as it stands in the mail."),
            is_known=False,
        )
    _require_usable(found)
    return found


def token_of(invitation: Invitation) -> str:
    """The token of its link, for the mail. Raises ValueError once the secret key is another."""
    token = _make_token(invitation.nonce)
    if _digest(token) != invitation.digest:
        raise ValueError(f"Invitation {invitation.pk} was made with another secret key")
    return token


def accept(*, token: str, user: User) -> Membership:
    """Accept as somebody who is signed in. Who has a role at the account already keeps that one.

    Raises Unusable, also on a second call, and WrongPerson.
    """
    with transaction.atomic():
        found = _lock_and_find(token)
        require_addressee(found, user)
        return _join(found, user)


def accept_as_new(*, token: str, name: str, password: str) -> Membership:
    """Accept as somebody new, who gets a user with this name and password, the address verified.

    Raises Unusable, also on a second call, and SignInFirst where the address is somebody's.
    """
    find(token)
    # Slow on purpose, so before the lock, which others wait for.
    hashed = make_password(password)
    with transaction.atomic():
        found = _lock_and_find(token)
        try:
            with transaction.atomic():
                user = User.objects.create(email=found.email, name=name, password=hashed)
        except IntegrityError as error:
            raise SignInFirst(
                _("There is somebody with this address already: sign in to accept.")
            ) from error
        # Who has the link reads this address's mail.
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return _join(found, user)


def require_addressee(invitation: Invitation, user: User) -> None:
    """Raise WrongPerson unless it was sent to this person."""
    if user.email != invitation.email:
        raise WrongPerson(
            _(
                "This invitation was sent to another address than %(email)s, with which you are"
                " signed in. Sign out, then open the link again."
            )
            % {"email": user.email}
        )


def _begin(company: Account, by: User) -> Access:
    """The authority of ``by`` as it stands under the lock."""
    lock_company(company)
    return access_or_404(by, company.code)


def _require_fitting(account: Account, role: Role) -> None:
    if account.state == State.CLOSED:
        raise CannotInvite(
            _("%(account)s is closed: nobody can be invited to it.") % {"account": account.name},
            field="account",
        )
    if (role in MASTER_ROLES) != account.is_master:
        raise CannotInvite(
            _("“%(role)s” is a role at a subaccount: choose one.") % {"role": role.label}
            if account.is_master
            else _("“%(role)s” is a role at the master account: choose %(company)s.")
            % {"role": role.label, "company": account.company.name},
            field="role",
        )


def _require_only_one(account: Account, email: str) -> None:
    """An operator invites the first admin: a second address would make a second one."""
    others = open_offers(account).filter(expires_at__gt=timezone.now()).exclude(email=email)
    other = others.first()
    if other is not None:
        raise InvitedAlready(
            _(
                "%(email)s is invited to be the first master admin of %(company)s: withdraw that"
                " invitation first."
            )
            % {"email": other.email, "company": account.company.name},
            other,
        )


def _require_few(company: Account, by: User) -> None:
    now = timezone.now()
    # A person of several companies counts once, whichever they invite to at the same time.
    User.objects.select_for_update(no_key=True).only("pk").get(pk=by.pk)
    waiting = Invitation.objects.filter(master=company, ended="", expires_at__gt=now).count()
    if waiting >= MOST_OPEN:
        raise TooMany(
            _(
                "%(company)s has %(count)d open invitations, and cannot have more: withdraw some,"
                " or wait until they are accepted."
            )
            % {"company": company.name, "count": waiting}
        )
    sent = Invitation.objects.filter(invited_by=by, created_at__gt=now - timedelta(hours=1))
    if sent.count() >= MOST_AN_HOUR:
        raise TooMany(
            ngettext(
                "You have sent %(count)d invitation in the last hour, and cannot send more: wait"
                " a while.",
                "You have sent %(count)d invitations in the last hour, and cannot send more: wait"
                " a while.",
                MOST_AN_HOUR,
            )
            % {"count": MOST_AN_HOUR}
        )


def _open_or_refuse(access: Access, pk: int) -> Invitation:
    found = (
        Invitation.objects.select_related("account__master")
        .filter(pk=pk, master=access.company)
        .first()
    )
    if found is None or found.ended:
        raise NotOpen(
            _("This invitation was accepted, withdrawn or sent again meanwhile: nothing was done.")
        )
    access.require_offer(found.account, Role(found.role))
    return found


def _write(account: Account, email: str, role: Role, by: User) -> Invitation:
    """The row, and the job that mails its link: both or neither."""
    nonce = secrets.token_urlsafe(32)
    invitation = Invitation(
        master_id=account.master_id,
        account=account,
        email=email,
        role=role,
        nonce=nonce,
        digest=_digest(_make_token(nonce)),
        invited_by=by,
        expires_at=timezone.now() + VALID,
    )
    invitation.save(force_insert=True)
    # By Django's connection, and by its name: the module of the jobs imports the mails.
    job = configure_task(name=SEND, job_manager=JobManager(DjangoConnector()))
    job.defer(invitation_id=invitation.pk)
    return invitation


def _end(invitation: Invitation, how: InvitationEnd, by: User) -> None:
    invitation.ended, invitation.ended_at, invitation.ended_by = how, timezone.now(), by
    invitation.save(update_fields=["ended", "ended_at", "ended_by"])


def _tell(action: AuditAction, invitation: Invitation, by: User) -> None:
    """Write down what became of an invitation: the address, and the role it offers."""
    audit.record(
        action=action,
        by=by,
        account=invitation.account,
        after={"role": invitation.role},
        about=invitation.email,
    )


def _lock_and_find(token: str) -> Invitation:
    """The invitation, read again with its company locked: of two who accept one comes second."""
    lock_company(find(token).account.company)
    return find(token)


def _join(invitation: Invitation, user: User) -> Membership:
    _end(invitation, InvitationEnd.ACCEPTED, user)
    _tell(AuditAction.INVITATION_ACCEPTED, invitation, user)
    membership, _created = Membership.objects.get_or_create(
        user=user, account=invitation.account, defaults={"role": invitation.role}
    )
    return membership


def _require_usable(found: Invitation) -> None:
    sentences = {
        InvitationEnd.ACCEPTED: _("This invitation was accepted already: sign in to go on."),
        InvitationEnd.WITHDRAWN: _("This invitation was withdrawn. Ask an admin of the company."),
        InvitationEnd.REPLACED: _(
            "This invitation was sent again: the link in the latest mail is the one that counts."
        ),
    }
    if found.ended:
        raise Unusable(sentences[InvitationEnd(found.ended)], invitation=found)
    if found.is_expired:
        raise Unusable(
            _("This invitation has expired. Ask whoever sent it to send it again."),
            invitation=found,
        )
    if found.account.state == State.CLOSED:
        raise Unusable(_("The account to which you were invited was closed."), invitation=found)


def _make_token(nonce: str) -> str:
    made = salted_hmac("accounts.invitations", nonce, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
