"""The jobs of the worker, ``manage.py procrastinate worker``: what has to happen by itself.

Each of them may run twice, also at the same moment, and does no harm then: whoever takes a worker
for dead may be wrong. None has a ``lock``: one that was killed would hold up the later ones of its
kind, and with them whatever is to wake it. A ``queueing_lock`` lets at most one of a kind wait: so
nothing piles up while no worker runs.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from django.db import OperationalError
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued, UniqueViolation
from procrastinate.jobs import Status

from billing import (
    approval_mails,
    bank_statements,
    holds,
    notice_mails,
    payment_mails,
    reconciliation,
)
from billing.models import BankStatement

logger = logging.getLogger(__name__)

# A job that takes its worker with it each time is left alone after so many times.
ATTEMPTS = 5
# Hours that finished jobs stay to be looked at: those that went well, and all others too.
HOURS_OF_SUCCESS = 24
HOURS_OF_FAILURE = 30 * 24
# Seconds for which a job matches lines of a bank statement before others have their turn.
SLICE = 20.0
# A mail is tried again after 5, 25, 125... seconds: for a day in all.
MAIL = RetryStrategy(
    max_attempts=7,
    exponential_wait=5,
    retry_exceptions=(*notice_mails.TROUBLES, OperationalError),
)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="expire_holds")
def expire_holds(timestamp: int) -> None:
    """Give back what holds past their time still keep, every minute.

    Only the figure "on hold" waits for this: nothing is captured after its time, and a charge that
    lacks credit expires its holder's holds itself. What one run leaves, the next one finds.
    """
    expired = holds.sweep()
    logger.log(logging.INFO if expired else logging.DEBUG, "Expired %d holds.", expired)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="retry_stalled_jobs", pass_context=True)
async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Give the jobs of workers that died (kill -9, no power) to those that live, every minute.

    A worker that has not been heard of for 30 seconds is dead.
    """
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        if job.attempts >= ATTEMPTS:
            logger.error("Job %s ended its worker %d times: given up.", job.call_string, ATTEMPTS)
            await manager.finish_job(job, Status.FAILED, delete_job=False)
            continue
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # A later one waits already, and does the same.
            await manager.finish_job(job, Status.ABORTED, delete_job=False)
        logger.warning("Job %s had lost its worker.", job.call_string)


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="remove_old_jobs", pass_context=True)
async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
    """Remove jobs that ended long ago, every hour: their rows would only grow in number."""
    manager = context.app.job_manager
    await manager.delete_old_jobs(HOURS_OF_SUCCESS)
    await manager.delete_old_jobs(
        HOURS_OF_FAILURE, include_failed=True, include_cancelled=True, include_aborted=True
    )


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="reconcile_payments")
def reconcile_payments(timestamp: int) -> None:
    """Ask the gateways about payments and refunds that nobody has told us of, every minute.

    A message that got lost costs a customer minutes, not their money. What one run leaves, the
    next one finds.
    """
    asked = reconciliation.run()
    logger.log(logging.INFO if asked else logging.DEBUG, "Asked about %d payments.", asked)


@app.task
def ask_about_payment(payment_id: str) -> None:
    """Ask the gateway about a payment whose page somebody looks at. Ordered by that page.

    Not tried again: while the page is looked at, it orders the next one.
    """
    asked = reconciliation.ask_about(payment_id)
    logger.debug("Asked about payment %s: %s.", payment_id, asked)


@app.task(retry=RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=5))
def match_statement(statement_id: int) -> None:
    """Match what waits of a bank statement. Ordered by the transaction that has written it.

    In slices, so that a long one does not keep other jobs waiting; the last slice leaves nothing.
    """
    statement = BankStatement.objects.select_related("uploaded_by").get(pk=statement_id)
    left = bank_statements.go_on(statement, by=statement.uploaded_by, seconds=SLICE)
    logger.info("Bank statement %d: %d lines wait.", statement_id, left)
    if left:
        with suppress(AlreadyEnqueued):
            # Books that are too busy for a line are left alone for a moment.
            match_statement.configure(
                queueing_lock=bank_statements.lock_of(statement_id), schedule_in={"seconds": 1}
            ).defer(statement_id=statement_id)


@app.task(retry=MAIL)
def send_notice(notice_id: int) -> None:
    """Mail a notice to its readers, each of them once. Ordered by the posting that raised it."""
    sent = notice_mails.send(notice_id)
    logger.log(logging.INFO if sent else logging.DEBUG, "Mailed notice %d: %d.", notice_id, sent)


@app.task(retry=MAIL)
def send_payment_instructions(payment_id: str) -> None:
    """Mail how a voucher or a bank transfer is paid. Ordered when a gateway has told us."""
    sent = payment_mails.send(payment_id)
    logger.log(logging.INFO if sent else logging.DEBUG, "Mailed payment %s: %s.", payment_id, sent)


@app.task(retry=MAIL)
def mail_second_operator(approval_id: int, user_id: int) -> None:
    """Tell one operator what waits for a second one. Ordered by the transaction that asks."""
    sent = approval_mails.send_asked(approval_id, user_id)
    logger.log(
        logging.INFO if sent else logging.DEBUG, "Mailed request %d: %s.", approval_id, sent
    )


@app.task(retry=MAIL)
def mail_decision(approval_id: int) -> None:
    """Tell whoever asked what a second operator decided. Ordered by the decision."""
    sent = approval_mails.send_decided(approval_id)
    logger.log(
        logging.INFO if sent else logging.DEBUG, "Mailed decision %d: %s.", approval_id, sent
    )
