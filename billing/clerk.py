"""Deciding: what becomes of each posting, against the balances that were locked.

No statement is run here: what a decision needs was read before, what it leads to is written after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.models import State
from billing.caps_sql import Budget
from billing.holds_sql import Expired
from billing.ledger_sql import AccountRow, Books, EntryRow, Purse, Sums, Total
from billing.models import CONTRA, TOO_LARGE, Contra, Hold, HoldState, Kind
from billing.postings import Capture, Leg, Outcome, Posting, Status
from billing.refusals import (
    AccountClosed,
    AccountSuspended,
    BalanceTooLarge,
    CapReached,
    HoldEnded,
    InsufficientBalance,
    MoreThanHeld,
    ReferenceConflict,
    Refused,
    SharedBalance,
)

# What a suspended account may not do. An operator may correct it, and a capture takes what was
# granted before.
_BY_CUSTOMERS = (Kind.USAGE, Kind.TRANSFER)


class Clerk:
    """Decides postings one after the other against the locked balances, and says what to write."""

    def __init__(
        self,
        master: int,
        origin: str,
        by: int | None,
        purses: dict[int, Purse],
        books: Books,
    ) -> None:
        self.master = master
        self.origin = origin
        self.by = by
        self.accounts = books.accounts
        self.booked = books.booked
        self.clock = books.clock
        self.company = books.accounts[master]
        self.holders = purses
        # Found once an account, not once a posting: whose balance it moves, and why it may not
        # spend whatever that is.
        self.purses = {
            account.id: purses[account.holder]
            for account in books.accounts.values()
            if account.holder in purses
        }
        self.bars = {
            account.id: bar
            for account in books.accounts.values()
            if (bar := _bar(account) or _bar(self.company)) is not None
        }
        self.holds: dict[UUID, Hold] = {}
        self.moved: dict[int, Purse] = {}
        self.changed: dict[UUID, Hold] = {}
        self.totals: dict[Total, Sums] = {}
        # Of the accounts with a spending cap that this is about.
        self.budgets: Mapping[int, Budget] = {}
        self.calendar = Calendar(ZoneInfo(self.company.zone))
        self.outcomes: list[Outcome] = []

    def strained(self, asked: Iterable[Leg]) -> set[int]:
        """The holders who cannot carry all that is asked for while as much as now is on hold.

        Before they refuse, they release what has expired.
        """
        if not any(purse.on_hold for purse in self.holders.values()):
            return set()
        left = {purse.holder: purse.credit for purse in self.holders.values() if purse.on_hold}
        for account, amount in asked:
            holder = self.purses[account].holder
            if amount < 0 and holder in left:
                left[holder] += amount
        return {holder for holder, credit in left.items() if credit < self.holders[holder].floor}

    def free(self, expired: Iterable[Expired]) -> None:
        """Make available what expired holds have reserved until now."""
        for each in expired:
            purse = self.holders[each.holder]
            purse.reserve(-each.remaining)
            self.moved[each.holder] = purse

    def capped(self, accounts: Iterable[int]) -> set[int]:
        """Those of the accounts that have a spending cap."""
        known = self.accounts
        return {each for each in accounts if each in known and known[each].cap is not None}

    def months(self, postings: Iterable[Posting]) -> set[date]:
        """The first days of the months in which these postings may fall."""
        moments = {posting.moment or self.clock for posting in postings}
        # A posting is never before its holder's last, which may be past the clock.
        moments |= {each.posted_at for each in self.holders.values() if each.posted_at}
        return {self.calendar.month(moment) for moment in (*moments, self.clock)}

    def order(self, postings: Sequence[Posting], references: Collection[str]) -> Sequence[int]:
        """The postings' places in the order in which to decide them: holder after holder.

        Entries of one holder that are written together lie together in the indexes, and cost
        PostgreSQL an eighth less. What has to do with another holder's posting keeps its place:
        all do if there is a capture, a posting of several legs, or a reference named twice.
        """
        places = range(len(postings))
        if len(references) < len(postings) or any(
            len(posting.legs) != 1 or posting.capture for posting in postings
        ):
            return places
        holders = [self.purses[posting.legs[0].account].holder for posting in postings]
        return sorted(places, key=holders.__getitem__)

    def decide(self, postings: Iterable[Posting]) -> Iterator[EntryRow]:
        """Accept, replay or refuse each posting; the rows to write as they come.

        ``outcomes``, in ``moved`` the holders whose balance changed, and in ``changed`` the holds
        that did, grow meanwhile.
        """
        for posting in postings:
            booked = self.booked.get(posting.reference)
            if booked is not None:
                self.outcomes.append(self._repeated(posting, booked))
                continue
            capture = posting.capture
            if capture is None:
                refusal = self._refusal(posting)
            else:
                refusal = self._capture_refusal(posting, capture)
            if refusal is not None:
                self.outcomes.append(Outcome(Status.REFUSED, refusal=refusal))
                continue
            if capture is None:
                rows = self._enter(posting, posting.legs)
            else:
                rows = self._capture(posting, capture)
            self.booked[posting.reference] = rows
            self.outcomes.append(Outcome(Status.ACCEPTED, rows))
            yield from rows

    def _refusal(self, posting: Posting) -> Refused | None:
        """Why the posting cannot be made, or None. Only what reduces a balance is guarded."""
        moved: dict[int, Decimal] = {}
        for account, amount in posting.legs:
            purse = self.purses[account]
            holder = purse.holder
            if holder != account and posting.kind == Kind.TRANSFER:
                return _has_no_balance(self.accounts[account])
            credit = moved.get(holder, purse.credit) + amount
            if abs(credit) >= TOO_LARGE:
                return BalanceTooLarge(account=account, name=self.accounts[account].name)
            moved[holder] = credit
            if amount < 0 and posting.enforce_limit:
                moment = self._moment(posting, purse)
                refusal = self._spending_refusal(account, amount, credit, posting.kind, moment)
                if refusal is not None:
                    return refusal
        return None

    def _spending_refusal(
        self, account: int, amount: Decimal, credit: Decimal, kind: Kind, moment: datetime
    ) -> Refused | None:
        """Why the account may not spend minus ``amount``, which leads to ``credit``."""
        bar = self.bars.get(account)
        if bar is not None and (kind in _BY_CUSTOMERS or isinstance(bar, AccountClosed)):
            return bar
        if kind == Kind.USAGE and account in self.budgets:
            refusal = self._cap_refusal(account, -amount, moment)
            if refusal is not None:
                return refusal
        purse = self.purses[account]
        if credit < purse.floor:
            return InsufficientBalance(
                account=purse.holder,
                name=self.accounts[purse.holder].name,
                available=credit - amount - purse.floor,
                asked=-amount,
                currency=self.company.currency,
            )
        return None

    def _cap_refusal(self, account: int, asked: Decimal, moment: datetime) -> Refused | None:
        """Why the account's hard cap does not let it spend so much more in the month."""
        row, used = self.accounts[account], self.budgets[account].used(self.calendar.month(moment))
        if row.cap is None or not row.cap_is_hard or used + asked <= row.cap:
            return None
        return CapReached(
            account=account,
            name=row.name,
            cap=row.cap,
            used=used,
            asked=asked,
            currency=self.company.currency,
        )

    def place(self, hold: Hold) -> Refused | None:
        """Reserve the hold's amount with the holder of today; why it cannot be, or None."""
        purse = self.purses[hold.account_id]
        if purse.on_hold + hold.amount >= TOO_LARGE:
            return BalanceTooLarge(
                account=hold.account_id, name=self.accounts[hold.account_id].name
            )
        refusal = self._spending_refusal(
            hold.account_id, -hold.amount, purse.credit - hold.amount, Kind.USAGE, self.clock
        )
        if refusal is None:
            if hold.account_id in self.budgets:
                self.budgets[hold.account_id].held += hold.amount
            hold.holder_id = purse.holder
            purse.reserve(hold.amount)
            self.moved[purse.holder] = purse
        return refusal

    def end(self, hold: Hold, state: HoldState) -> None:
        """End an open hold: what remains of it is available again."""
        purse = self.holders[hold.holder_id]
        purse.reserve(-hold.remaining)
        hold.state, hold.ended_at = state, self.clock
        self.moved[purse.holder] = purse
        self.changed[hold.id] = hold

    def _capture_refusal(self, posting: Posting, capture: Capture) -> Refused | None:
        """Why the posting cannot take from its hold, or None.

        The available balance is none of the reasons: what is on hold is set apart from it.
        """
        hold = self.holds[capture.hold]
        purse = self.holders[capture.holder]
        if hold.is_open and self._moment(posting, purse) >= hold.expires_at:
            self.end(hold, HoldState.EXPIRED)
        if not hold.is_open:
            return HoldEnded(account=hold.account_id, state=HoldState(hold.state))
        asked = -posting.legs[0].amount if posting.legs else hold.remaining
        if asked > hold.remaining:
            return MoreThanHeld(
                account=hold.account_id,
                remaining=hold.remaining,
                asked=asked,
                currency=self.company.currency,
            )
        if abs(purse.credit - asked) >= TOO_LARGE:
            return BalanceTooLarge(account=purse.holder, name=self.accounts[purse.holder].name)
        return None

    def _capture(self, posting: Posting, capture: Capture) -> list[EntryRow]:
        """Turn reserved credit into usage: of the hold's account, by the hold's holder."""
        hold = self.holds[capture.hold]
        purse = self.holders[capture.holder]
        amount = -posting.legs[0].amount if posting.legs else hold.remaining
        remained = hold.remaining
        purse.reserve(-amount)
        hold.captured += amount
        self.changed[hold.id] = hold
        if capture.final or hold.captured == hold.amount:
            self.end(hold, HoldState.CAPTURED)
        if hold.account_id in self.budgets:
            self.budgets[hold.account_id].held -= remained - hold.remaining
        return self._enter(posting, [Leg(hold.account_id, -amount)], purse, hold.id)

    def _repeated(self, posting: Posting, booked: Sequence[EntryRow]) -> Outcome:
        """What becomes of a posting whose reference is in the books: ``booked`` are its rows."""
        if _same_content(posting, booked) and not self._would_end_its_hold(posting):
            return Outcome(Status.REPLAYED, booked)
        account, reference = booked[0].account_id, posting.reference
        return Outcome(
            Status.CONFLICT, refusal=ReferenceConflict(account=account, reference=reference)
        )

    def _would_end_its_hold(self, posting: Posting) -> bool:
        """Whether it asks for the end of a hold that is open: then it is not what was done.

        One past its time has come to its end, whether it was swept yet or not.
        """
        capture = posting.capture
        if capture is None or not (capture.final or not posting.legs):
            return False
        hold = self.holds[capture.hold]
        return hold.is_open and self.clock < hold.expires_at

    def _enter(
        self,
        posting: Posting,
        legs: Sequence[Leg],
        holder: Purse | None = None,
        hold_id: UUID | None = None,
    ) -> list[EntryRow]:
        """Move the holders' balances and make the entries that say so.

        ``holder`` is whose balance it is when it is not the accounts' own.
        """
        rows = []
        kind = posting.kind._value_  # the same as .value, which is slow
        contra = _contra(posting)
        for number, (account, amount) in enumerate(legs):
            purse = holder or self.purses[account]
            self.moved[purse.holder] = purse
            purse.seq += 1
            purse.credit += amount
            purse.posted_at = self._moment(posting, purse)
            row = EntryRow(
                self.master,
                purse.holder,
                purse.seq,
                account,
                self.by,
                purse.posted_at,
                posting.occurred_at,
                number,
                kind,
                self.origin,
                posting.reference,
                posting.description,
                amount,
                purse.credit,
                posting.enforce_limit,
                hold_id,
            )
            rows.append(row)
            day = self.calendar.day(purse.posted_at)
            total = Total(account, day, purse.holder, kind, contra)
            sums = self.totals.get(total)
            if sums is None:
                sums = self.totals[total] = Sums()
            sums.entries += 1
            if amount < 0:
                sums.amount_out -= amount
            else:
                sums.amount_in += amount
            if account in self.budgets and contra == Contra.USAGE_REVENUE:
                self.budgets[account].spend(day.replace(day=1), -amount)
        return rows

    def _moment(self, posting: Posting, purse: Purse) -> datetime:
        """The later of the clock under the lock and the holder's last: time never runs back."""
        last = purse.posted_at
        if posting.moment is None:
            return self.clock if last is None or last < self.clock else last
        if last is not None and posting.moment < last:
            raise ValueError(f"{posting.moment} is before the holder's last entry, {last}")
        if posting.moment > self.clock:
            raise ValueError(f"{posting.moment} has not come yet")
        return posting.moment


class Calendar:
    """The company's days; each moment is looked up once, for Python a zone takes long."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._moment: datetime | None = None
        self._day = date.min

    def day(self, moment: datetime) -> date:
        """The company's day of a moment."""
        if moment is not self._moment:
            self._moment, self._day = moment, moment.astimezone(self._zone).date()
        return self._day

    def month(self, moment: datetime) -> date:
        """The first day of the company's month of a moment."""
        return self.day(moment).replace(day=1)


def _contra(posting: Posting) -> str:
    """The platform's account on the other side of the posting."""
    kind = posting.kind
    if kind == Kind.REVERSAL:
        kind = Kind(posting.reference.partition(":")[0])
    contra: Contra = CONTRA[kind]
    return contra._value_


def _same_content(posting: Posting, booked: Sequence[EntryRow]) -> bool:
    """Whether the booked rows, by leg, are what this posting would write.

    Of a capture of all that remains: whatever it was that remained.
    """
    capture = posting.capture
    if any(row.hold_id != (capture and capture.hold) for row in booked):
        return False
    if capture is not None and not posting.legs:
        return True
    return len(booked) == len(posting.legs) and all(
        row.kind == posting.kind and row.account_id == leg.account and row.amount == leg.amount
        for row, leg in zip(booked, posting.legs, strict=True)
    )


def _bar(account: AccountRow) -> Refused | None:
    """Why the account may not spend whatever its balance. Closed or suspended by hand."""
    if account.state == State.CLOSED:
        return AccountClosed(account=account.id, name=account.name)
    if account.state == State.SUSPENDED:
        return AccountSuspended(account=account.id, name=account.name)
    return None


def _has_no_balance(account: AccountRow) -> Refused:
    """Why credit cannot be moved from or to an account that another one holds."""
    if account.state == State.CLOSED:
        return AccountClosed(account=account.id, name=account.name)
    return SharedBalance(account=account.id, name=account.name)
