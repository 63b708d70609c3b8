"""Countries, currencies and time zones, as one chooses them and as pages name them."""

from __future__ import annotations

import zoneinfo
from functools import cache

from babel import Locale
from babel.core import get_global
from django.utils.translation import get_language, to_locale

# What Babel lists beside countries.
_NO_COUNTRIES = {"EU", "EZ", "UN", "XA", "XB", "ZZ"}
# "Etc/GMT+3" is three hours behind; what has no slash is an old name of something else.
_REGIONS = {
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
}


def _locale() -> Locale:
    return Locale.parse(to_locale(get_language() or "en"))


@cache
def _current() -> dict[str, list[str]]:
    """The currencies that are tender today, by country."""
    found: dict[str, list[str]] = {}
    for country, known in get_global("territory_currencies").items():
        tender = [code for code, _since, until, is_tender in known if until is None and is_tender]
        if tender and country not in _NO_COUNTRIES:
            found[country] = tender
    return found


def country_name(code: str) -> str:
    """The country in the reader's language; the code itself where it is none."""
    return str(_locale().territories.get(code, code))


def countries() -> list[tuple[str, str]]:
    """The countries that have a currency: code and name, by name."""
    names = _locale().territories
    return sorted(((code, names[code]) for code in _current()), key=lambda each: each[1])


def currencies() -> list[tuple[str, str]]:
    """The currencies that are tender somewhere today: code, and code with name, by code."""
    names = _locale().currencies
    codes = sorted({code for tender in _current().values() for code in tender})
    return [(code, f"{code} · {names.get(code, code)}") for code in codes]


@cache
def time_zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """The time zones by region, each with its name as people read it; UTC last."""
    found: dict[str, list[tuple[str, str]]] = {}
    for zone in sorted(zoneinfo.available_timezones()):
        region, _slash, city = zone.partition("/")
        if city and region in _REGIONS:
            found.setdefault(region, []).append((zone, zone.replace("_", " ")))
    return [*found.items(), ("UTC", [("UTC", "UTC")])]
