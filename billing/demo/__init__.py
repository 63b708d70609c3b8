"""Demo data: three companies with a year behind them, and the people who sign in.

Written through the verbs that everybody uses, with moments of the past. The operator is made
first: the moment of joining is "now" for the whole history, so a load that was interrupted is
completed as it was begun, even on another day; each posting carries a reference of its own, so
what is there already is replayed. Memberships and passwords come last: who can sign in finds all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from accounts.models import Account, Membership, Role, User
from billing import adjustments, alerts, caps, charges, holds, limits, telling, transfers, tree
from billing.charges import Charge
from billing.demo.cast import COMPANIES, Campaign, Capped, Company, Goodwill, Mistake, Watch
from billing.demo.people import OPERATOR, PEOPLE, SECOND_OPERATOR, Person
from billing.demo.plan import Event, Limited, Moved, Paid, Used, history
from billing.ledger import Leg, Outcome, Posting, Status, post, transact
from billing.models import Alert, Balance, CapChange, CreditLimitChange, Entry, Kind, Origin

PASSWORD = "demo-console-2026"  # noqa: S105 - printed for whoever runs the demo

# Usage posted at once.
BATCH = 5000
# A database server's clock may be behind ours: the ledger takes no moment that has not come yet.
CLOCK_DRIFT = timedelta(minutes=1)
# Any number that no other advisory lock of ours has.
LOCK = 20_261_122


class ForeignDataError(Exception):
    """The demo data cannot be loaded here; the text says why."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load came to; ``is_new`` is false when all was there before."""

    now: datetime
    accounts: int
    entries: int
    seconds: float
    is_new: bool


def logins() -> list[tuple[str, str, str]]:
    """Role, e-mail address and password of everyone; first a master admin, finance, a member."""
    return [(person.label, person.email, PASSWORD) for person in PEOPLE]


def load(say: Callable[[str], None] = lambda line: None) -> Loaded:
    """Load the demo data up to this moment, or complete a load that was interrupted.

    Called again it changes nothing. ``say`` is told of the progress. Raises ForeignDataError when
    the database has accounts or people of the same names that are not the demo's.
    """
    began = time.monotonic()
    with _one_at_a_time():
        is_new = not _is_complete()
        now = _begin()
        if is_new:
            for company in COMPANIES:
                _load_company(company, now, say)
            _let_everyone_in()
    ours = Account.objects.filter(master__code__in=[company.code for company in COMPANIES])
    return Loaded(
        now=now,
        accounts=ours.count(),
        entries=Entry.objects.filter(master__in=ours.masters()).count(),
        seconds=time.monotonic() - began,
        is_new=is_new,
    )


def pay(
    *, account: Account, amount: Decimal, reference: str, description: str, moment: datetime
) -> Outcome:
    """Post a payment, as the checkout will; a second call with the same reference is replayed."""
    posting = Posting(
        Kind.PAYMENT, reference, (Leg(account.pk, amount),), description, moment=moment
    )
    [outcome] = transact(
        lambda: post(master=account.master_id, postings=[posting], origin=Origin.PAYMENT)
    )
    return outcome


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two loads at once: the later one waits, and finds everything there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _is_complete() -> bool:
    """Whether a load came to its end: memberships are the last that it makes."""
    return Membership.objects.filter(
        user__email=PEOPLE[0].email, account__code=PEOPLE[0].account
    ).exists()


def _begin() -> datetime:
    """The history's "now": when the operator was made, who comes before all else."""
    operator = User.objects.filter(email=OPERATOR.email).first()
    if operator is None:
        codes = [company.code for company in COMPANIES]
        taken = Account.objects.masters().filter(code__in=codes).values_list("code", flat=True)
        people = User.objects.filter(email__in=[person.email for person in PEOPLE])
        strangers = [*taken, *people.values_list("email", flat=True)]
        if strangers:
            raise ForeignDataError(
                f"{', '.join(strangers)}: here already, and not from the demo."
                " Load it into another database."
            )
        operator = User.objects.create_user(OPERATOR.email, name=OPERATOR.name, is_staff=True)
    return operator.date_joined


def _load_company(company: Company, now: datetime, say: Callable[[str], None]) -> None:
    events = history(company, now - CLOCK_DRIFT)
    opened = events[0].moment
    master = Account.objects.masters().filter(code=company.code).first() or tree.open_master(
        code=company.code,
        name=company.name,
        country=company.country,
        currency=company.currency,
        time_zone=company.time_zone,
        moment=opened,
    )
    accounts = {account.code: account for account in Account.objects.filter(master=master)}
    for sub in company.subs:
        if sub.code not in accounts:
            accounts[sub.code] = tree.open_subaccount(
                master=master, code=sub.code, name=sub.name, mode=sub.mode, moment=opened
            )
    [admin] = [
        person
        for person in PEOPLE
        if person.company == company.code and person.role == Role.MASTER_ADMIN
    ]
    clerk = _Clerk(accounts, master, _person(admin))
    say(f"{company.name}: {len(events):,} events of a year in {len(accounts)} accounts")
    for event in events:
        clerk.take(event)
    clerk.flush()
    for correction in company.today:
        _take_today(correction, accounts)
    for capped in company.capped:
        _cap(capped, accounts[capped.account], _person(admin))


def _take_today(
    event: Watch | Campaign | Goodwill | Mistake, accounts: dict[str, Account]
) -> None:
    """What needs no moment of the past; a second call is replayed."""
    account = accounts[event.account]
    operator = User.objects.get(email=OPERATOR.email)
    if isinstance(event, Watch):
        _watch(event, account)
    elif isinstance(event, Campaign):
        holds.hold(
            account=account,
            amount=event.amount,
            reference=event.reference,
            description=event.description,
            expires_in=holds.LONGEST,
        )
    elif isinstance(event, Goodwill):
        _require(
            # Both of them, so that it is made wherever the demo is loaded.
            transact(
                lambda: adjustments.within(
                    account=account,
                    amount=event.amount,
                    reason=event.reason,
                    reference=event.reference,
                    by=operator,
                    agreed_by=_person(SECOND_OPERATOR),
                )
            )
        )
    else:
        usage = Entry.objects.filter(master=account.master_id, account=account, kind=Kind.USAGE)
        _require(
            charges.reverse(
                master=account.master_id,
                reference=usage.latest("posted_at", "seq").reference,
                reason=event.reason,
                by=operator,
            )
        )


def _cap(capped: Capped, account: Account, admin: User) -> None:
    """Set the cap as of today; a second call changes nothing, though more may be used by then."""
    if CapChange.objects.filter(master=account.master_id, account=account).exists():
        return
    usage, _before = caps.lately(account)
    used = max(usage.spent + usage.held, Decimal(0))
    amount = capped.amount
    if amount is None:
        # A round one, as people set them.
        amount = used * 4 / 5 // 50 * 50
    caps.change(account=account, cap=amount, is_hard=capped.amount is not None, by=admin)


def _watch(event: Watch, account: Account) -> None:
    """Set an alert a little below the balance, once."""
    if Alert.objects.filter(account=account).exists():
        return
    available = Balance.objects.get(master=account.master_id, account=account).available
    line = (available - event.leeway) / telling.APPROACHING
    alerts.add(
        account=account,
        threshold=line.quantize(Decimal("1e2"), ROUND_DOWN).quantize(Decimal(1)),
        recipients=[_person(person) for person in PEOPLE if person.email in event.people],
    )


class _Clerk:
    """Takes a company's events in the order of time to the verbs that post them."""

    def __init__(self, accounts: dict[str, Account], master: Account, admin: User) -> None:
        self.accounts = accounts
        self.master = master
        self.admin = admin
        self.usage: list[Charge] = []

    def take(self, event: Event) -> None:
        """Post one event; usage waits, so that what follows on other usage is posted at once."""
        if isinstance(event, Used):
            account = self.accounts[event.account].pk
            _, _, amount, reference, description, at = event
            self.usage.append(
                Charge(account, amount, reference, description, at, moment=event.moment)
            )
            if len(self.usage) >= BATCH:
                self.flush()
            return
        self.flush()
        if isinstance(event, Paid):
            _require(
                pay(
                    account=self.accounts[event.account],
                    amount=event.amount,
                    reference=event.reference,
                    description=event.description,
                    moment=event.moment,
                )
            )
        elif isinstance(event, Moved):
            transfers.make(
                source=self.accounts[event.source],
                destination=self.accounts[event.destination],
                amount=event.amount,
                key=event.key,
                by=self.admin,
                note=event.note,
                moment=event.moment,
            )
        else:
            self._limit(event)

    def flush(self) -> None:
        """Post the usage that waits."""
        if self.usage:
            for outcome in charges.charge_many(master=self.master.pk, charges=self.usage):
                _require(outcome)
            self.usage = []

    def _limit(self, event: Limited) -> None:
        """Limits have no reference: the moment says whether this one was set before."""
        account = self.accounts[event.account]
        if not CreditLimitChange.objects.filter(account=account, changed_at=event.moment).exists():
            limits.change(
                account=account,
                limit=event.limit,
                reason=event.reason,
                by=User.objects.get(email=OPERATOR.email),
                moment=event.moment,
            )


def _require(outcome: Outcome) -> None:
    """The plan pays for everything in it: a refusal would be a fault of the plan."""
    if outcome.status not in (Status.ACCEPTED, Status.REPLAYED):
        outcome.raise_refusal()


def _person(person: Person) -> User:
    """The person's row, without a password as long as the history is not complete."""
    found = User.objects.filter(email=person.email).first()
    is_staff = not person.company
    return found or User.objects.create_user(person.email, name=person.name, is_staff=is_staff)


def _let_everyone_in() -> None:
    """Passwords, verified addresses and memberships, all at once and last of all."""
    password = make_password(PASSWORD)
    with transaction.atomic(durable=True):
        for person in PEOPLE:
            user = _person(person)
            user.password = password
            user.save(update_fields=["password"])
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
            if person.role:
                account = Account.objects.get(master__code=person.company, code=person.account)
                Membership.objects.create(user=user, account=account, role=person.role)
    # What was told before anybody was there stands in the console: there is nobody to mail it to.
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE task_name = %s AND status = 'todo'"
            " AND (args->>'notice_id')::bigint IN"
            " (SELECT n.id FROM billing_notice n JOIN accounts_account m ON m.id = n.master_id"
            " WHERE m.code = ANY(%s))",
            [telling.SEND_NOTICE, [company.code for company in COMPANIES]],
        )
