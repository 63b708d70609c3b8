"""Who has a second factor: the one place that knows."""

from __future__ import annotations

from collections.abc import Collection

from accounts.models import User


def people_with_second_factor(users: Collection[int]) -> set[int]:
    """Those of the people, by id, who sign in with a second factor. At most one query.

    There is none to be had yet, so nobody has one.
    """
    return set()


def has_second_factor(user: User) -> bool:
    """Whether the person signs in with a second factor."""
    return user.pk in people_with_second_factor({user.pk})
