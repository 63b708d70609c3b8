"""What the audit log tells of: one name and one word for each action."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditAction(models.TextChoices):
    """The actions, in the order in which filters list them. A name never changes its meaning."""

    # Sign-in: told to each company of the person.
    SIGNED_IN = "signed_in", _("Signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("Sign-in failed")
    SIGNED_OUT = "signed_out", _("Signed out")
    SIGNED_OUT_ELSEWHERE = "signed_out_elsewhere", _("Signed out elsewhere")
    PASSWORD_CHANGED = "password_changed", _("Password changed")
    PASSWORD_RESET = "password_reset", _("Password reset")
    SECOND_FACTOR_ADDED = "second_factor_added", _("Second factor added")
    SECOND_FACTOR_REMOVED = "second_factor_removed", _("Second factor removed")
    RECOVERY_CODES_MADE = "recovery_codes_made", _("Recovery codes made")
    SECOND_FACTOR_REQUIRED = "second_factor_required", _("Second factor required or not")
    # People and keys.
    INVITED = "invited", _("Invited")
    INVITATION_RESENT = "invitation_resent", _("Invitation sent again")
    INVITATION_WITHDRAWN = "invitation_withdrawn", _("Invitation withdrawn")
    INVITATION_ACCEPTED = "invitation_accepted", _("Invitation accepted")
    ROLE_GIVEN = "role_given", _("Role given")
    ROLE_CHANGED = "role_changed", _("Role changed")
    ROLE_REMOVED = "role_removed", _("Role removed")
    KEY_MADE = "key_made", _("API key made")
    KEY_REVOKED = "key_revoked", _("API key revoked")
    # Accounts.
    ACCOUNT_OPENED = "account_opened", _("Account opened")
    ACCOUNT_RENAMED = "account_renamed", _("Account renamed")
    ACCOUNT_EDITED = "account_edited", _("Account edited")
    ACCOUNT_SHARED = "account_shared", _("Switched to the shared balance")
    ACCOUNT_ALLOCATED = "account_allocated", _("Given a balance of its own")
    ACCOUNT_SUSPENDED = "account_suspended", _("Account suspended")
    ACCOUNT_RESTORED = "account_restored", _("Account restored")
    ACCOUNT_CLOSED = "account_closed", _("Account closed")
    LIMIT_CHANGED = "limit_changed", _("Credit limit changed")
    CAP_CHANGED = "cap_changed", _("Spending cap changed")
    TRANSFER_LIMIT_CHANGED = "transfer_limit_changed", _("Limit of transfers changed")
    ALERT_ADDED = "alert_added", _("Alert added")
    ALERT_CHANGED = "alert_changed", _("Alert changed")
    ALERT_REMOVED = "alert_removed", _("Alert removed")
    # Money.
    TRANSFER_MADE = "transfer_made", _("Transfer made")
    TRANSFER_REVERSED = "transfer_reversed", _("Transfer moved back")
    TRANSFERS_MADE = "transfers_made", _("Transfers made, many at once")
    TOP_UP_STARTED = "top_up_started", _("Top-up started")
    TOP_UP_CANCELLED = "top_up_cancelled", _("Top-up given up")
    ADJUSTED = "adjusted", _("Credit adjusted")
    ADJUSTMENT_UNDONE = "adjustment_undone", _("Adjustment undone")
    REFUND_ASKED = "refund_asked", _("Refund asked for")
    REFUND_PAID = "refund_paid", _("Refund noted as paid")
    REFUND_FAILED = "refund_failed", _("Refund noted as failed")
    REVIEW_CREDITED = "review_credited", _("Review: credited")
    REVIEW_RETURNED = "review_returned", _("Review: returned")
    REVIEW_SAME = "review_same", _("Review: told of twice")
    BANK_TRANSFER_CONFIRMED = "bank_transfer_confirmed", _("Bank transfer confirmed")
    BANK_LINE_ASSIGNED = "bank_line_assigned", _("Line of a bank statement assigned")
    STATEMENT_UPLOADED = "statement_uploaded", _("Bank statement uploaded")
    METHOD_EDITED = "method_edited", _("Payment method edited")
    SECOND_OPERATOR_ASKED = "second_operator_asked", _("Second operator asked")
    SECOND_OPERATOR_AGREED = "second_operator_agreed", _("Second operator agreed")
    SECOND_OPERATOR_REFUSED = "second_operator_refused", _("Second operator refused")
    SECOND_OPERATOR_WITHDRAWN = "second_operator_withdrawn", _("Request to operators withdrawn")
    # Reading.
    EXPORT_ORDERED = "export_ordered", _("Export ordered")
    EXPORT_DOWNLOADED = "export_downloaded", _("Export downloaded")
    VIEWED_AS_CUSTOMER = "viewed_as_customer", _("Looked at as the customer")
