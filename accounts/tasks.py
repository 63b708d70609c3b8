"""The jobs about people. As all of ``billing.tasks`` each may run twice and does no harm then."""

from __future__ import annotations

import logging
import smtplib

from django.db import OperationalError
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from accounts import clearing, invitation_mails

logger = logging.getLogger(__name__)

# Tried again after 5, 25, 125... seconds, for a day in all: an invitation is valid for seven.
MAIL = RetryStrategy(
    max_attempts=7,
    exponential_wait=5,
    retry_exceptions=(smtplib.SMTPException, OSError, OperationalError),
)


@app.task(retry=MAIL)
def send_invitation(invitation_id: int) -> None:
    """Mail an invitation's link. Ordered by the transaction that writes the invitation."""
    sent = invitation_mails.send(invitation_id)
    logger.log(
        logging.INFO if sent else logging.DEBUG, "Mailed invitation %d: %s.", invitation_id, sent
    )


@app.periodic(cron="37 * * * *")
@app.task(queueing_lock="clear_sign_ins_away")
def clear_sign_ins_away(timestamp: int) -> None:
    """Remove sessions, sign-ins and counters of failures that are over, every hour."""
    removed = clearing.clear_away()
    logger.log(logging.INFO if removed else logging.DEBUG, "Cleared %d rows away.", removed)
