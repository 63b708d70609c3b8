"""Exports made in the background: what was asked for, how far it is, where the file is."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.access import Access
from accounts.models import Account


class ExportState(models.TextChoices):
    """Where an export stands."""

    WAITING = "waiting", pgettext_lazy("export", "Waiting")
    RUNNING = "running", pgettext_lazy("export", "In progress")
    READY = "ready", pgettext_lazy("export", "Ready")
    FAILED = "failed", pgettext_lazy("export", "Failed")
    CANCELLED = "cancelled", pgettext_lazy("export", "Cancelled")
    EXPIRED = "expired", pgettext_lazy("export", "Expired")


UNFINISHED = (ExportState.WAITING, ExportState.RUNNING)


class Reach(models.TextChoices):
    """Whose eyes the file was made for: what one must still be to fetch it."""

    OPERATOR = "operator"
    TREE = "tree"
    ACCOUNTS = "accounts"


class ExportQuerySet(models.QuerySet["Export"]):
    """Reads of exports."""

    def of(self, access: Access) -> Self:
        """The person's own in this company; nobody else's, not even a colleague's."""
        return self.filter(master=access.company, user=access.user)

    def unfinished(self) -> Self:
        """Those that wait or are being made."""
        return self.filter(state__in=UNFINISHED)


def exports_storage() -> Storage:
    """Where files are kept: private, no address leads there."""
    return storages["exports"]


class Export(models.Model):
    """A file that one person asked for, made by the worker. Written by ``reports.export_jobs``.

    ``query`` is the canonical query string of the transactions page: the filter is run again when
    the file is made, with the rights of then. ``reach`` and ``accounts`` say what the person saw:
    who sees less by now does not get the file.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    master = models.ForeignKey(
        Account, models.PROTECT, related_name="+", verbose_name=_("master account")
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="exports")
    report = models.CharField(_("report"), max_length=20, default="transactions")
    format = models.CharField(_("format"), max_length=20)
    query = models.TextField(_("filter"), blank=True)
    language = models.CharField(_("language"), max_length=15)
    reach = models.CharField(max_length=10, choices=Reach.choices)
    # Of whom the rows are, where the person does not see the whole company.
    accounts = ArrayField(models.BigIntegerField(), default=list)
    state = models.CharField(
        _("state"), max_length=10, choices=ExportState.choices, default=ExportState.WAITING
    )
    # How often it was begun: of two workers that make the same one, the later counts.
    attempt = models.PositiveIntegerField(default=0)
    rows_done = models.BigIntegerField(_("rows done"), default=0)
    # None where it is not known beforehand.
    rows_total = models.BigIntegerField(_("rows in all"), null=True)
    # The file's name in the storage, and the one that it is downloaded by.
    file = models.CharField(_("file"), max_length=100, blank=True)
    file_name = models.CharField(_("file name"), max_length=255)
    size = models.BigIntegerField(_("bytes"), null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    # Why it failed, a sentence in the person's language.
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("ordered"))
    started_at = models.DateTimeField(_("begun"), null=True)
    # The worker's last sign of life.
    touched_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)
    mailed_at = models.DateTimeField(_("mailed"), null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ExportState.values), name="export_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(reach__in=Reach.values), name="export_reach_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=ExportState.READY)
                | (
                    ~Q(file="")
                    & Q(size__gte=0, sha256__regex=r"\A[0-9a-f]{64}\Z", expires_at__isnull=False)
                ),
                name="export_ready_has_its_file",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[ExportState.READY, ExportState.EXPIRED]) | Q(file=""),
                name="export_only_ready_has_a_file",
            ),
            models.CheckConstraint(
                condition=Q(state=ExportState.FAILED) ^ Q(error=""),
                name="export_failed_says_why",
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNFINISHED, finished_at__isnull=True)
                | (~Q(state__in=UNFINISHED) & Q(finished_at__gte=F("created_at"))),
                name="export_finished_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(state=ExportState.RUNNING)
                | Q(started_at__isnull=False, touched_at__isnull=False, attempt__gte=1),
                name="export_running_was_begun",
            ),
            models.CheckConstraint(
                condition=Q(rows_done__gte=0)
                & (Q(rows_total__isnull=True) | Q(rows_total__gte=0)),
                name="export_rows_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["master", "user", "-created_at"], name="export_of_a_person"),
            models.Index(
                fields=["user"],
                name="export_unfinished",
                condition=Q(state__in=UNFINISHED),
            ),
            models.Index(fields=["finished_at"], name="export_by_end"),
        ]

    def __str__(self) -> str:
        return f"export {self.pk}"

    def get_absolute_url(self) -> str:
        """Where the file is fetched."""
        return reverse("export-file", args=[self.master.code, self.pk])

    @property
    def is_unfinished(self) -> bool:
        """Whether it waits or is being made."""
        return self.state in UNFINISHED

    @property
    def gave_way(self) -> bool:
        """Whether its file was removed before its time, to make room for newer ones."""
        return (
            self.state == ExportState.EXPIRED
            and self.expires_at is not None
            and self.finished_at is not None
            and self.expires_at < self.finished_at + KEPT
        )

    @property
    def percent(self) -> int | None:
        """How far it is; None where that is not known. The last step is the file's own."""
        # Before the first rows it is read and added up, which may take a while: no progress yet.
        if not self.rows_total or not self.rows_done:
            return None
        return min(99, self.rows_done * 100 // self.rows_total)


# How long a file is kept, and how long the row is told of afterwards.
KEPT = timedelta(days=7)
REMEMBERED = timedelta(days=30)
