"""A person's sign-ins: which there are, ending them, and their end by age.

A sign-in ends when nobody asked for anything for so long (operators sooner than customers), and
after some days in any case: see SIGN_IN_... in the settings. What a page asks for by itself, such
as how a payment stands, does not count: a forgotten browser would stay signed in for days. The
session itself carries the two moments; the rows are for the person to look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from allauth.account.signals import password_changed, password_reset, user_logged_in
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in as session_began
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import ngettext

from accounts.models import SignIn

if TYPE_CHECKING:
    from accounts.models import User

BEGAN, SEEN, MINE = "signed_in_at", "seen_at", "sign_in"
# Seconds between two notes that somebody is still there: not every request writes.
NOTED_EVERY = 60
_USER_AGENT_LENGTH = 300
# Sent with what a page asks for by itself (static/js/console.js): nobody need be there for it.
BY_ITSELF = "X-By-Itself"


def idle_minutes(user: User) -> int:
    """After how many minutes without a request the person's sign-ins end."""
    if user.is_staff:
        return settings.SIGN_IN_IDLE_MINUTES_OPERATORS
    return settings.SIGN_IN_IDLE_MINUTES_CUSTOMERS


def end_old_ones(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a sign-in that is too old, or idle for too long, ends; else note it is used.

    After the messages', which tell why, and before any view is looked for.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            why = _why_it_ends(request, request.user)
            if why:
                logout(request)
                messages.info(request, why)
            elif BY_ITSELF in request.headers:
                pass
            elif time.time() - request.session.get(SEEN, 0) >= NOTED_EVERY:
                _note_seen(request, request.user)
        return get_response(request)

    return middleware


def _why_it_ends(request: HttpRequest, user: User) -> str:
    now, session = time.time(), request.session
    if BEGAN not in session:
        # From before this was kept: it counts from today.
        session[BEGAN] = session[SEEN] = now
    if now - session[BEGAN] > settings.SIGN_IN_DAYS * 24 * 60 * 60:
        days = settings.SIGN_IN_DAYS
        return ngettext(
            "A sign-in lasts %(days)d day. Sign in again.",
            "A sign-in lasts %(days)d days. Sign in again.",
            days,
        ) % {"days": days}
    minutes = idle_minutes(user)
    if now - session.get(SEEN, now) <= minutes * 60:
        return ""
    if minutes % 60:
        return ngettext(
            "You were signed out after %(count)d minute without a request.",
            "You were signed out after %(count)d minutes without a request.",
            minutes,
        ) % {"count": minutes}
    return ngettext(
        "You were signed out after %(count)d hour without a request.",
        "You were signed out after %(count)d hours without a request.",
        minutes // 60,
    ) % {"count": minutes // 60}


def _note_seen(request: HttpRequest, user: User) -> None:
    request.session[SEEN] = time.time()
    where = _where(request)
    SignIn.objects.filter(session_key=request.session.session_key, user=user).update(
        seen_at=timezone.now(), **where
    )


def _where(request: HttpRequest) -> dict[str, str | None]:
    try:
        ip = get_adapter().get_client_ip(request)
    except (ImproperlyConfigured, PermissionDenied):
        ip = None
    agent = request.headers.get("User-Agent", "").replace("\0", "")
    return {"ip": ip, "user_agent": agent[:_USER_AGENT_LENGTH]}


def alive(user: User) -> list[SignIn]:
    """The person's sign-ins that still hold, latest first; two queries."""
    now = timezone.now()
    rows = SignIn.objects.filter(
        user=user,
        created_at__gt=now - timedelta(days=settings.SIGN_IN_DAYS),
        seen_at__gt=now - timedelta(minutes=idle_minutes(user)),
    ).order_by("-seen_at", "-pk")
    found = list(rows)
    there = set(
        Session.objects.filter(
            session_key__in=[row.session_key for row in found], expire_date__gt=now
        ).values_list("session_key", flat=True)
    )
    return [row for row in found if row.session_key in there]


def end(*, user: User, which: int) -> bool:
    """End one sign-in of the person. False when there is none (any more), or it is another's."""
    with transaction.atomic():
        row = SignIn.objects.select_for_update().filter(user=user, pk=which).first()
        if row is None:
            return False
        Session.objects.filter(session_key=row.session_key).delete()
        row.delete()
    return True


def end_others(*, user: User, but: str | None) -> int:
    """End all sign-ins of the person but the session ``but``; how many were ended."""
    with transaction.atomic():
        others = SignIn.objects.select_for_update().filter(user=user).exclude(session_key=but)
        keys = [row.session_key for row in others]
        ended, _each = Session.objects.filter(
            session_key__in=keys, expire_date__gt=timezone.now()
        ).delete()
        SignIn.objects.filter(session_key__in=keys).delete()
    return ended


def listen() -> None:
    """Connect what follows a sign-in. Called once, when the app is ready."""
    session_began.connect(_begin)
    user_logged_in.connect(_record)
    user_logged_out.connect(_forget)
    password_changed.connect(_follow_password)
    password_reset.connect(_end_all)


def _begin(*, request: HttpRequest, **rest: Any) -> None:
    request.session[BEGAN] = request.session[SEEN] = time.time()


def _record(*, request: HttpRequest, user: User, **rest: Any) -> None:
    """By allauth, after all steps of a sign-in. What is over goes from the list."""
    now = timezone.now()
    if not request.session.session_key:
        request.session.save()
    kept = {row.pk for row in alive(user)}
    SignIn.objects.filter(user=user).exclude(pk__in=kept).delete()
    row, _is_new = SignIn.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={"user": user, "created_at": now, "seen_at": now, **_where(request)},
    )
    # The key of the session changes with the password: the row is found again by this.
    request.session[MINE] = row.pk


def _forget(*, request: HttpRequest, **rest: Any) -> None:
    if request.session.session_key:
        SignIn.objects.filter(session_key=request.session.session_key).delete()


def _follow_password(*, request: HttpRequest, user: User, **rest: Any) -> None:
    """The session of whoever changed it has another key now; Django lets all others end."""
    if not request.session.session_key:
        request.session.save()
    mine = SignIn.objects.filter(user=user, pk=request.session.get(MINE, 0))
    SignIn.objects.filter(user=user).exclude(pk__in=mine.values("pk")).delete()
    mine.update(session_key=request.session.session_key)


def _end_all(*, user: User, **rest: Any) -> None:
    end_others(user=user, but=None)
