"""The rows of the audit log: append-only, in the database itself."""

from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.audit_actions import AuditAction


class Via(models.TextChoices):
    """How somebody came to do it."""

    PAGE = "page", _("page")
    API = "api", _("API")
    SYSTEM = "system", _("job or command")


class AuditEvent(models.Model):
    """One thing that somebody did: who, from where, when, what, on whom, before and after.

    Written by ``accounts.audit.record`` only, and never changed. Without ``master`` it is about
    no company, or about a person of none.
    """

    at = models.DateTimeField(_("when"), db_default=Now())
    action = models.CharField(_("what"), max_length=40)
    master = models.ForeignKey(
        "accounts.Account", models.PROTECT, null=True, related_name="+", db_index=False
    )
    account = models.ForeignKey(
        "accounts.Account", models.PROTECT, null=True, related_name="+", db_index=False
    )
    # Who did it: nobody for jobs and commands, and where nobody has shown who they are.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    # The person it was done to.
    whom = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    via = models.CharField(_("how"), max_length=10, choices=Via.choices)
    about = models.CharField(_("about"), max_length=500, blank=True)
    before = models.JSONField(_("before"), default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(_("after"), default=dict, encoder=DjangoJSONEncoder)
    ip = models.GenericIPAddressField(_("IP address"), null=True)
    user_agent = models.CharField(_("browser"), max_length=200, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        constraints = [
            # Not a list of the actions: each new one would rewrite the rule.
            models.CheckConstraint(
                condition=Q(action__regex=r"\A[a-z_]{3,40}\Z"), name="audit_action_is_a_name"
            ),
            models.CheckConstraint(
                condition=Q(account__isnull=True) | Q(master__isnull=False),
                name="audit_account_in_a_company",
            ),
        ]
        indexes = [
            models.Index(fields=["master", "-at", "-id"], name="audit_by_company"),
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
            models.Index(
                fields=["request_id"], name="audit_by_request", condition=~Q(request_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"

    @property
    def words(self) -> str:
        """What was done, in words."""
        try:
            return str(AuditAction(self.action).label)
        except ValueError:
            # From a newer or an older release.
            return self.action.replace("_", " ").capitalize()
