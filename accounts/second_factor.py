"""Second factors: who has one, who needs one, and being led to set one up.

Operators need one always, a company's people where its master admins say so. A factor is an
authenticator app or a passkey; recovery codes alone are none. The API is not concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from accounts.models import Account, User

FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
# Where one can be set up, and what belongs to signing in and out.
WITHOUT = "/auth/"


class SecondFactorNeeded(Exception):
    """The person must set up a second factor first; ``company`` wants it (None: the platform)."""

    def __init__(self, company: Account | None = None) -> None:
        super().__init__()
        self.company = company

    @property
    def sentence(self) -> str:
        """What the person is told."""
        if self.company is None:
            return _("Operators need a second factor. Set one up to go on.")
        return _("%(company)s asks its people for a second factor. Set one up to go on.") % {
            "company": self.company.name
        }


def has_one(user: User) -> bool:
    """Whether the person has a second factor; one query."""
    found: bool = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists()
    return found


def people_with_one(users: Collection[int]) -> set[int]:
    """Those of the people, by id, who have a second factor; one query."""
    found = Authenticator.objects.filter(user__in=users, type__in=FACTORS)
    return set(found.values_list("user", flat=True))


def require(user: User, company: Account | None = None) -> None:
    """Raise SecondFactorNeeded unless the person has one; in the demo nobody needs it."""
    if not settings.DEMO and not has_one(user):
        raise SecondFactorNeeded(company)


def who_needs(user: User) -> SecondFactorNeeded | None:
    """Who wants the person to have a second factor, whether or not they have one; or None."""
    from accounts.models import Account  # noqa: PLC0415 - models import this module's users

    if settings.DEMO:
        return None
    if user.is_staff:
        return SecondFactorNeeded()
    wants = Account.objects.companies_of(user).filter(needs_second_factor=True).first()
    return SecondFactorNeeded(wants) if wants is not None else None


class lead_to_set_up:  # noqa: N801 - a middleware, named as the others are
    """Middleware: whoever needs a second factor and has none sets it up before any page.

    They are led to their security page, which says who asks for it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *about: Any) -> HttpResponse | None:
        """Operators are asked here, so that no page of theirs can be forgotten."""
        view = about[0]
        if request.path.startswith(WITHOUT) or not getattr(view, "login_required", True):
            return None
        if request.user.is_authenticated and request.user.is_staff:
            try:
                require(request.user)
            except SecondFactorNeeded:
                return redirect("security")
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A company's page has found that its rules ask for one."""
        if isinstance(exception, SecondFactorNeeded):
            return redirect("security")
        return None
