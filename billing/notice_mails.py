"""Mails of notices: one to each reader, once, and only to who may still see the account."""

from __future__ import annotations

import smtplib
from typing import NamedTuple

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.http import Http404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Access, reach_or_404
from accounts.models import Account, User
from billing import notices, transfers
from billing.models import Notice, NoticeReader

# What may be over when it is tried again: a server that is away, or busy.
TROUBLES = (smtplib.SMTPException, OSError)


class Step(NamedTuple):
    """What the reader can do about it."""

    label: str
    href: str


def send(notice_id: int) -> int:
    """Mail the notice to those who have not got it yet. Returns how many mails went out.

    One mail for each reader, so that nobody sees who else is told. Who may not see the account any
    more, or cannot sign in, gets none. A second call mails nobody again; two at once share the
    readers. When a mail cannot be handed over, the others are tried first, then its error is
    raised: one of TROUBLES. A mail that was handed over in the moment in which the process dies
    goes out again: better twice than never.
    """
    notice = Notice.objects.select_related("account__master").get(pk=notice_id)
    sent = 0
    trouble: Exception | None = None
    waiting = NoticeReader.objects.filter(notice=notice, sent_at__isnull=True)
    for pk in waiting.order_by("id").values_list("pk", flat=True):
        try:
            sent += _send_one(notice, pk)
        except TROUBLES as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return sent


def compose(notice: Notice, reader: User, access: Access) -> EmailMultiAlternatives:
    """The mail for one reader, as text and as HTML."""
    company = access.company
    subject = notices.headline(notice, company, yours=True)
    context = {
        "notice": notice,
        "company": company,
        "reader": reader,
        "headline": subject,
        "consequence": notices.consequence(notice, company),
        "step": _step(notice, access),
        "account_url": _url("subaccount-detail", company, notice.account),
        "alerts_url": _url("alert-list", company),
    }
    mail = EmailMultiAlternatives(
        # A header is one line, whatever the account is called.
        subject=" ".join(subject.split()),
        body=render_to_string("billing/mail/notice.txt", context),
        to=[reader.email],
    )
    mail.attach_alternative(render_to_string("billing/mail/notice.html", context), "text/html")
    return mail


def _send_one(notice: Notice, pk: int) -> int:
    """Mail one reader under the lock of their row, so that no other worker does, too."""
    with transaction.atomic():
        row = (
            NoticeReader.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("user")
            .filter(pk=pk, sent_at__isnull=True)
            .first()
        )
        if row is None or not notices.may_read(row.user, notice):
            return 0
        try:
            access = reach_or_404(row.user, notice.account.company.code)
        except Http404:
            return 0
        compose(notice, row.user, access).send()
        row.sent_at = timezone.now()
        row.save(update_fields=["sent_at"])
    return 1


def _step(notice: Notice, access: Access) -> Step:
    """The first thing that this reader can do: move credit, or look."""
    account = notice.account
    if (
        not notice.is_of_cap
        and access.can_transfer
        and not account.is_master
        and not transfers.cannot_move_to(account)
    ):
        return Step(
            _("Transfer credit to it"),
            f"{_url('transfer-new', access.company)}?to={account.pk}",
        )
    return Step(_("Open the account"), _url("subaccount-detail", access.company, account))


def _url(name: str, company: Account, account: Account | None = None) -> str:
    """An absolute address: a mail has no page to be relative to."""
    at = [company.code] if account is None else [company.code, account.code]
    return settings.BASE_URL + reverse(name, args=at)
