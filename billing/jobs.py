"""Ordering jobs in the open transaction: rolled back, they were never ordered."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task


def order(name: str, *orders: dict[str, Any]) -> None:
    """Order one job of this name (``billing.tasks...``) for each of ``orders``, its arguments.

    By Django's own connection: within a worker procrastinate would use another. By its name, for
    the module of the jobs imports the verbs that order them.
    """
    if orders:
        configure_task(name=name, job_manager=JobManager(DjangoConnector())).batch_defer(*orders)


def order_once(name: str, lock: str, *, seconds: int = 0, **arguments: Any) -> bool:
    """Order a job of this name unless one with the same ``lock`` waits; whether it was ordered.

    To be done in so many seconds at the earliest.
    """
    deferrer = configure_task(
        name=name,
        job_manager=JobManager(DjangoConnector()),
        queueing_lock=lock,
        schedule_in={"seconds": seconds} if seconds else None,
    )
    try:
        with transaction.atomic():  # What is refused must not spoil the caller's transaction.
            deferrer.defer(**arguments)
    except AlreadyEnqueued:
        return False
    return True
