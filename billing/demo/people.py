"""Who signs in to the demo."""

from __future__ import annotations

from typing import NamedTuple

from accounts.models import Role


class Person(NamedTuple):
    """Someone who signs in; ``company`` and ``account`` are codes, empty for operators."""

    label: str
    name: str
    email: str
    company: str = ""
    account: str = ""
    role: Role | None = None


OPERATOR = Person("Operator of the platform", "Omar Adel", "operator@platform.example")
# Agrees to what is too large for one.
SECOND_OPERATOR = Person("Second operator", "Rania Fouad", "second-operator@platform.example")

# The three that a visitor wants first come first.
PEOPLE = (
    Person(
        "Master admin", "Salma Hassan", "admin@nile.example", "nile", "nile", Role.MASTER_ADMIN
    ),
    Person("Finance", "Karim Nabil", "finance@nile.example", "nile", "nile", Role.FINANCE),
    Person(
        "Subaccount member",
        "Mona Tarek",
        "member@nile.example",
        "nile",
        "marketing",
        Role.MEMBER,
    ),
    Person(
        "Member of a shared subaccount",
        "Youssef Samir",
        "otp@nile.example",
        "nile",
        "otp",
        Role.MEMBER,
    ),
    Person(
        "Subaccount admin",
        "Hala Fathy",
        "retail-admin@nile.example",
        "nile",
        "retail",
        Role.SUBACCOUNT_ADMIN,
    ),
    Person(
        "Master admin, Saudi Arabia",
        "Faisal Al-Harbi",
        "admin@najd.example",
        "najd",
        "najd",
        Role.MASTER_ADMIN,
    ),
    Person(
        "Master admin, Kuwait",
        "Noura Al-Sabti",
        "admin@gulf.example",
        "gulf",
        "gulf",
        Role.MASTER_ADMIN,
    ),
    OPERATOR,
    SECOND_OPERATOR,
)
