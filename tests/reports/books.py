"""Books of some days, and what plain Python says of any selection of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from hypothesis import strategies as st

from accounts.access import access_or_404
from accounts.models import Account, BalanceMode, Role
from billing import adjustments, charges
from billing.models import Entry, Kind
from reports.filters import TransactionFilter
from reports.queries import Scope
from tests.factories import give, make_master, make_member, make_subaccount
from tests.reports.transactions import spend

DAY = timedelta(days=1)
BEGAN = datetime(2026, 10, 28, 12, tzinfo=UTC)


class Books:
    """A company over some days, clocks set back among them, and what is true of its entries."""

    def __init__(self) -> None:
        self.company = make_master("books")
        self.own = make_subaccount(self.company, "own")
        self.shared = make_subaccount(self.company, "shared", mode=BalanceMode.SHARED)
        self.other = make_subaccount(self.company, "other", mode=BalanceMode.SHARED)
        self.admin = make_member(self.company, Role.MASTER_ADMIN, "admin@books.example")
        self.people = {
            "admin": self.admin,
            "own": make_member(self.own, Role.MEMBER, "own@books.example"),
            "shared": make_member(self.shared, Role.MEMBER, "shared@books.example"),
        }
        for number in range(40):
            account = [self.company, self.own, self.shared, self.other][number % 4]
            moment = BEGAN + number * timedelta(hours=3, minutes=7)
            spend(
                account,
                ["0.0075", "1", "25", "99.5"][number // 4 % 4],
                f"m-{number}",
                moment=moment,
                description=["", "100%_off", "عيد مبارك"][number % 3],
            )
        give(self.own, Decimal(50), "top-up")
        adjustments.make(
            account=self.company, amount=Decimal("-3.5"), reason="put right", reference="adj-1",
            by=self.admin,
        )  # fmt: skip
        charges.reverse(master=self.company.pk, reference="m-8", reason="by mistake")
        self.entries = list(Entry.objects.filter(master=self.company))

    @property
    def accounts(self) -> list[Account]:
        return [self.company, self.own, self.shared, self.other]

    def seen_by(self, person: str) -> list[Entry]:
        reach = {"own": {self.own.pk}, "shared": {self.shared.pk}}.get(person)
        return [each for each in self.entries if reach is None or each.account_id in reach]

    def select(self, person: str, query: Sequence[tuple[str, Any]]) -> tuple[Scope, Any]:
        scope = Scope.of(access_or_404(self.people[person], "books"))
        filters = TransactionFilter(QueryDict(urlencode(query)), scope)
        assert filters.is_valid(), filters.form.errors
        return scope, filters


def matches(entry: Entry, query: dict[str, Any], zone: Any) -> bool:
    day = entry.posted_at.astimezone(zone).date()
    size = abs(entry.amount)
    said: dict[str, Callable[[Any], bool]] = {
        "date_from": lambda first: day >= first,
        "date_to": lambda last: day <= last,
        "account": lambda chosen: entry.account_id in chosen,
        "kind": lambda kinds: entry.kind in kinds,
        "direction": lambda way: (entry.amount > 0) == (way == "in"),
        "amount_min": lambda least: size >= least,
        "amount_max": lambda most: size <= most,
        "text": lambda text: text.lower() in f"{entry.reference}\0{entry.description}".lower(),
        "by": lambda who: entry.by_id is None if who == "program" else entry.by_id == who,
    }
    return all(said[name](value) for name, value in query.items())


days = st.integers(0, 8).map(lambda number: date(2026, 10, 27) + number * DAY)
amounts = st.sampled_from(["0", "0.0075", "1", "3.5", "25", "60"]).map(Decimal)


def draw_query(data: Any, books: Books, person: str) -> dict[str, Any]:
    """Any selection that this person can ask for."""
    names = {"admin": books.accounts, "own": [books.own], "shared": [books.shared]}[person]
    query: dict[str, Any] = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "date_from": days,
                "date_to": days,
                "account": st.lists(st.sampled_from([a.pk for a in names]), min_size=1),
                "kind": st.lists(st.sampled_from(Kind.values), min_size=1, max_size=3),
                "direction": st.sampled_from(["in", "out"]),
                "amount_min": amounts,
                "amount_max": amounts,
                "text": st.sampled_from(["M-1", "%_", "عيد", "put", "\\"]),
                "by": st.sampled_from(["program", books.people[person].pk]),
            },
        )
    )
    for low, high in (("date_from", "date_to"), ("amount_min", "amount_max")):
        if low in query and high in query and query[high] < query[low]:
            del query[high]
    return query


def pairs_of(query: dict[str, Any]) -> list[tuple[str, Any]]:
    """The query as an address has it: several of one name for a list."""
    return [
        (name, each)
        for name, value in query.items()
        for each in (value if isinstance(value, list) else [value])
    ]
