"""``post()`` with all sorts in one batch, against a model: Hypothesis looks for a difference.

The verbs, one after the other, are ``test_ledger_machine``'s.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account, BalanceMode
from billing import caps, limits, tree
from billing.ledger import Leg, Posting, post, transact
from billing.models import Balance, Entry, Kind, Origin
from tests.factories import make_master, make_subaccount

pytestmark = pytest.mark.django_db

MASTER, ALPHA, BETA, SHARED = "master", "alpha", "beta", "shared"
NAMES = [MASTER, ALPHA, BETA, SHARED]
_companies = itertools.count(1)


@dataclass
class Book:
    """What the model knows of one account."""

    credit: Decimal = Decimal(0)
    limit: Decimal = Decimal(0)
    suspended: bool = False
    seq: int = 0
    spent: Decimal = Decimal(0)
    cap: Decimal | None = None
    is_hard: bool = True

    def passes_cap(self, amount: Decimal) -> bool:
        """Whether so much more usage would be too much for a hard cap."""
        return self.cap is not None and self.is_hard and self.spent + amount > self.cap


@dataclass
class Model:
    """The rules of money once more, as simply as they can be said."""

    books: dict[str, Book] = field(default_factory=lambda: {name: Book() for name in NAMES})
    done: dict[str, tuple] = field(default_factory=dict)

    def holder(self, name: str) -> str:
        return MASTER if name == SHARED else name

    def post(self, kind: Kind, reference: str, legs: list[tuple[str, Decimal]], enforce: bool):
        content = (kind, legs)
        if reference in self.done:
            return "replayed" if self.done[reference] == content else "conflict"
        after = {name: book.credit for name, book in self.books.items()}
        for name, amount in legs:
            if kind == Kind.TRANSFER and name == SHARED:
                return "refused"
            after[self.holder(name)] += amount
            if amount < 0 and enforce:
                if self.books[name].suspended or self.books[MASTER].suspended:
                    return "refused"
                if kind == Kind.USAGE and self.books[name].passes_cap(-amount):
                    return "refused"
                if after[self.holder(name)] < -self.books[self.holder(name)].limit:
                    return "refused"
        for name, amount in legs:
            self.books[self.holder(name)].seq += 1
            if kind == Kind.USAGE:
                self.books[name].spent -= amount
        for name, credit in after.items():
            self.books[name].credit = credit
        self.done[reference] = content
        return "accepted"


# Few amounts, so that limits are met exactly, and few references, so that they repeat.
amounts = st.sampled_from(["0.0075", "0.000001", "1", "49.50", "50", "50.000001", "100"]).map(
    Decimal
)
references = st.integers(1, 12).map(lambda number: f"ref-{number}")
names = st.sampled_from(NAMES)
usage = st.tuples(
    st.just(Kind.USAGE),
    references,
    st.tuples(names, amounts.map(lambda a: -a)).map(lambda leg: [leg]),
    st.booleans(),
)
payment = st.tuples(
    st.just(Kind.PAYMENT),
    references,
    st.tuples(names, amounts).map(lambda leg: [leg]),
    st.just(True),
)
transfer = st.tuples(
    st.just(Kind.TRANSFER),
    references,
    st.tuples(st.permutations(NAMES), amounts).map(
        lambda drawn: [(drawn[0][0], -drawn[1]), (drawn[0][1], drawn[1])]
    ),
    st.just(True),
)
batch = st.lists(st.one_of(usage, payment, transfer), min_size=1, max_size=8)
own_names = st.sampled_from([MASTER, ALPHA, BETA])
step = st.one_of(
    batch.map(lambda postings: ("post", postings)),
    st.tuples(st.just("limit"), own_names, st.sampled_from(["0", "50", "100"]).map(Decimal)),
    st.tuples(st.just("suspend"), names, st.booleans()),
    st.tuples(
        st.just("cap"),
        st.sampled_from([ALPHA, BETA, SHARED]),
        st.none() | st.sampled_from(["0", "1", "50", "100"]).map(Decimal),
        st.booleans(),
    ),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(step, min_size=1, max_size=10))
def test_the_ledger_does_what_the_model_does(db, steps):
    accounts = _open_company()
    model = Model()
    for action, *what in steps:
        if action == "post":
            _post_both(accounts, model, what[0])
        elif action == "limit":
            name, limit = what
            limits.change(account=accounts[name], limit=limit, reason="test")
            model.books[name].limit = limit
        elif action == "cap":
            name, cap, is_hard = what
            caps.change(account=accounts[name], cap=cap, is_hard=is_hard)
            model.books[name].cap, model.books[name].is_hard = cap, is_hard
        else:
            name, suspended = what
            (tree.suspend if suspended else tree.restore)(account=accounts[name])
            model.books[name].suspended = suspended
        _compare(accounts, model)


def _post_both(accounts, model, postings):
    expected = [model.post(*posting) for posting in postings]
    real = [
        Posting(
            kind,
            reference,
            tuple(Leg(accounts[name].pk, amount) for name, amount in legs),
            enforce_limit=enforce,
        )
        for kind, reference, legs, enforce in postings
    ]
    outcomes = transact(lambda: post(master=accounts[MASTER].pk, postings=real, origin=Origin.API))
    assert [outcome.status for outcome in outcomes] == expected


def _compare(accounts: dict[str, Account], model: Model) -> None:
    rows = Balance.objects.filter(master=accounts[MASTER])
    real = {row.account_id: (row.credit, row.credit_limit, row.last_seq) for row in rows}
    told = {
        accounts[name].pk: (book.credit, book.limit, book.seq)
        for name, book in model.books.items()
    }
    assert real == told
    stands = caps.uses(accounts[MASTER], rows)
    assert {account: use.spent for account, use in stands.items()} == {
        accounts[name].pk: book.spent for name, book in model.books.items() if book.cap is not None
    }
    running: dict[int, tuple[int, Decimal]] = {}
    for entry in Entry.objects.filter(master=accounts[MASTER]).order_by("holder", "seq"):
        seq, credit = running.get(entry.holder_id, (0, Decimal(0)))
        assert (entry.seq, entry.balance_after) == (seq + 1, credit + entry.amount)
        running[entry.holder_id] = (entry.seq, entry.balance_after)


def _open_company() -> dict[str, Account]:
    code = f"company-{next(_companies)}"
    master = make_master(code)
    return {
        MASTER: master,
        ALPHA: make_subaccount(master, "alpha"),
        BETA: make_subaccount(master, "beta"),
        SHARED: make_subaccount(master, "shared", mode=BalanceMode.SHARED),
    }
