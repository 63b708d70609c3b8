"""A year of one company's events, made of the cast: pure, and the same for the same day.

All that happens up to the end of the current day is planned, then what has not come yet is left
out: so a load in the afternoon only adds hours to one in the morning. Usage comes first, then the
money that carries it: the planner knows what will be spent, so that nothing is refused.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from random import Random
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from billing.demo.cast import Budget, Bursts, Company, Extra, Invoice, Limit, Stream, Sub
from console.money import currency_decimals

DAYS = 365
# A year ago traffic was this share of today's.
GROWTH_FROM = 0.72
WEEKEND = (calendar.FRIDAY, calendar.SATURDAY)

Flow = tuple[datetime, Decimal]


class Used(NamedTuple):
    """Usage, summed over the hour from ``at``."""

    moment: datetime
    account: str
    amount: Decimal
    reference: str
    description: str
    at: datetime


class Paid(NamedTuple):
    """Money that came in."""

    moment: datetime
    account: str
    amount: Decimal
    reference: str
    description: str


class Moved(NamedTuple):
    """A transfer."""

    moment: datetime
    source: str
    destination: str
    amount: Decimal
    key: UUID
    note: str


class Limited(NamedTuple):
    """A credit limit was set."""

    moment: datetime
    account: str
    limit: Decimal
    reason: str


Event = Limited | Paid | Moved | Used

# What comes first when two fall on one moment: what lets money out follows what lets it in.
_ORDER: dict[type, int] = {Limited: 0, Paid: 1, Moved: 2, Used: 3}


class Season(NamedTuple):
    """A time of the year when people buy; month and day of its first and last day."""

    name: str
    first: tuple[int, int]
    last: tuple[int, int]
    factor: float
    country: str = ""


SEASONS = (
    Season("White Friday", (11, 20), (11, 30), 1.45),
    Season("Year end", (12, 22), (12, 31), 1.2),
    Season("Back to school", (8, 25), (9, 12), 1.25),
    Season("National day", (9, 21), (9, 24), 1.4, "SA"),
    Season("National day", (2, 23), (2, 27), 1.4, "KW"),
)
RAMADAN = {
    2025: date(2025, 3, 1),
    2026: date(2026, 2, 18),
    2027: date(2027, 2, 8),
    2028: date(2028, 1, 28),
    2029: date(2029, 1, 16),
}


def season(country: str, day: date) -> tuple[str, float]:
    """The name of the season and its factor; no name and 1 on ordinary days."""
    for one in SEASONS:
        if one.country in ("", country) and one.first <= (day.month, day.day) <= one.last:
            return one.name, one.factor
    begin = RAMADAN.get(day.year)
    if begin and begin <= day < begin + timedelta(days=33):
        return "Ramadan", 1.3
    return "", 1.0


def history(company: Company, now: datetime) -> list[Event]:
    """The company's events of a year until ``now``, in the order of their moments."""
    events = [event for event in _Planner(company, now).events() if event.moment <= now]
    return sorted(events, key=lambda event: (event.moment, _ORDER[type(event)]))


class _Planner:
    """Plans one company; amounts in its currency, days in its time zone, moments in UTC."""

    def __init__(self, company: Company, now: datetime) -> None:
        self.company = company
        self.zone = ZoneInfo(company.time_zone)
        self.today = now.astimezone(self.zone).date()
        self.days = [self.today - timedelta(days=ago) for ago in range(DAYS, -1, -1)]
        self.cent = Decimal(1).scaleb(-currency_decimals(company.currency))
        # What each holder gains (+) and spends (-), by code.
        self.flows: dict[str, list[Flow]] = defaultdict(list)
        self.payments = 0

    def events(self) -> Iterator[Event]:
        """Everything, in no order."""
        company = self.company
        yield from self._limits(company.code, company.limits)
        used = {sub.code: self._usage(sub) for sub in company.subs}
        for extra in company.extras:
            yield self._extra(extra)
        for sub in company.subs:
            yield from self._limits(sub.code, sub.limits)
            holder = sub.code if sub.funding else company.code
            self.flows[holder] += [(one.moment, -one.amount) for one in used[sub.code]]
            if sub.funding:
                yield from self._fund(sub.code, sub.funding, from_master=not sub.pays)
            if isinstance(sub.funding, Budget) and sub.funding.exhausts:
                self._exhaust(sub, sub.funding, used[sub.code])
            yield from used[sub.code]
        # Last: by now it is known what was transferred out.
        yield from self._fund(company.code, company.funding, from_master=False)

    # --- Usage ------------------------------------------------------------------------------

    def _usage(self, sub: Sub) -> list[Used]:
        """What the subaccount used, by the hour."""
        used: list[Used] = []
        for traffic in sub.traffic:
            rng = self._random(sub.code, traffic.slug)
            for nth, day in enumerate(self.days):
                name, factor = season(self.company.country, day)
                factor *= GROWTH_FROM + (1 - GROWTH_FROM) * nth / DAYS
                for hour, count, what in _sent(traffic, day, name, factor, rng):
                    at = self._at(day, hour)
                    used.append(
                        Used(
                            at + timedelta(hours=1, seconds=rng.randint(4, 170)),
                            sub.code,
                            count * traffic.price,
                            f"{sub.code}-{traffic.slug}-{day:%Y%m%d}-{hour:02}",
                            f"{what}, {count:,} {traffic.unit}",
                            at,
                        )
                    )
        # Nobody sends before the first credit is there.
        begin = self._at(self.days[0], 13)
        used = [one for one in used if one.amount > 0 and one.at >= begin]
        if isinstance(sub.funding, Budget) and sub.funding.exhausts:
            end = self._at(self.today - timedelta(days=1), 15)
            used = [one for one in used if one.at < end]
        return sorted(used)

    def _exhaust(self, sub: Sub, budget: Budget, used: list[Used]) -> None:
        """Let the last usage take what is left, so that nothing is."""
        left = sum((amount for _, amount in self.flows[sub.code]), Decimal(0)) - budget.last
        [traffic] = sub.traffic
        last = used[-1]
        count = (last.amount + left) / traffic.price
        if count != int(count):
            raise ValueError(f"{sub.name} cannot use {left} to the last message")
        used[-1] = last._replace(
            amount=last.amount + left, description=f"{traffic.what}, {int(count):,} messages"
        )

    # --- Money ------------------------------------------------------------------------------

    def _limits(self, code: str, limits: Sequence[Limit]) -> Iterator[Limited]:
        for limit in limits:
            moment = self._at(self.days[limit.day], 9, 5)
            yield Limited(moment, code, Decimal(limit.amount), limit.reason)

    def _extra(self, extra: Extra) -> Moved:
        moment = self._at(self.today - timedelta(days=extra.days_ago), extra.hour, extra.minute)
        return self._moved(moment, extra.source, extra.destination, extra.amount, extra.note)

    def _moved(
        self, moment: datetime, source: str, destination: str, amount: Decimal, note: str
    ) -> Moved:
        self.flows[source].append((moment, -amount))
        self.flows[destination].append((moment, amount))
        name = f"demo:{self.company.code}/{moment.isoformat()}/{source}/{destination}"
        return Moved(moment, source, destination, amount, uuid5(NAMESPACE_URL, name), note)

    def _fund(
        self, code: str, funding: Budget | Invoice, *, from_master: bool
    ) -> Iterator[Moved | Paid]:
        """The money that carries the holder's spending, by transfer or by payment."""
        rng = self._random(code, "funding")
        flows = sorted(self.flows[code])
        found = (
            self._budget(funding, flows, rng, early=not from_master)
            if isinstance(funding, Budget)
            else self._invoices(flows, rng)
        )
        for moment, amount in found:
            local = moment.astimezone(self.zone)
            note = rng.choice(funding.notes).format(
                month=calendar.month_name[local.month],
                last_month=calendar.month_name[(local.month - 2) % 12 + 1],
            )
            if from_master:
                yield self._moved(moment, self.company.code, code, amount, note)
                continue
            self.flows[code].append((moment, amount))
            self.payments += 1
            method = rng.choice([one for one in self.company.methods if amount <= one.most])
            # The count makes it unique, the rest lets it look like one of a gateway.
            number = f"{self.payments:02}{rng.randint(10, 99)}"
            reference = f"{method.prefix}-{local:%y%m%d}-{number}"
            what = method.name
            if isinstance(funding, Invoice):
                what = f"{what}: {note[0].lower()}{note[1:]}"
            yield Paid(moment, code, amount, reference, what)

    def _budget(
        self, budget: Budget, flows: Sequence[Flow], rng: Random, *, early: bool
    ) -> Iterator[Flow]:
        """Round amounts, each as large as what will be spent until the next one needs."""
        moments = [self._at(self.days[0], 9 if early else 11, rng.randint(10, 50))]
        # Counted from the end, so that the last one is at the same distance every day.
        for nth in reversed(range(DAYS - budget.quiet, budget.every // 2, -budget.every)):
            moments.append(self._at_work(self.days[nth], rng))
        credit = Decimal(0)
        at = 0
        for nth, moment in enumerate(moments):
            is_last = nth == len(moments) - 1
            lowest = sunk = Decimal(0)
            while at < len(flows) and (is_last or flows[at][0] < moments[nth + 1]):
                sunk += flows[at][1]
                lowest = min(lowest, sunk)
                at += 1
            rest = Decimal(budget.last if is_last else rng.randint(*budget.lowest))
            missing = rest - credit - lowest
            steps = max(Decimal(0), (missing / budget.step).to_integral_value(ROUND_CEILING))
            if steps:
                yield moment, steps * budget.step
            credit += steps * budget.step + sunk

    def _invoices(self, flows: Sequence[Flow], rng: Random) -> Iterator[Flow]:
        """Month by month what was owed at its end, paid about the tenth of the next."""
        paid = Decimal(0)
        for first in (day for day in self.days[1:] if day.day == 1):
            end = self._at(first, 0)
            owed = -paid - sum((amount for at, amount in flows if at < end), Decimal(0))
            amount = owed.quantize(self.cent, ROUND_HALF_UP)
            moment = self._at_work(first + timedelta(days=rng.randint(6, 10)), rng)
            if amount > 0 and moment.astimezone(self.zone).date() <= self.today:
                paid += amount
                yield moment, amount

    # --- Time -------------------------------------------------------------------------------

    def _at(self, day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
        local = datetime.combine(day, time(hour, minute, second), self.zone)
        return local.astimezone(UTC)

    def _at_work(self, day: date, rng: Random) -> datetime:
        """Some time within office hours of the day, or of the next that is no weekend."""
        while day.weekday() in WEEKEND:
            day += timedelta(days=1)
        return self._at(day, rng.randint(9, 15), rng.randint(0, 59), rng.randint(0, 59))

    def _random(self, *names: str) -> Random:
        """Chance that is the same each time."""
        return Random("/".join([self.company.code, *names]))  # noqa: S311 - nothing secret


def _sent(
    traffic: Stream | Bursts, day: date, season_name: str, factor: float, rng: Random
) -> Iterator[tuple[int, int, str]]:
    """Hour, count and text of what was sent on a day."""
    if isinstance(traffic, Stream):
        busy = traffic.per_day * traffic.days[day.weekday()] * factor / sum(traffic.hours.values())
        for hour, share in traffic.hours.items():
            yield hour, round(busy * share * rng.gauss(1, 0.13)), traffic.what
        return
    if rng.random() > traffic.a_month / 30 * factor:
        return
    title = season_name or rng.choice(traffic.names)
    count = traffic.size * factor * rng.uniform(0.6, 1.4)
    hours = rng.randint(2, 4)
    start = rng.randint(14, 18) if day.weekday() in WEEKEND else rng.randint(10, 18)
    for hour in range(start, start + hours):
        sent = round(count / hours * rng.uniform(0.8, 1.2))
        yield hour, sent, f"{title}: {traffic.what}"
