"""Many transfers at once: from one account to many of its company, all of them or none.

A batch is one call of ``ledger.post()``: a posting of two entries per line, whose reference is
made of the batch's key and the line's number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import ngettext
from psycopg.errors import UniqueViolation

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import Account, User
from billing import holds
from billing.ledger import Leg, Outcome, Posting, StartAgain, Status, post, transact
from billing.models import TOO_LARGE, Balance, Kind, Origin, Transfer, TransferBatch
from billing.refusals import (
    AccountSuspended,
    BalanceTooLarge,
    InsufficientBalance,
    ReferenceConflict,
    Refused,
)
from billing.shown import BalancesChanged, Shown, check
from billing.transfer_refusals import KeyConflict, SameAccount
from billing.transfers import cannot_move_from, cannot_move_to

__all__ = [
    "MAX_LINES",
    "BalancesChanged",
    "BatchPreview",
    "KeyConflict",
    "Line",
    "LinePreview",
    "LinesRefused",
    "Refused",
    "StartAgain",
    "make_many",
    "preview_many",
]

MAX_LINES = 1_000


class Line(NamedTuple):
    """How much, in the company's currency, goes to which account."""

    account: Account
    amount: Decimal


class LinesRefused(Refused):
    """Some lines cannot be made, so none was. ``refusals`` says why, by line from zero."""

    code = "lines_refused"

    def __init__(self, refusals: dict[int, Refused], *, account: int) -> None:
        self.refusals = refusals
        super().__init__(
            ngettext(
                "%(count)d line cannot be made, so nothing was moved.",
                "%(count)d lines cannot be made, so nothing was moved.",
                len(refusals),
            )
            % {"count": len(refusals)},
            account=account,
        )


@dataclass(frozen=True, slots=True)
class LinePreview:
    """One line: the account's balance before, and why it would be refused, if it would."""

    balance: Balance
    amount: Decimal
    refusal: Refused | None

    @property
    def after(self) -> Decimal:
        """What the account could then spend."""
        return self.balance.available + self.amount


@dataclass(frozen=True, slots=True)
class BatchPreview:
    """All balances before and after, in the order of the lines.

    ``refusal`` is what would be refused of the whole, whatever the lines: the source's state, or
    that it has not as much.
    """

    source: Balance
    lines: list[LinePreview]
    refusal: Refused | None

    @property
    def total(self) -> Decimal:
        """How much leaves the source."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def source_after(self) -> Decimal:
        """What the source could then spend."""
        return self.source.available - self.total

    @property
    def refused_lines(self) -> int:
        """How many lines would be refused."""
        return sum(1 for line in self.lines if line.refusal)

    @property
    def is_possible(self) -> bool:
        """Whether the ledger would take all of it now."""
        return self.refusal is None and not self.refused_lines


def make_many(
    *,
    source: Account,
    lines: Sequence[Line],
    key: UUID,
    by: User | None,
    note: str = "",
    shown: Shown | None = None,
) -> TransferBatch:
    """Move credit from ``source`` to the account of each line: all lines, or none.

    1 to MAX_LINES lines, each account once. ``key`` makes it happen once: a second call with the
    same key, source and lines returns the first batch. Raises KeyConflict for the same key with
    other content, LinesRefused with every line that cannot be made (SameAccount, SharedBalance,
    AccountClosed, BalanceTooLarge), InsufficientBalance for all of it together, AccountSuspended,
    AccountClosed, SharedBalance for the source; StartAgain as ``transact`` does; LookupError for
    two companies' accounts; ValueError for lines that are none. ``shown`` are the balances that a
    preview has shown: BalancesChanged when they are others by now. Then nothing was written.
    """
    _check(source, lines)
    if any(line.account.pk == source.pk for line in lines):
        # No such row can be written: the preview says what else is wrong.
        _raise_refused_lines(source, preview_many(source=source, lines=lines))

    # Read before the balances are locked: the audit log writes amounts in its currency.
    _company = source.company

    def work() -> TransferBatch:
        # The batch's row, then its transfers', before the balances, as for one transfer.
        batch = TransferBatch(
            master_id=source.master_id,
            key=key,
            source=source,
            count=len(lines),
            total=sum(line.amount for line in lines),
            note=note,
            by=by,
            created_at=timezone.now(),
        )
        try:
            with transaction.atomic():
                batch.save(force_insert=True)
        except IntegrityError as error:
            if not isinstance(error.__cause__, UniqueViolation):
                raise
            return _repeated(batch, lines)
        made = _write_lines(batch, lines)
        check(shown, source, [line.account for line in lines])
        outcomes = post(
            master=batch.master_id,
            postings=[
                Posting(
                    Kind.TRANSFER,
                    each.reference,
                    (Leg(each.source_id, -each.amount), Leg(each.destination_id, each.amount)),
                    note,
                )
                for each in made
            ],
            origin=Origin.CONSOLE,
            by=batch.by_id,
        )
        _raise_refusals(source, lines, outcomes)
        # One moment for the batch, its transfers and their entries: the ledger's.
        batch.created_at = max(row.posted_at for each in outcomes for row in each.rows)
        batch.save(update_fields=["created_at"])
        batch.transfers.update(created_at=batch.created_at)
        audit.record(
            action=AuditAction.TRANSFERS_MADE,
            by=by,
            account=source,
            after={"batch": batch.pk, "count": batch.count, "total": batch.total},
            about=note,
        )
        return batch

    return transact(work)


def preview_many(*, source: Account, lines: Sequence[Line]) -> BatchPreview:
    """What ``make_many`` would do now; one query, or two where holds are in the way.

    Writes and locks nothing; between the preview and the transfers the balances may move.
    """
    _check(source, lines)
    wanted = {line.account.pk: line.account for line in lines} | {source.pk: source}
    found = Balance.objects.filter(master=source.master_id, account__in=wanted)
    rows = {row.account_id: row for row in found}
    for pk, account in wanted.items():
        rows[pk].account = account
    own = rows[source.pk]
    total = sum((line.amount for line in lines), Decimal(0))
    if total > own.available:
        # As the ledger does, which then releases what has expired.
        own.on_hold -= holds.expired(source)
    refusal = cannot_move_from(source)
    if refusal is None and total > own.available:
        refusal = _not_enough(source, own.available, total)
    previews = [
        LinePreview(rows[line.account.pk], line.amount, _line_refusal(source, line, rows))
        for line in lines
    ]
    return BatchPreview(own, previews, refusal)


def _check(source: Account, lines: Sequence[Line]) -> None:
    """Refuse what the form has explained before."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise ValueError(f"a batch has 1 to {MAX_LINES} lines")
    if len({line.account.pk for line in lines}) != len(lines):
        raise ValueError("a batch has one line for an account")
    for line in lines:
        if line.account.master_id != source.master_id:
            raise LookupError(f"account {line.account.pk} is not of {source.pk}'s company")
        if line.amount <= 0:
            raise ValueError("a transfer moves more than zero")
        if line.amount >= TOO_LARGE:
            raise ValueError(f"{line.amount} does not fit the ledger")


def _raise_refused_lines(source: Account, told: BatchPreview) -> None:
    refusals = {at: line.refusal for at, line in enumerate(told.lines) if line.refusal}
    raise LinesRefused(refusals, account=source.pk)


def _write_lines(batch: TransferBatch, lines: Sequence[Line]) -> list[Transfer]:
    """Write the transfers. Raises KeyConflict when somebody has used their keys before."""
    rows = [
        Transfer(
            master_id=batch.master_id,
            key=uuid5(batch.key, str(at)),
            source_id=batch.source_id,
            destination=line.account,
            amount=line.amount,
            note=batch.note,
            by_id=batch.by_id,
            created_at=batch.created_at,
            batch=batch,
            line=at,
        )
        for at, line in enumerate(lines)
    ]
    try:
        with transaction.atomic():
            return Transfer.objects.bulk_create(rows)
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise KeyConflict(account=batch.source_id) from error
        raise


def _repeated(wanted: TransferBatch, lines: Sequence[Line]) -> TransferBatch:
    """The batch that the key has made before, if it is the one that is wanted now."""
    made = TransferBatch.objects.get(master=wanted.master_id, key=wanted.key)
    content = list(made.transfers.order_by("line").values_list("destination_id", "amount"))
    if made.source_id == wanted.source_id and content == [
        (line.account.pk, line.amount) for line in lines
    ]:
        return made
    raise KeyConflict(account=wanted.source_id)


def _raise_refusals(source: Account, lines: Sequence[Line], outcomes: Sequence[Outcome]) -> None:
    """Raise why not all lines were accepted: the whole's reason, or every refused line's."""
    refused: dict[int, Refused] = {}
    short: InsufficientBalance | None = None
    accepted = Decimal(0)
    for at, (line, outcome) in enumerate(zip(lines, outcomes, strict=True)):
        refusal = outcome.refusal
        if outcome.status == Status.REPLAYED or isinstance(refusal, ReferenceConflict):
            raise KeyConflict(account=source.pk)
        if refusal is None:
            accepted += line.amount
        elif isinstance(refusal, InsufficientBalance):
            if short is None:
                total = sum((each.amount for each in lines), Decimal(0))
                short = _not_enough(source, refusal.available + accepted, total)
        elif isinstance(refusal, AccountSuspended) or refusal.account == source.pk:
            raise refusal
        else:
            refused[at] = refusal
    if refused:
        raise LinesRefused(refused, account=source.pk)
    if short is not None:
        raise short


def _line_refusal(source: Account, line: Line, balances: dict[int, Balance]) -> Refused | None:
    """Why the ledger would refuse this line, whatever the source has."""
    account = line.account
    if account.pk == source.pk:
        return SameAccount(account=account.pk)
    refusal = cannot_move_to(account)
    if refusal is None and balances[account.pk].credit + line.amount >= TOO_LARGE:
        return BalanceTooLarge(account=account.pk, name=account.name)
    return refusal


def _not_enough(source: Account, available: Decimal, total: Decimal) -> InsufficientBalance:
    """All lines together are more than the source has."""
    return InsufficientBalance(
        account=source.pk,
        name=source.name,
        available=available,
        asked=total,
        currency=source.company.currency,
    )
