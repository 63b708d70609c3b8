"""Alerts: the verbs that set, change and remove them, and who is told.

An alert begins at the level that the balance has now: nobody is mailed what was so before it was
set. What is told later, and when, is ``billing.telling``.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, State, User
from billing import ledger, telling
from billing.locking import clock, lock_balances
from billing.models import Alert, AlertRecipient, Balance, Level
from billing.refusals import AccountClosed, Refused, SharedBalance
from console import money

# Of one account: each is weighed under the lock of its balance, and one charge may cross them all,
# which mails each of their recipients as many times.
MOST = 20


class TooManyAlerts(Refused):
    """The account has as many alerts as it can have."""

    code = "too_many_alerts"

    def __init__(self, *, account: int, name: str) -> None:
        super().__init__(
            _(
                "%(name)s has %(count)d alerts, and more are not possible: change one of them, or"
                " remove one first."
            )
            % {"name": name, "count": MOST},
            account=account,
        )


class ThresholdTaken(Refused):
    """The account has an alert at this threshold; ``alert`` is it."""

    code = "threshold_taken"

    def __init__(self, *, alert: Alert, name: str, currency: str) -> None:
        self.alert = alert
        super().__init__(
            _("%(name)s has an alert at %(currency)s %(threshold)s already.")
            % {
                "name": name,
                "currency": currency,
                "threshold": money.format_amount(
                    alert.threshold, money.currency_decimals(currency)
                ),
            },
            account=alert.account_id,
        )


class AlertGone(Refused):
    """The alert was removed meanwhile."""

    code = "alert_gone"

    def __init__(self, *, account: int) -> None:
        super().__init__(_("This alert was removed meanwhile."), account=account)


def add(
    *, account: Account, threshold: Decimal, recipients: Collection[User], by: User | None = None
) -> Alert:
    """Tell ``recipients`` when what is available of the account's own balance comes near this.

    ``threshold`` is more than zero, in the company's currency and with its decimals. Whoever may
    not see the account is told nothing. Returns the alert; its ``level`` is where the balance
    stands already. A second call with the same threshold raises ThresholdTaken, which carries the
    alert that is there. Raises TooManyAlerts, SharedBalance, AccountClosed, ValueError for a
    threshold that is none, StartAgain as ``transact`` does.
    """
    _check_threshold(account, threshold)

    def work() -> Alert:
        balance = _lock(account)
        _check_free(account, threshold)
        if Alert.objects.filter(master=account.master_id, account=account).count() >= MOST:
            raise TooManyAlerts(account=account.pk, name=account.name)
        alert = Alert.objects.create(
            master_id=account.master_id,
            account=account,
            threshold=threshold,
            level=telling.next_level(Level.OK, threshold, balance.available),
            created_by=by,
            created_at=clock(),
        )
        _set_recipients(alert, recipients)
        telling.watch(master=account.master_id, account=account.pk)
        _record(AuditAction.ALERT_ADDED, account, by, after=_facts(alert))
        return alert

    return ledger.transact(work)


def change(
    *, alert: Alert, threshold: Decimal, recipients: Collection[User], by: User | None = None
) -> Alert:
    """Give the alert another threshold or other recipients.

    With another threshold it begins anew, at the level that the balance has now. A second call
    changes nothing. Returns it as it is by now. Raises AlertGone, and as ``add`` does, but not
    SharedBalance: an alert that rests can be changed.
    """
    account = alert.account
    _check_threshold(account, threshold)

    def work() -> Alert:
        balance = _lock(account, shared_too=True)
        found = Alert.objects.filter(pk=alert.pk).first()
        if found is None:
            raise AlertGone(account=account.pk)
        before = _facts(found)
        if found.threshold != threshold:
            _check_free(account, threshold)
            found.threshold = threshold
            found.level = (
                Level.OK
                if account.is_shared
                else telling.next_level(Level.OK, threshold, balance.available)
            )
            found.save(update_fields=["threshold", "level"])
        _set_recipients(found, recipients)
        if not account.is_shared:
            telling.watch(master=account.master_id, account=account.pk)
        after = _facts(found)
        if after != before:
            _record(AuditAction.ALERT_CHANGED, account, by, before=before, after=after)
        return found

    return ledger.transact(work)


def remove(*, alert: Alert, by: User | None = None) -> bool:
    """Remove the alert; what it has told stays. Returns whether it was there still.

    A second call changes nothing. Raises StartAgain as ``transact`` does.
    """
    account = alert.account

    def work() -> bool:
        lock_balances(account)
        account.refresh_from_db(fields=["balance_mode", "state"])
        found = Alert.objects.filter(pk=alert.pk).first()
        if found is not None:
            _record(AuditAction.ALERT_REMOVED, account, by, before=_facts(found))
            found.delete()
        if not account.is_shared and account.state != State.CLOSED:
            telling.watch(master=account.master_id, account=account.pk)
        return found is not None

    return ledger.transact(work)


def _lock(account: Account, *, shared_too: bool = False) -> Balance:
    """Lock the account's balance, and see that alerts of it make sense."""
    balance = lock_balances(account)[account.pk]
    account.refresh_from_db(fields=["balance_mode", "state", "name"])
    if account.state == State.CLOSED:
        raise AccountClosed(account=account.pk, name=account.name)
    if account.is_shared and not shared_too:
        raise SharedBalance(account=account.pk, name=account.name)
    return balance


def _check_threshold(account: Account, threshold: Decimal) -> None:
    if threshold <= 0 or not ledger.fits(threshold):
        raise ValueError("a threshold is more than zero and fits the ledger")
    if threshold != money.round_down(threshold, account.decimals):
        raise ValueError(f"{threshold} has more decimals than the currency")


def _check_free(account: Account, threshold: Decimal) -> None:
    taken = Alert.objects.filter(
        master=account.master_id, account=account, threshold=threshold
    ).first()
    if taken is not None:
        raise ThresholdTaken(alert=taken, name=account.name, currency=account.company.currency)


def _facts(alert: Alert) -> dict[str, object]:
    """What the alert is, for the audit log; one query."""
    rows = alert.recipient_rows.order_by("user__email")
    told = list(rows.values_list("user__email", flat=True))
    return {
        "threshold": money.plain_amount(alert.threshold, alert.account.decimals),
        "recipients": told,
    }


def _record(
    action: AuditAction,
    account: Account,
    by: User | None,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    audit.record(action=action, by=by, account=account, before=before, after=after)


def _set_recipients(alert: Alert, recipients: Collection[User]) -> None:
    wanted = {user.pk for user in recipients}
    AlertRecipient.objects.filter(alert=alert).exclude(user__in=wanted).delete()
    AlertRecipient.objects.bulk_create(
        [
            AlertRecipient(master_id=alert.master_id, alert=alert, user_id=user)
            for user in sorted(wanted)
        ],
        ignore_conflicts=True,
    )
