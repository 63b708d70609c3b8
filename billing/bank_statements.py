"""Bank statements: taken once, their lines matched to payments, and settled like any other money.

A file is read whole before anything is written. Each statement is written in a transaction of its
own, with all its lines, which wait; then each line is matched, one payment after the other, and
what came is told to ``billing.settlement``. Whatever stops that in between, going on does the
rest, by a job of the worker or by hand: a movement has one name among arrivals, so it is never
credited twice.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.models import User
from billing import camt053, jobs, payment_figures, settlement
from billing.bank_accounts import is_ours
from billing.camt053 import NotAStatement
from billing.gateways.protocol import Fact, What
from billing.ledger import StartAgain
from billing.locking import clock
from billing.models import (
    Arrival,
    ArrivalState,
    BankLine,
    BankStatement,
    LineOutcome,
    Payment,
)
from billing.payment_trail import note

__all__ = ["CannotAssign", "NotAStatement", "assign", "go_on", "take"]

GATEWAY = "bank_transfer"
MATCH = "billing.tasks.match_statement"
# Most statements are matched by whoever uploads them: the worker comes after that.
LATER = 5
_BATCH = 1_000
_OUTCOMES = {
    ArrivalState.CREDITED: LineOutcome.CREDITED,
    ArrivalState.SAME: LineOutcome.SAME,
}


class CannotAssign(ValueError):
    """The line is somebody's already; ``message`` is a sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Taken:
    """A statement that was written, or was there: then nothing of the file is new."""

    statement: BankStatement
    is_new: bool


def take(*, content: bytes, name: str, by: User) -> list[Taken]:
    """Write the statements of a camt.053 file down, with their lines still waiting.

    ``go_on`` then matches them; a job, ordered in the transaction that writes them, does what is
    left. The same file, or the same statements in another one, change
    nothing. Raises NotAStatement for a file that cannot be read, is of a bank account that is not
    ours, or tells another story of a statement that was taken before: then nothing is written.
    """
    digest = hashlib.sha256(content).hexdigest()
    statements = camt053.read(content)
    names = Counter((each.account_number, each.id) for each in statements)
    keys = _keys(statements)
    for position, each in enumerate(statements):
        if not is_ours(each.account_number):
            raise NotAStatement(
                _("The statement is of account %(number)s, which is none of the platform's.")
                % {"number": each.account_number}
            )
        if names[each.account_number, each.id] > 1:
            raise NotAStatement(
                _("The file has two statements with the number %(id)s: nothing was taken.")
                % {"id": each.id}
            )
        _check_story(digest, position, each, set(keys[position]))
    return [
        _take_one(digest, position, name, each, keys[position], by=by)
        for position, each in enumerate(statements)
    ]


def go_on(statement: BankStatement, *, by: User, seconds: float = 20) -> int:
    """Match the lines that wait, for ``seconds`` at most; how many still wait then.

    A second call does what the first has left. One after the other: each payment is settled in a
    transaction of its own.
    """
    until = time.monotonic() + seconds
    waiting = statement.lines.filter(outcome=LineOutcome.WAITING).order_by("pk")
    _leave_those_without_a_payment(waiting)
    for line in waiting.iterator(chunk_size=200):
        if time.monotonic() > until:
            break
        try:
            _match(line, by)
        except StartAgain:
            continue  # It waits for the next time.
    return waiting.count()


def lock_of(statement: int) -> str:
    """The queueing lock of the job: at most one waits for a statement."""
    return f"match_statement/{statement}"


def assign(line: BankLine, payment: Payment, *, by: User, shown: str | None = None) -> BankLine:
    """Say that an unmatched line is for this payment; then the same rules as for a matched one.

    ``shown`` are the figures that were looked at (``payment_figures``). A second call with the
    same payment changes nothing. Raises CannotAssign for a line that is another payment's or money
    out, or a payment by another gateway; PaymentFiguresChanged; StartAgain as ``transact`` does.
    Then nothing was done.
    """
    if payment.gateway != GATEWAY:
        raise CannotAssign(
            _("Payment %(reference)s is not by bank transfer.") % {"reference": payment.reference}
        )

    def claim(locked: Payment) -> None:
        """In the transaction that settles it: a line that is refused is nobody's."""
        there = BankLine.objects.get(pk=line.pk)
        if there.payment_id == payment.pk:
            return
        payment_figures.check(shown, locked)
        if not _claim(line, payment):
            raise CannotAssign(_("This line was settled already."))
        note(locked, AuditAction.BANK_LINE_ASSIGNED, line.amount, line.currency, by=by)

    _settle(line, payment, by, first=claim)
    line.refresh_from_db()
    return line


def arrival_of(line: BankLine) -> Arrival:
    """The line as money that came, not written down; for what asks what it would be."""
    return Arrival(
        gateway=GATEWAY,
        gateway_reference=line.money_name,
        amount=line.amount,
        currency=line.currency,
    )


def _take_one(
    digest: str,
    position: int,
    name: str,
    read: camt053.Statement,
    keys: Sequence[str],
    *,
    by: User,
) -> Taken:
    keyed = dict(zip(keys, read.lines, strict=True))
    with transaction.atomic(durable=True):
        there = _known(digest, position, read)
        if there is None:
            known = _known_keys(read.account_number, keyed)
            statement, is_new = BankStatement.objects.get_or_create(
                account_number=read.account_number,
                statement_id=read.id,
                defaults={
                    "sha256": digest,
                    "position": position,
                    "name": name[:200],
                    "currency": read.currency,
                    "starts_on": read.starts_on,
                    "ends_on": read.ends_on,
                    "opening": read.opening,
                    "closing": read.closing,
                    "known_count": len(known),
                    "pending_count": read.pending,
                    "uploaded_by": by,
                    "uploaded_at": clock(),
                },
            )
            if is_new:
                fresh = [_row(statement, key, line) for key, line in keyed.items()]
                # Another statement with the same lines may be written at this moment.
                BankLine.objects.bulk_create(
                    [row for row in fresh if row.key not in known],
                    batch_size=_BATCH,
                    ignore_conflicts=True,
                )
                jobs.order_once(
                    MATCH, lock_of(statement.pk), seconds=LATER, statement_id=statement.pk
                )
                audit.record(
                    action=AuditAction.STATEMENT_UPLOADED,
                    by=by,
                    after={"statement": statement.statement_id, "lines": len(fresh)},
                    about=statement.name,
                )
                return Taken(statement, is_new=True)
            there = statement
    return Taken(there, is_new=False)


def _check_story(digest: str, position: int, read: camt053.Statement, keys: set[str]) -> None:
    """Raise NotAStatement when the statement was taken before, with other lines than here."""
    there = _known(digest, position, read)
    if there is None or (there.sha256, there.position) == (digest, position):
        return
    if _known_keys(read.account_number, keys) != keys:
        raise NotAStatement(
            _(
                "Statement %(id)s of %(number)s was taken before, from another file, and this file"
                " says otherwise. Nothing of it was taken: ask the bank which one is right."
            )
            % {"id": read.id, "number": read.account_number}
        )


def _known(digest: str, position: int, read: camt053.Statement) -> BankStatement | None:
    return (
        BankStatement.objects.filter(sha256=digest, position=position).first()
        or BankStatement.objects.filter(
            account_number=read.account_number, statement_id=read.id
        ).first()
    )


def _known_keys(account_number: str, keys: Iterable[str]) -> set[str]:
    return set(
        BankLine.objects.filter(account_number=account_number, key__in=list(keys)).values_list(
            "key", flat=True
        )
    )


def _keys(statements: Sequence[camt053.Statement]) -> list[list[str]]:
    """A name for each line of each statement, the same in whatever statement it stands.

    By the bank's reference with the figures, for banks use references again; without one, by all
    that is said. Of several equal lines each has its ordinal, counted through a statement's pages.
    """
    seen: dict[tuple[str, str], Counter[tuple[str, ...]]] = defaultdict(Counter)
    return [_keys_of(each.lines, seen[each.account_number, each.number]) for each in statements]


def _keys_of(lines: Sequence[camt053.Line], seen: Counter[tuple[str, ...]]) -> list[str]:
    keys = []
    for line in lines:
        sign = "CRDT" if line.is_credit else "DBIT"
        figures = (str(line.amount.normalize()), line.currency, line.booked_on.isoformat(), sign)
        said = (line.end_to_end, line.remittance, line.debtor)
        facts = (line.bank_reference, *figures) if line.bank_reference else ("", *figures, *said)
        keys.append(hashlib.sha256("\0".join([*facts, str(seen[facts])]).encode()).hexdigest())
        seen[facts] += 1
    return keys


def _row(statement: BankStatement, key: str, line: camt053.Line) -> BankLine:
    # Money out, what the bank takes back or gives back, and nothing at all are nobody's payment.
    counts = line.is_credit and not line.is_reversal and line.amount > 0
    return BankLine(
        statement=statement,
        account_number=statement.account_number,
        key=key,
        bank_reference=line.bank_reference,
        is_credit=line.is_credit,
        amount=line.amount,
        currency=line.currency,
        booked_on=line.booked_on,
        remittance=line.remittance,
        references=" ".join(line.references[:30]),
        debtor=line.debtor,
        outcome=LineOutcome.WAITING if counts else LineOutcome.IGNORED,
    )


def _leave_those_without_a_payment(waiting: QuerySet[BankLine]) -> None:
    """In one go what needs no payment's lock: lines without a reference of ours."""
    waiting.filter(references="", payment__isnull=True).update(outcome=LineOutcome.UNMATCHED)


def _match(line: BankLine, by: User) -> None:
    payment = line.payment
    if payment is None:
        named = Payment.objects.filter(gateway=GATEWAY, reference__in=line.references.split())
        found = list(named[:2])
        if len(found) != 1 or not _claim(line, found[0]):
            # None, or several, of which nobody knows whose it is: an operator assigns it.
            BankLine.objects.filter(
                pk=line.pk, outcome=LineOutcome.WAITING, payment__isnull=True
            ).update(outcome=LineOutcome.UNMATCHED)
            return
        payment = found[0]
    _settle(line, payment, by)


def _claim(line: BankLine, payment: Payment) -> bool:
    """Tie the line to the payment, for good; whether it was free, or tied to it and waits."""
    free = BankLine.objects.filter(
        pk=line.pk,
        payment__isnull=True,
        outcome__in=[LineOutcome.WAITING, LineOutcome.UNMATCHED],
    )
    claimed = free.update(payment=payment, master=payment.master_id, outcome=LineOutcome.WAITING)
    return claimed == 1


def _settle(
    line: BankLine,
    payment: Payment,
    by: User,
    first: Callable[[Payment], None] | None = None,
) -> None:
    """Tell settlement of the money, and write down what became of it."""
    fact = Fact(
        What.PAID,
        reference=line.money_name,
        amount=Decimal(line.amount),
        currency=line.currency,
        about=_("Bank statement %(id)s, booked on %(day)s")
        % {"id": line.statement.statement_id, "day": line.booked_on.isoformat()},
    )
    settlement.learn_about(payment, [fact], by=by, first=first)
    arrival = Arrival.objects.get(gateway=GATEWAY, gateway_reference=line.money_name)
    BankLine.objects.filter(pk=line.pk, outcome=LineOutcome.WAITING).update(
        arrival=arrival,
        outcome=_OUTCOMES.get(ArrivalState(arrival.state), LineOutcome.IN_REVIEW),
    )
