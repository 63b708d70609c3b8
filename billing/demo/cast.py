"""Who plays in the demo: three companies, their subaccounts, and their traffic.

Data only. ``plan`` makes a year of events of it and ``billing.demo`` posts them. Amounts are in
the company's currency, prices per message or minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from accounts.models import BalanceMode

# Share of a day's traffic by the hour it starts in.
AROUND_THE_CLOCK = dict(
    zip(
        range(24),
        [2, 1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 6, 5, 5, 5, 5, 6, 7, 8, 8, 6, 4, 3],
        strict=True,
    )
)
DAYTIME = dict(zip(range(9, 23), [3, 6, 8, 9, 9, 8, 7, 6, 8, 9, 10, 9, 6, 3], strict=True))
SHOP_HOURS = dict(zip(range(10, 23), [5, 7, 8, 7, 6, 6, 7, 9, 11, 12, 11, 8, 4], strict=True))
OFFICE_HOURS = dict(zip(range(8, 17), [6, 14, 15, 13, 10, 9, 13, 12, 8], strict=True))
EVENING = {19: 1}
MORNING = {10: 1}

# Factors from Monday to Sunday. The weekend is Friday and Saturday in all three countries.
STEADY = (1.0, 1.0, 1.0, 1.05, 0.8, 0.9, 1.05)
SHOPPING = (0.85, 0.85, 0.95, 1.25, 1.3, 1.2, 0.9)
OFFICE = (1.0, 1.0, 1.0, 0.85, 0.0, 0.0, 1.15)
SUNDAYS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Stream:
    """Usage of one kind, in hourly sums: ``per_day`` on an ordinary day of this month."""

    what: str
    slug: str
    price: Decimal
    per_day: int
    hours: Mapping[int, int]
    days: tuple[float, ...] = STEADY
    unit: str = "messages"


@dataclass(frozen=True)
class Bursts:
    """Campaigns: some days a month, ``size`` messages within a few hours."""

    what: str
    slug: str
    price: Decimal
    size: int
    a_month: int
    names: tuple[str, ...]
    unit: str = "messages"


@dataclass(frozen=True)
class Budget:
    """Round amounts every so many days, in multiples of ``step``.

    Before the next one is due credit has fallen to somewhere within ``lowest``; tonight to about
    ``last``. The last one comes ``quiet`` days before today, give or take two. ``exhausts``: the
    last usage takes credit to ``last`` exactly, and there is none from yesterday afternoon on.
    """

    every: int
    step: Decimal
    lowest: tuple[int, int]
    last: int
    quiet: int = 5
    notes: tuple[str, ...] = ("{month} budget",)
    exhausts: bool = False


@dataclass(frozen=True)
class Invoice:
    """About the tenth what was owed at the end of the month before, to the last decimal."""

    notes: tuple[str, ...] = ("Usage of {last_month}",)


@dataclass(frozen=True)
class Limit:
    """A credit limit that was set so many days after the beginning."""

    day: int
    amount: int
    reason: str


@dataclass(frozen=True)
class Sub:
    """A subaccount; a shared one has neither funding nor limits of its own."""

    code: str
    name: str
    traffic: tuple[Stream | Bursts, ...]
    funding: Budget | Invoice | None = None
    limits: tuple[Limit, ...] = ()
    # Tops up by itself instead of by transfers from the master account.
    pays: bool = False

    @property
    def mode(self) -> BalanceMode:
        """Shared, unless it is funded."""
        return BalanceMode.ALLOCATED if self.funding else BalanceMode.SHARED


class Method(NamedTuple):
    """A way to pay: prefix of its references, what the payment is called, the most it takes."""

    prefix: str
    name: str
    most: int = 1_000_000


class Extra(NamedTuple):
    """A transfer that belongs to no budget: so many days ago, at an hour and a minute."""

    days_ago: int
    hour: int
    minute: int
    source: str
    destination: str
    amount: Decimal
    note: str


class Campaign(NamedTuple):
    """Credit that is on hold for messages to come."""

    account: str
    amount: Decimal
    reference: str
    description: str


class Goodwill(NamedTuple):
    """What the operator added by hand."""

    account: str
    amount: Decimal
    reference: str
    reason: str


class Mistake(NamedTuple):
    """An account whose last usage was charged wrongly, and given back."""

    account: str
    reason: str


class Capped(NamedTuple):
    """An account with a spending cap: a hard one of so much, or a soft one that is passed."""

    account: str
    amount: Decimal | None = None


class Watch(NamedTuple):
    """An alert that goes off when ``leeway`` more is gone; ``people`` are e-mail addresses."""

    account: str
    leeway: Decimal
    people: tuple[str, ...]


@dataclass(frozen=True)
class Company:
    """A master account with all that is below it."""

    code: str
    name: str
    country: str
    currency: str
    time_zone: str
    funding: Budget | Invoice
    limits: tuple[Limit, ...]
    methods: tuple[Method, ...]
    subs: tuple[Sub, ...]
    extras: tuple[Extra, ...] = ()
    # What came after the history: today.
    today: tuple[Watch | Campaign | Goodwill | Mistake, ...] = ()
    capped: tuple[Capped, ...] = ()


SMS_EG, WHATSAPP_EG, VOICE_EG = Decimal("0.1250"), Decimal("0.1890"), Decimal("0.4175")
SMS_SA, WHATSAPP_SA = Decimal("0.0525"), Decimal("0.0774")
SMS_KW, WHATSAPP_KW, VOICE_KW = Decimal("0.0115"), Decimal("0.009275"), Decimal("0.021")

NILE = Company(
    code="nile",
    name="Nile Retail Group",
    country="EG",
    currency="EGP",
    time_zone="Africa/Cairo",
    funding=Budget(every=9, step=Decimal(500), lowest=(-6000, 500), last=2600, quiet=3),
    limits=(
        Limit(0, 10_000, "Opening agreement"),
        Limit(96, 20_000, "Twelve weeks paid on time"),
        Limit(211, 30_000, "Yearly review, approved by credit control"),
    ),
    methods=(
        Method("FWR", "Top up by Fawry", 10_000),
        Method("CRD", "Top up by card, Visa ending 4242", 20_000),
        Method("CIB", "Bank transfer, CIB"),
    ),
    today=(
        # The first goes off with the campaign below.
        Watch("marketing", Decimal(600), ("admin@nile.example", "member@nile.example")),
        Watch("nile", Decimal(15_000), ("admin@nile.example", "finance@nile.example")),
        Mistake("marketing", "Sent to a test list, agreed with support"),
        Goodwill("delivery", Decimal("150.00"), "ADJ-0117", "Late delivery reports, ticket 4711"),
        Campaign("marketing", Decimal("1250.00"), "white-friday", "White Friday, 10,000 SMS"),
    ),
    capped=(Capped("otp", Decimal(12_000)), Capped("marketing")),
    subs=(
        Sub(
            "marketing",
            "Marketing",
            (
                Bursts(
                    "SMS to Egypt",
                    "promo",
                    SMS_EG,
                    size=7200,
                    a_month=6,
                    names=("New arrivals", "Weekend offers", "Members' sale", "Flash sale"),
                ),
                Stream("WhatsApp to Egypt", "wa", WHATSAPP_EG, 340, DAYTIME, SHOPPING),
            ),
            Budget(every=14, step=Decimal(250), lowest=(600, 2500), last=11_900),
        ),
        Sub(
            "otp",
            "OTP and security",
            (
                Stream("SMS to Egypt", "sms", SMS_EG, 1380, AROUND_THE_CLOCK),
                Stream("WhatsApp to Egypt", "wa", WHATSAPP_EG, 310, AROUND_THE_CLOCK),
            ),
        ),
        Sub(
            "delivery",
            "Delivery notifications",
            (
                Stream("SMS to Egypt", "sms", SMS_EG, 860, DAYTIME, SHOPPING),
                Stream("WhatsApp to Egypt", "wa", WHATSAPP_EG, 330, DAYTIME, SHOPPING),
            ),
        ),
        Sub(
            "retail",
            "Retail branches",
            (
                Stream("SMS to Egypt", "sms", SMS_EG, 690, SHOP_HOURS, SHOPPING),
                Stream(
                    "Voice calls to Egypt", "voice", VOICE_EG, 64, SHOP_HOURS, SHOPPING, "minutes"
                ),
            ),
            Budget(
                every=7,
                step=Decimal(25),
                lowest=(-600, -300),
                last=-965,
                quiet=9,
                notes=("Weekly credit", "Weekly credit", "Weekend campaign", "Stock clearance"),
            ),
            (Limit(0, 1000, "Branches may run late on a Thursday"),),
        ),
        Sub(
            "alexandria",
            "Alexandria office",
            (Stream("SMS to Egypt", "sms", SMS_EG, 430, OFFICE_HOURS, OFFICE),),
            Budget(
                every=14,
                step=Decimal(50),
                lowest=(-250, -100),
                last=-500,
                quiet=13,
                notes=("Office credit", "{month} budget"),
                exhausts=True,
            ),
            (Limit(0, 500, "Asked for by the office"),),
        ),
        Sub(
            "hr",
            "Human resources",
            (Stream("SMS to Egypt", "sms", SMS_EG, 390, MORNING, SUNDAYS),),
            Budget(every=120, step=Decimal(5), lowest=(150, 300), last=3015),
        ),
    ),
    extras=(
        Extra(143, 11, 20, "marketing", "retail", Decimal(600), "Shared campaign, summer"),
        Extra(64, 13, 5, "marketing", "nile", Decimal(1250), "Unused campaign budget"),
        Extra(33, 12, 48, "marketing", "hr", Decimal(400), "Hiring week"),
        Extra(1, 15, 21, "nile", "marketing", Decimal(1500), "Weekend campaign"),
        Extra(2, 9, 40, "nile", "hr", Decimal("212.25"), "Training invitations"),
        Extra(0, 8, 52, "nile", "marketing", Decimal(750), "Second send of this week's offer"),
    ),
)

NAJD = Company(
    code="najd",
    name="Najd Logistics",
    country="SA",
    currency="SAR",
    time_zone="Asia/Riyadh",
    funding=Invoice(),
    limits=(
        Limit(0, 25_000, "Opening agreement, postpaid, 10 days"),
        Limit(83, 40_000, "More traffic from the new hub in Jeddah"),
        Limit(240, 60_000, "Yearly review"),
    ),
    methods=(Method("SNB", "Bank transfer, SNB"),),
    subs=(
        Sub(
            "shipments",
            "Shipment updates",
            (
                Stream("SMS to Saudi Arabia", "sms", SMS_SA, 4600, DAYTIME, STEADY),
                Stream("WhatsApp to Saudi Arabia", "wa", WHATSAPP_SA, 900, EVENING, STEADY),
            ),
        ),
        Sub(
            "drivers",
            "Driver codes",
            (Stream("SMS to Saudi Arabia", "sms", SMS_SA, 1900, OFFICE_HOURS, STEADY),),
        ),
        Sub(
            "campaigns",
            "Business campaigns",
            (
                Bursts(
                    "SMS to Saudi Arabia",
                    "promo",
                    SMS_SA,
                    size=14_000,
                    a_month=4,
                    names=("New lanes", "Cold chain offer", "Business account invitation"),
                ),
            ),
            Budget(every=30, step=Decimal(500), lowest=(200, 900), last=2600),
        ),
    ),
    extras=(Extra(12, 10, 15, "campaigns", "najd", Decimal("350.75"), "Offer withdrawn"),),
)

GULF = Company(
    code="gulf",
    name="Gulf Trading",
    country="KW",
    currency="KWD",
    time_zone="Asia/Kuwait",
    funding=Budget(every=15, step=Decimal("12.500"), lowest=(40, 180), last=640),
    limits=(),
    methods=(Method("KNT", "Top up by KNET", 500), Method("NBK", "Bank transfer, NBK")),
    subs=(
        Sub(
            "shop",
            "Online shop",
            (
                Stream("SMS to Kuwait", "sms", SMS_KW, 900, SHOP_HOURS, SHOPPING),
                Stream("WhatsApp to Kuwait", "wa", WHATSAPP_KW, 260, EVENING, SHOPPING),
            ),
        ),
        Sub(
            "sales",
            "Sales",
            (
                Bursts(
                    "SMS to Kuwait",
                    "promo",
                    SMS_KW,
                    size=5200,
                    a_month=4,
                    names=("Weekend offers", "New season", "Members' evening"),
                ),
            ),
            Budget(every=21, step=Decimal("0.250"), lowest=(15, 60), last=148),
            pays=True,
        ),
        Sub(
            "care",
            "Customer care",
            (
                Stream(
                    "Voice calls to Kuwait",
                    "voice",
                    VOICE_KW,
                    105,
                    OFFICE_HOURS,
                    OFFICE,
                    "minutes",
                ),
            ),
            Invoice(),
            (Limit(0, 120, "Pays its usage monthly"),),
        ),
    ),
    extras=(Extra(41, 9, 55, "gulf", "sales", Decimal("37.125"), "Trade fair"),),
)

COMPANIES = (NILE, NAJD, GULF)
