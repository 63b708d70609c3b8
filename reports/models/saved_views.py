"""Selections that a person keeps under a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Account

# More of them are no short cut any longer.
MOST = 30
LONGEST_NAME = 60
LONGEST_QUERY = 4_000


class SavedView(models.Model):
    """One person's selection of a company's transactions: the query string of their page.

    It is read anew each time, with the rights of that time: it opens nothing to anybody.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    master = models.ForeignKey(Account, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=LONGEST_NAME)
    query = models.CharField(max_length=LONGEST_QUERY, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [
            models.UniqueConstraint(
                "user", "master", Lower("name"), name="saved_view_name_once_a_person"
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="saved_view_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name
