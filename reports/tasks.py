"""The jobs of reports; each may run twice and does no harm then, as ``billing.tasks`` says."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from django.db import InterfaceError, OperationalError
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from billing.tasks import MAIL
from reports import export_jobs, export_mails, monthly_statements

logger = logging.getLogger(__name__)

# The database went away: again after 10 seconds, 20, 40...
AGAIN = RetryStrategy(
    max_attempts=5,
    exponential_wait=10,
    retry_exceptions=(OperationalError, InterfaceError),
)


@app.task(retry=AGAIN)
def make_export(export_id: str) -> None:
    """Make a file that somebody has ordered. Ordered by ``export_jobs.order``."""
    state = export_jobs.make(export_id)
    logger.log(
        logging.WARNING if state == "failed" else logging.DEBUG, "Export %s: %s.", export_id, state
    )


@app.task(retry=MAIL)
def mail_export(export_id: str) -> None:
    """Mail the owner of a file that it is ready. Ordered when it became so."""
    sent = export_mails.send(export_id)
    logger.log(logging.INFO if sent else logging.DEBUG, "Mailed export %s: %s.", export_id, sent)


@app.periodic(cron="27 * * * *")
@app.task(queueing_lock="clear_exports_away")
def clear_exports_away(timestamp: int) -> None:
    """Remove files past their seven days, and what dead workers left, every hour."""
    expired = export_jobs.clear_away()
    logger.log(logging.INFO if expired else logging.DEBUG, "Expired %d exports.", expired)


@app.periodic(cron="41 * * * *")
@app.task(queueing_lock="issue_statements")
def issue_statements(timestamp: int) -> None:
    """Issue last month's statements where a month has begun, every hour: zones begin it in turn.

    What one run leaves, the next one finds.
    """
    issued = monthly_statements.issue_all(datetime.fromtimestamp(timestamp, UTC))
    logger.log(logging.INFO if issued else logging.DEBUG, "Issued %d statements.", issued)
