"""Mails about what waits for a second operator: to the others, and to whoever asked.

One job for each reader, ordered in the transaction that it tells of; a job that is tried again
mails nobody else.
"""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from billing import jobs
from billing.models import Approval, ApprovalState
from console import money

ASKED = "billing.tasks.mail_second_operator"
DECIDED = "billing.tasks.mail_decision"


def order_asked(approval: Approval) -> None:
    """Have every other operator told; in the transaction that asks."""
    others = User.objects.filter(is_staff=True, is_active=True).exclude(pk=approval.asked_by_id)
    told = others.order_by("pk").values_list("pk", flat=True)
    jobs.order(ASKED, *[{"approval_id": approval.pk, "user_id": pk} for pk in told])


def order_decided(approval: Approval) -> None:
    """Have whoever asked told; in the transaction that decides."""
    jobs.order(DECIDED, {"approval_id": approval.pk})


def send_asked(approval_id: int, user_id: int) -> bool:
    """Tell one operator that something waits; whether a mail went out.

    None goes out about what is decided or has lapsed, or to who is no operator any more. Raises
    what handing a mail over raises: then it may be called again.
    """
    approval = _approval(approval_id)
    reader = User.objects.filter(pk=user_id, is_staff=True, is_active=True).first()
    if reader is None or not approval.is_open(timezone.now()):
        return False
    subject = _("%(amount)s for %(company)s waits for a second operator")
    _compose(approval, reader, subject).send()
    return True


def send_decided(approval_id: int) -> bool:
    """Tell whoever asked what became of it; whether a mail went out. Raises as ``send_asked``."""
    approval = _approval(approval_id)
    reader = approval.asked_by
    if not (reader.is_staff and reader.is_active):
        return False
    if approval.state == ApprovalState.AGREED:
        subject = _("Agreed: %(amount)s for %(company)s")
    elif approval.state == ApprovalState.REFUSED:
        subject = _("Refused: %(amount)s for %(company)s")
    else:
        return False
    _compose(approval, reader, subject).send()
    return True


def _approval(pk: int) -> Approval:
    related = ("account__master", "holder", "payment", "asked_by", "decided_by")
    return Approval.objects.select_related(*related).get(pk=pk)


def _compose(approval: Approval, reader: User, subject: str) -> EmailMultiAlternatives:
    company = approval.account.company
    signed = money.format_amount(approval.amount, company.decimals, sign=True)
    amount = f"{company.currency} {signed}"
    headline = subject % {"amount": amount, "company": company.name}
    context = {
        "approval": approval,
        "company": company,
        "amount": amount,
        "is_waiting": approval.state == ApprovalState.WAITING,
        "headline": headline,
        "url": settings.BASE_URL + approval.get_absolute_url(),
    }
    mail = EmailMultiAlternatives(
        # A header is one line, whatever the company is called.
        subject=" ".join(headline.split()),
        body=render_to_string("billing/mail/approval.txt", context),
        to=[reader.email],
    )
    mail.attach_alternative(render_to_string("billing/mail/approval.html", context), "text/html")
    return mail
