"""The platform's own bank accounts: where a bank transfer goes, by country and currency."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "bank_accounts.csv"


@dataclass(frozen=True, slots=True)
class BankAccount:
    """One of the table's rows. Either ``iban`` or ``account_number`` is there, never both.

    ``branch`` is a branch code where banks want one, elsewhere the branch's city.
    """

    country: str
    currency: str
    bank: str
    holder: str
    iban: str
    account_number: str
    branch: str
    bic: str

    @property
    def number(self) -> str:
        """What a statement calls the account."""
        return self.iban or self.account_number


@cache
def accounts() -> Mapping[tuple[str, str], BankAccount]:
    """The accounts by country (``*`` for those without their own) and currency."""
    with TABLE.open(newline="", encoding="utf-8") as lines:
        rows = [BankAccount(**line) for line in csv.DictReader(lines)]
    return {(row.country, row.currency): row for row in rows}


def is_ours(number: str) -> bool:
    """Whether an account number or IBAN, as a statement writes it, is one of these."""
    return any(row.number == number for row in accounts().values())
