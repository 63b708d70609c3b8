"""Ordering jobs in the open transaction: rolled back, they were never ordered."""

from __future__ import annotations

from typing import Any

from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task


def order(
    name: str, *orders: dict[str, Any], queueing_lock: str | None = None, seconds: int = 0
) -> None:
    """Order one job of this name (``billing.tasks...``) for each of ``orders``, its arguments.

    To be done in so many seconds at the earliest. Raises AlreadyEnqueued, and the transaction is
    lost, when one with the ``queueing_lock`` waits already. By Django's own connection: within a
    worker procrastinate would use another. By its name, for the module of the jobs imports the
    verbs that order them.
    """
    if orders:
        configure_task(
            name=name,
            job_manager=JobManager(DjangoConnector()),
            queueing_lock=queueing_lock,
            schedule_in={"seconds": seconds} if seconds else None,
        ).batch_defer(*orders)
