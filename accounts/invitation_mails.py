"""The mail that carries an invitation's link."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import invitations
from accounts.models import Invitation, Role
from accounts.role_words import ABOUT

logger = logging.getLogger(__name__)


def send(invitation_id: int) -> bool:
    """Mail the link; whether a mail went out.

    None goes out for an invitation that is no longer open or was mailed; two at once send one, and
    so does a second call. Raises what handing a mail over raises: then it may be called again.
    """
    with transaction.atomic():
        found = (
            Invitation.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("account__master", "invited_by")
            .filter(pk=invitation_id, ended="", mailed_at__isnull=True)
            .first()
        )
        if found is None or found.is_expired:
            return False
        try:
            token = invitations.token_of(found)
        except ValueError as error:
            logger.error("%s: it has to be sent again.", error)  # noqa: TRY400 - no trace needed
            return False
        compose(found, token).send()
        found.mailed_at = timezone.now()
        found.save(update_fields=["mailed_at"])
    return True


def compose(invitation: Invitation, token: str) -> EmailMultiAlternatives:
    """The mail as text and as HTML."""
    company = invitation.account.company
    subject = _("%(inviter)s invites you to %(company)s") % {
        "inviter": invitation.invited_by,
        "company": company.name,
    }
    context = {
        "invitation": invitation,
        "account": invitation.account,
        "company": company,
        "about": ABOUT[Role(invitation.role)],
        "headline": subject,
        "url": settings.BASE_URL + reverse("invitation", kwargs={"token": token}),
    }
    mail = EmailMultiAlternatives(
        # A header is one line, whatever people are called.
        subject=" ".join(subject.split()),
        body=render_to_string("accounts/mail/invitation.txt", context),
        to=[invitation.email],
    )
    mail.attach_alternative(
        render_to_string("accounts/mail/invitation.html", context), "text/html"
    )
    return mail
