"""What touches accounts and balances together: open, rename, suspend, restore, switch mode, close.

Whoever changes a state or mode first locks the balance rows of the account and its master, so that
no posting is decided on what was true a moment ago.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import uuid4

from django.db import IntegrityError, connection
from django.db.models import Count, F, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, BalanceMode, State, User
from billing import references, telling
from billing.history import is_platform, mark, record, suspended_by_platform
from billing.ledger import Leg, Posting, expire_holds, post, transact
from billing.locking import clock, lock_balances
from billing.models import (
    TOO_LARGE,
    AccountAction,
    Balance,
    CreditLimitChange,
    Hold,
    HoldState,
    Kind,
    Origin,
)
from billing.refusals import (
    AccountChanged,
    AccountClosed,
    BalanceTooLarge,
    FiguresChanged,
    InDebt,
    MasterCannotCarry,
    OpenHolds,
    Refused,
    SuspendedByPlatform,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leaving:
    """What becomes of an account's own balance when it is shared or closed.

    ``credit`` (signed) goes to the master account, ``limit`` becomes zero. ``pool`` is the master
    account's available balance before, ``pool_after`` after it.
    """

    credit: Decimal
    limit: Decimal
    pool: Decimal
    refusal: Refused | None

    @property
    def pool_after(self) -> Decimal:
        """The master account's available balance when the credit has moved."""
        return self.pool + self.credit

    @property
    def figures(self) -> tuple[Decimal, Decimal]:
        """What the account itself gives up, credit and limit; the pool's move all the time."""
        return self.credit, self.limit


def open_master(
    *,
    code: str,
    name: str,
    country: str,
    currency: str,
    time_zone: str,
    by: User | None = None,
    moment: datetime | None = None,
) -> Account:
    """Open a master account with an empty balance.

    ``moment`` is for demo, import of history and tests only.

    Raises ValidationError when a field is not well formed or the code is taken: a second call
    with the same code is refused. StartAgain as ``transact`` does.
    """

    def work() -> Account:
        account = Account(
            pk=_next_account_id(),
            code=code,
            name=name,
            country=country,
            currency=currency,
            time_zone=time_zone,
        )
        account.master = account
        # As full_clean(), but its master, which is itself, cannot be looked up before it is there.
        account.clean_fields(exclude=["master"])
        account.clean()
        account.validate_unique(exclude=["master"])
        account.validate_constraints()
        account.save(force_insert=True)
        _date_back(account, moment)
        Balance.objects.create(master=account, account=account)
        record(account, AccountAction.OPENED, by, moment)
        return account

    return _checked_again(work)


def open_subaccount(
    *,
    master: Account,
    code: str,
    name: str,
    mode: BalanceMode = BalanceMode.ALLOCATED,
    by: User | None = None,
    moment: datetime | None = None,
) -> Account:
    """Open a subaccount with an empty balance, or drawing on the master account's.

    ``moment`` is for demo, import of history and tests only.

    Raises ValidationError when a field is not well formed, or code or name are taken in the
    company: a second call with the same code is refused. StartAgain as ``transact`` does.
    """

    def work() -> Account:
        account = Account(master=master, code=code, name=name, balance_mode=mode)
        account.full_clean()
        account.save(force_insert=True)
        _date_back(account, moment)
        Balance.objects.create(master=master, account=account, mode=mode)
        record(account, AccountAction.OPENED, by, moment)
        return account

    return _checked_again(work)


def suspend(
    *, account: Account, by: User | None = None, reason: str = "", shown: int | None = None
) -> bool:
    """Close the tap by hand: usage and transfers out are refused, money in is accepted.

    Suspending a master account suspends its whole tree. What the platform suspends (an operator,
    or a program: no ``by``) only the platform restores, also when the company had suspended it
    before. Returns whether anything changed: a second call changes nothing. ``shown`` is
    ``history.mark`` of the account as the person has seen it: raises AccountChanged when it is
    another by now. Raises ValueError for a closed account or a reason that cannot be kept,
    StartAgain as ``transact`` does.
    """
    references.check_description(reason)

    def work() -> bool:
        _lock_open(account)
        is_done = account.state == State.SUSPENDED
        if is_done and (not is_platform(by) or suspended_by_platform(account)):
            return False
        _check_mark(account, shown)
        _set_state(account, State.SUSPENDED, AccountAction.SUSPENDED, by, reason)
        return True

    return transact(work)


def restore(
    *, account: Account, by: User | None = None, reason: str = "", shown: int | None = None
) -> bool:
    """Open the tap again. Returns whether anything changed: a second call changes nothing.

    Raises SuspendedByPlatform when the platform closed it and ``by`` is a customer, and what
    ``suspend`` raises.
    """
    references.check_description(reason)

    def work() -> bool:
        _lock_open(account)
        if account.state == State.ACTIVE:
            return False
        if not is_platform(by) and suspended_by_platform(account):
            raise SuspendedByPlatform(account=account.pk, name=account.name)
        _check_mark(account, shown)
        _set_state(account, State.ACTIVE, AccountAction.RESTORED, by, reason)
        return True

    return transact(work)


def rename(*, account: Account, name: str, by: User | None = None) -> None:
    """Give the account another name. A second call changes nothing.

    Raises ValidationError when the name is blank, too long, or another account's of the company;
    StartAgain as ``transact`` does.
    """

    def work() -> None:
        lock_balances(account)
        account.refresh_from_db(fields=["name", "balance_mode", "state"])
        if account.name == name:
            return
        account.name = name
        account.full_clean()
        account.save(update_fields=["name"])
        record(account, AccountAction.RENAMED, by)

    _checked_again(work)


def preview_sharing(account: Account) -> Leaving:
    """What ``share`` would move now, and why it would be refused, if it would. Locks nothing."""
    return _leaving(account, _balances(account))


def share(
    *, account: Account, by: User | None, told: tuple[Decimal, Decimal] | None = None
) -> Leaving | None:
    """Let a subaccount draw on the master account's balance instead of its own.

    Its credit, positive or negative, moves to the master account in one posting and its credit
    limit becomes zero. Returns what moved, or None when it is shared already: a second call
    changes nothing. ``told`` are the ``Leaving.figures`` that the person has confirmed. Raises
    FiguresChanged when they are others by now, OpenHolds, MasterCannotCarry (a debt larger than
    what the master account has available), AccountClosed, BalanceTooLarge; ValueError for a
    master account; StartAgain as ``transact`` does. Then nothing was changed.
    """
    if account.is_master:
        raise ValueError("a master account has its own balance")

    def work() -> Leaving | None:
        balances = _lock_all(account)
        if account.is_shared:
            return None
        leaving = _leaving(account, balances)
        _check(account, leaving, told)
        telling.rest(master=account.master_id, account=account.pk)
        _empty(account, balances[account.pk], by, _("Switched to the shared balance"))
        account.balance_mode = BalanceMode.SHARED
        account.save(update_fields=["balance_mode"])
        record(account, AccountAction.SHARED, by)
        return leaving

    return transact(work)


def allocate(*, account: Account, by: User | None = None) -> bool:
    """Give a shared subaccount a balance of its own, which starts at zero with no limit.

    What it used before stays with the master account, and so do its open holds. Returns whether
    anything changed: a second call changes nothing. Raises AccountClosed, StartAgain as
    ``transact`` does.
    """

    def work() -> bool:
        balances = _lock_all(account)
        if not account.is_shared:
            return False
        if account.state == State.CLOSED:
            raise AccountClosed(account=account.pk, name=account.name)
        account.balance_mode = BalanceMode.ALLOCATED
        account.save(update_fields=["balance_mode"])
        record(account, AccountAction.ALLOCATED, by)
        # Its alerts have rested until now.
        own = {account.pk: telling.figures_of(balances[account.pk])}
        telling.weigh(master=account.master_id, balances=own, clock=clock())
        return True

    return transact(work)


def preview_closing(account: Account) -> Leaving:
    """What ``close`` would move now, and why it would be refused, if it would. Locks nothing."""
    return _leaving(account, _balances(account), closing=True)


def close(
    *, account: Account, by: User | None, told: tuple[Decimal, Decimal] | None = None
) -> Leaving | None:
    """Close a subaccount for good; its history stays.

    What is left, dust included, moves to the master account, and its credit limit becomes zero.
    Returns what moved, or None when it is closed already: a second call changes nothing. ``told``
    are the ``Leaving.figures`` that the person has confirmed. Raises FiguresChanged when they are
    others by now, OpenHolds, InDebt, BalanceTooLarge; ValueError for a master account; StartAgain
    as ``transact`` does. Then nothing was changed.
    """
    if account.is_master:
        raise ValueError("a master account is not closed with its tree below it")

    def work() -> Leaving | None:
        balances = _lock_all(account)
        if account.state == State.CLOSED:
            return None
        leaving = _leaving(account, balances, closing=True)
        _check(account, leaving, told)
        telling.rest(master=account.master_id, account=account.pk)
        _empty(account, balances[account.pk], by, _("Closed"))
        account.state = State.CLOSED
        account.save(update_fields=["state"])
        record(account, AccountAction.CLOSED, by)
        return leaving

    return transact(work)


def _balances(account: Account) -> dict[int, Balance]:
    found = Balance.objects.filter(
        master=account.master_id, account__in={account.pk, account.master_id}
    )
    return {row.account_id: row for row in found}


def _lock_all(account: Account) -> dict[int, Balance]:
    """Lock the balances, end what of the account's holds has expired, and read the account."""
    lock_balances(account)
    while expire_holds(master=account.master_id, holder=account.pk):
        pass
    account.refresh_from_db(fields=["balance_mode", "state", "name"])
    return _balances(account)


def _leaving(account: Account, balances: dict[int, Balance], *, closing: bool = False) -> Leaving:
    own, pool = balances[account.pk], balances[account.master_id]
    return Leaving(
        credit=own.credit,
        limit=own.credit_limit,
        pool=pool.available,
        refusal=_cannot_leave(account, own, pool, closing=closing),
    )


def _cannot_leave(
    account: Account, own: Balance, pool: Balance, *, closing: bool
) -> Refused | None:
    """Why the account's own balance cannot be given up, or None."""
    pk, name, currency = account.pk, account.name, account.company.currency
    if account.state == State.CLOSED:
        return AccountClosed(account=pk, name=name)
    # Closing ends the account for those holds, too, that another's balance carries.
    whose = {"account": account} if closing else {"holder": account}
    held = Hold.objects.filter(
        master=account.master_id, state=HoldState.OPEN, expires_at__gt=Now(), **whose
    ).aggregate(amount=Sum(F("amount") - F("captured"), default=Decimal(0)), count=Count("id"))
    if held["count"]:
        return OpenHolds(
            account=pk, name=name, held=held["amount"], count=held["count"], currency=currency
        )
    debt = -own.credit
    if debt > 0 and closing:
        return InDebt(account=pk, name=name, debt=debt, currency=currency)
    if debt > 0 and debt > pool.available:
        return MasterCannotCarry(
            account=pk, name=name, debt=debt, available=pool.available, currency=currency
        )
    if pool.credit + own.credit >= TOO_LARGE:
        return BalanceTooLarge(account=account.master_id, name=account.company.name)
    return None


def _check(account: Account, leaving: Leaving, told: tuple[Decimal, Decimal] | None) -> None:
    """Raise why the account's own balance cannot be given up, if so."""
    if leaving.refusal is not None:
        raise leaving.refusal
    if told is not None and told != leaving.figures:
        raise FiguresChanged(account=account.pk, name=account.name)


def _empty(account: Account, own: Balance, by: User | None, description: str) -> None:
    """Move the credit to the master account, and take the limit away."""
    if own.credit:
        posting = Posting(
            Kind.TRANSFER,
            str(uuid4()),
            (Leg(account.pk, -own.credit), Leg(account.master_id, own.credit)),
            description,
            # The conditions were looked at; a suspension is none of them.
            enforce_limit=False,
        )
        [outcome] = post(
            master=account.master_id,
            postings=[posting],
            origin=Origin.SYSTEM,
            by=by.pk if by else None,
        )
        outcome.raise_refusal()
    if own.credit_limit:
        CreditLimitChange.objects.create(
            master_id=account.master_id,
            account=account,
            old=own.credit_limit,
            new=0,
            reason=description,
            by=by,
            changed_at=clock(),
        )
        audit.record(
            action=AuditAction.LIMIT_CHANGED,
            by=by,
            account=account,
            before={"credit_limit": own.credit_limit},
            after={"credit_limit": Decimal(0)},
            about=description,
        )
        own.credit_limit = Decimal(0)
        own.save(update_fields=["credit_limit"])


def _lock_open(account: Account) -> None:
    """Lock the balances and read the account. Raises ValueError for a closed one."""
    lock_balances(account)
    account.refresh_from_db()
    if account.state == State.CLOSED:
        raise ValueError(f"account {account.code} is closed for good")


def _check_mark(account: Account, shown: int | None) -> None:
    """Raise AccountChanged when something was done to it since ``shown``."""
    if shown is not None and shown != mark(account):
        state = str(State(account.state).label)
        raise AccountChanged(account=account.pk, name=account.name, state=state)


def _set_state(
    account: Account, state: State, action: AccountAction, by: User | None, reason: str
) -> None:
    account.state = state
    account.save(update_fields=["state"])
    record(account, action, by, reason=reason)


def _date_back(account: Account, moment: datetime | None) -> None:
    """Say that it was opened at ``moment``; without one, it was now."""
    if moment is not None:
        account.created_at = moment
        account.save(update_fields=["created_at"])


def _checked_again(work: Callable[[], T]) -> T:
    """Run ``work``, which checks a name or code and takes it, in a durable transaction.

    Where somebody else took it in between, the database refuses; then the check does, kindly.
    """
    try:
        return transact(work)
    except IntegrityError:
        return transact(work)


def _next_account_id() -> int:
    """The id that a master account needs before it is written: its master is itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('accounts_account', 'id'))")
        (number,) = cursor.fetchone()
    return int(number)
