"""The mail that says how a voucher or a bank transfer is paid, for whoever closed the browser."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from accounts.models import Account
from billing import jobs
from billing.locking import clock
from billing.models import Payment
from billing.payment_instructions import instructions_of
from billing.payment_trail import Trail, record
from console import money

SEND = "billing.tasks.send_payment_instructions"


def order(payment: Payment) -> None:
    """Have the mail sent; in the transaction that writes the instructions down."""
    if payment.by_id is not None:
        jobs.order(SEND, {"payment_id": str(payment.pk)})


def send(payment_id: str) -> bool:
    """Mail whoever started the payment how it is paid; whether a mail went out.

    None goes to who may not see the account any more, or about a payment that is over; a second
    call sends none. Raises what handing a mail over raises: then it may be called again. One that
    was handed over in the moment in which the process dies goes out again.
    """
    payment = Payment.objects.select_related("account__master", "by").get(pk=payment_id)
    told = instructions_of(payment)
    if told is None or not payment.is_open or payment.by is None:
        return False
    if payment.events.filter(what=Trail.MAILED).exists():
        return False
    if not Account.objects.visible_to(payment.by).filter(pk=payment.account_id).exists():
        return False
    company = payment.account.company
    total = money.format_amount(payment.total, company.decimals)
    subject = _("%(method)s: how to pay %(currency)s %(total)s") % {
        "method": payment.method_label,
        "currency": payment.currency,
        "total": total,
    }
    context = {
        "payment": payment,
        "company": company,
        "headline": subject,
        "told": told,
        "total": total,
        "url": settings.BASE_URL + payment.get_absolute_url(),
    }
    mail = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string("billing/mail/payment.txt", context),
        to=[payment.by.email],
    )
    mail.attach_alternative(render_to_string("billing/mail/payment.html", context), "text/html")
    mail.send()
    record(payment, Trail.MAILED, clock())
    return True
