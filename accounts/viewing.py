"""The read-only view: an operator sees a company's console as one of its people sees it.

The operator stays who is signed in. Their session keeps whose view it is, of which company and
since when; a middleware gives the views under that company's address, and no others, the person as
``request.user``. It lets nothing be changed: only GET and HEAD come through, no file is handed out
(what a person took is theirs: an operator takes it as an operator, under their own name), and what
a view writes to the database all the same is refused before it gets there.

It ends after half an hour, with *Stop*, with the sign-in, and with the next request after either
of the two has lost what it needs. Beginning and end stand in the company's audit log, each once.

A session is saved whole: a request that began before *Stop* and is answered after it may put the
view back there. So the session alone says nothing: each view has a mark in the cache, and is over
once that is gone.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.signals import user_logged_out
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts import audit, reauthentication, second_factor
from accounts.audit_actions import AuditAction
from accounts.refusals import Refused

if TYPE_CHECKING:
    from accounts.models import Account, User

# What the session keeps.
KEPT = "viewing_as"
MINUTES = 30
SAFE = ("GET", "HEAD")
# Pages that hand out a file, by the name of their address.
FILES = frozenset(
    {"audit-log-csv", "export-file", "payment-receipt", "statement-file", "statement-pdf"}
)
# What would change a row, or lock it to change it. Jobs are ordered by a function of their own.
_WRITES = re.compile(
    r"\b(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CREATE|ALTER|DROP|nextval|procrastinate_\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Viewing:
    """A view under way. ``began`` is in seconds since the epoch."""

    operator: User
    person: User
    company: Account
    began: float

    @property
    def until(self) -> datetime:
        """When it ends by itself."""
        return datetime.fromtimestamp(self.began + MINUTES * 60, UTC)


class CannotView(Refused):
    """This person's view cannot be shown."""


def begin(
    request: HttpRequest, *, operator: User, person: User, company: Account, reason: str
) -> None:
    """From now on the operator sees the company as the person does, and its log says so.

    Another view that is under way ends. A second call for the same person and company changes
    nothing. Raises CannotView for an operator, for somebody who cannot sign in or does not belong
    to the company, and for who has not set up the second factor that the company asks for.
    """
    why = _why_not(person, company)
    if why:
        raise CannotView(why)
    kept = request.session.get(KEPT)
    if kept is not None:
        if (kept["person"], kept["company"]) == (person.pk, company.pk):
            return
        end(request, why=_("Another view began."))
    audit.record(
        action=AuditAction.VIEWED_AS_CUSTOMER,
        by=operator,
        master=company,
        whom=person,
        about=reason,
        after={"view": "began", "minutes": MINUTES},
    )
    # A form of the operator's own that waits to be sent again is not for this view.
    request.session.pop(reauthentication.WAITING, None)
    mark = secrets.token_urlsafe(16)
    # For as long as any session that may speak of it.
    cache.set(_key(mark), 1, timeout=settings.SESSION_COOKIE_AGE)
    request.session[KEPT] = {
        "mark": mark,
        "operator": operator.pk,
        "person": person.pk,
        "company": company.pk,
        "code": company.code,
        "began": time.time(),
    }


def end(request: HttpRequest, *, why: str) -> str | None:
    """The view ends, and the company's log says so; its company's code, None where none was.

    Of several requests that end one view, one does, and writes it down.
    """
    from accounts.models import User  # noqa: PLC0415 - models come before apps are ready

    kept = request.session.pop(KEPT, None)
    if kept is None or not _unmark(kept):
        return None
    people = User.objects.in_bulk([kept["operator"], kept["person"]])
    audit.record(
        action=AuditAction.VIEWED_AS_CUSTOMER,
        by=people.get(kept["operator"]),
        master=kept["company"],
        whom=people.get(kept["person"]),
        about=why,
        after={"view": "ended"},
    )
    code: str = kept["code"]
    return code


class show_as_customer:  # noqa: N801 - a middleware, named as the others are
    """Middleware, the last: a view under way is looked at anew with each request.

    Those before it ask the operator, not the customer, for a second factor and for their sign-in's
    age, and send forms again after a proof: such a form, too, is refused here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if KEPT not in request.session:
            return self.get_response(request)
        within = request.path_info.startswith(f"/accounts/{request.session[KEPT]['code']}/")
        found = _under_way(request)
        if isinstance(found, str):
            end(request, why=found)
            messages.info(request, found)
        with ExitStack() as stack:
            if within:
                # For process_view: no view has been looked for yet.
                request.view_as = (found, stack)  # type: ignore[attr-defined]
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *about: Any) -> HttpResponse | None:
        """Give the view the person; refuse what is more than looking."""
        if not hasattr(request, "view_as"):
            return None
        found, stack = request.view_as
        if isinstance(found, str):
            return _after_the_end(request, found)
        found.person.viewed_by = found.operator
        request.viewing = found  # type: ignore[attr-defined]
        request.operator = found.operator  # type: ignore[attr-defined]
        request.user = found.person
        if request.method not in SAFE:
            raise PermissionDenied(_refusal())
        if request.resolver_match is not None and request.resolver_match.url_name in FILES:
            raise PermissionDenied(
                _(
                    "This is a read-only view, which hands out no files. Stop it, and take the"
                    " file as an operator."
                )
            )
        stack.enter_context(connection.execute_wrapper(_refuse_writes))
        return None


def listen() -> None:
    """Connect what follows. Called once, when the app is ready."""
    user_logged_out.connect(_end_with_sign_in)


def _end_with_sign_in(*, request: HttpRequest, **rest: Any) -> None:
    end(request, why=_("Signed out."))


def _under_way(request: HttpRequest) -> Viewing | str:
    """The view that the session keeps; or the sentence why it is over."""
    from accounts.models import Account, User  # noqa: PLC0415

    kept, operator = request.session[KEPT], request.user
    if operator.pk != kept["operator"] or not operator.is_authenticated or not operator.is_staff:
        return _("The read-only view has ended: it is for operators.")
    if not 0 <= time.time() - kept["began"] < MINUTES * 60:
        return _("The read-only view has ended: it lasts %(minutes)d minutes.") % {
            "minutes": MINUTES
        }
    try:
        second_factor.require(operator)
    except second_factor.SecondFactorNeeded:
        return _("The read-only view has ended: operators need a second factor.")
    person = User.objects.filter(pk=kept["person"]).first()
    company = Account.objects.filter(pk=kept["company"]).first()
    if person is None or company is None or not _is_marked(kept):
        return _("The read-only view has ended.")
    why = _why_not(person, company)
    if why:
        return _("The read-only view has ended. %(why)s") % {"why": why}
    return Viewing(operator, person, company, kept["began"])


def _key(mark: str) -> str:
    return f"viewing:{mark}"


def _is_marked(kept: dict[str, Any]) -> bool:
    """Whether nobody has ended it; one that an older release began has no mark to lose."""
    return "mark" not in kept or cache.get(_key(kept["mark"])) is not None


def _unmark(kept: dict[str, Any]) -> bool:
    """Whether it is this request that ends it."""
    return "mark" not in kept or cache.delete(_key(kept["mark"]))


def _why_not(person: User, company: Account) -> str:
    """Why the person's view of the company cannot be shown; nothing when it can."""
    names = {"person": person.email, "company": company.name}
    if person.is_staff:
        return _("%(person)s is an operator, and nobody looks as another operator.") % names
    if not person.is_active:
        return _("%(person)s is not active, so there is nothing that they see.") % names
    if not person.memberships.filter(master=company).exists():
        return _("%(person)s does not belong to %(company)s.") % names
    if company.needs_second_factor:
        try:
            second_factor.require(person, company)
        except second_factor.SecondFactorNeeded:
            return (
                _(
                    "%(company)s asks its people for a second factor, and %(person)s has none:"
                    " they see only the page to set one up."
                )
                % names
            )
    return ""


def _after_the_end(request: HttpRequest, why: str) -> HttpResponse | None:
    """The first request after the view is over: what was opened in it is not done as oneself."""
    if request.method not in SAFE:
        raise PermissionDenied(_("%(why)s Nothing was sent.") % {"why": why})
    if "HX-Request" in request.headers:
        # A part of a page that was the customer's.
        return HttpResponse(headers={"HX-Refresh": "true"})
    return None


def _refuse_writes(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Around each statement of a view: looking changes nothing, whatever a view may do."""
    text = sql if isinstance(sql, str) else sql.as_string(context["cursor"].cursor)
    if _WRITES.search(text):
        raise PermissionDenied(_refusal())
    return execute(sql, params, many, context)


def _refusal() -> str:
    return _(
        "This is a read-only view of what a customer sees: nothing can be sent or changed in it."
    )
