"""The jobs of reports; see ``billing.tasks`` for what holds of all jobs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from procrastinate.contrib.django import app

from reports import monthly_statements

logger = logging.getLogger(__name__)


@app.periodic(cron="41 * * * *")
@app.task(queueing_lock="issue_statements")
def issue_statements(timestamp: int) -> None:
    """Issue last month's statements where a month has begun, every hour: zones begin it in turn.

    What one run leaves, the next one finds.
    """
    issued = monthly_statements.issue_all(datetime.fromtimestamp(timestamp, UTC))
    logger.log(logging.INFO if issued else logging.DEBUG, "Issued %d statements.", issued)
