"""Prove once more who you are: before what a thief of an open browser must not do.

A proof is fresh for ten minutes. Whoever has a second factor proves with it (a code, a recovery
code or a passkey), everyone else with the password; a sign-in that used it is a proof, too.

A form that was sent is kept meanwhile, in the session, and sent once more after the proof, to the
address it was sent to: forms carry their key, so that nothing happens twice. A file is not kept;
it has to be chosen again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import stash_and_reauthenticate
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from accounts import second_factor

if TYPE_CHECKING:
    from accounts.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

# What waits in the session to be sent once more.
WAITING = "form_to_send_again"
# From the proof to the page that sends it: a redirect, no more.
PATIENCE = 60


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person has proved who they are within the last ten minutes."""
    if not request.user.is_authenticated:
        return False
    wanted = "mfa" if second_factor.has_one(request.user) else "password"
    since = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return any(
        record["method"] == wanted and record["at"] > since
        for record in get_authentication_records(request, request.user)
    )


def ask(request: HttpRequest) -> HttpResponse | None:
    """None when the proof is fresh; else the redirect to where it is given.

    For views that know only from the form whether they must ask. What was sent comes back.
    """
    if is_fresh(request):
        return None
    state = {"path": request.get_full_path(), "at": time.time(), "body": None}
    if request.method == "POST" and not request.FILES:
        state["body"] = request.POST.urlencode()
    ways = get_adapter().get_reauthentication_methods(request.user)
    if not ways:
        raise PermissionDenied(_("You have no password yet: reset it first, and sign in with it."))
    stash_and_reauthenticate(request, state, "accounts.reauthentication.resume")
    return redirect(ways[0]["url"])


def fresh_proof_required(
    *, of: Callable[[User | AnonymousUser], object] | None = None
) -> Callable[[View[P]], View[P]]:
    """Decorate a view so that what is POSTed to it needs a fresh proof; looking does not.

    ``of`` is asked first, and raises Http404 for those for whom there is nothing here.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method == "POST":
                if of is not None:
                    of(request.user)
                asked = ask(request)
                if asked is not None:
                    return asked
            return view(request, *args, **kwargs)

        return cast(View[P], guarded)

    return decorate


def resume(request: HttpRequest, state: dict[str, Any]) -> HttpResponse:
    """Called by allauth after the proof: back to where the form was sent.

    A proof that was asked for by another page (allauth's name the page, ours do not) sends
    nothing: else what a thief has left waiting in an open browser would be sent by its owner, who
    proves who they are for something of their own.
    """
    elsewhere = get_next_redirect_url(request)
    if elsewhere:
        return redirect(elsewhere)
    if time.time() - state["at"] > settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
        messages.info(request, _("That took long, so nothing was sent. Look at it, and send it."))
    elif state["body"] is None:
        messages.info(request, _("Thank you. Choose the file again, and send it."))
    else:
        request.session[WAITING] = state | {"at": time.time()}
    return redirect(state["path"])


class ReplayMiddleware:
    """Sends the form that waits, when its own page is opened right after the proof. Once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *about: Any) -> None:
        """Make the GET the POST that it was. The token was checked when it first came.

        Another page means that the person went elsewhere; fragments of one that is open do not.
        """
        is_page = getattr(about[0], "login_required", True) and "HX-Request" not in request.headers
        if request.method != "GET" or not is_page or not request.user.is_authenticated:
            return
        waiting = request.session.get(WAITING)
        if waiting is None:
            return
        del request.session[WAITING]
        is_here = waiting["path"] == request.get_full_path()
        if is_here and time.time() - waiting["at"] < PATIENCE and is_fresh(request):
            request.method = "POST"
            request.POST = QueryDict(waiting["body"])
            request._files = MultiValueDict()  # type: ignore[attr-defined]


def listen() -> None:
    """Connect what follows. Called once, when the app is ready."""
    authenticator_added.connect(_note_new_factor)


def _note_new_factor(
    *, request: HttpRequest, user: User, authenticator: Authenticator, **rest: Any
) -> None:
    """Setting up a factor needs a fresh proof, and shows that one has it: a proof itself."""
    if authenticator.type in second_factor.FACTORS:
        record_authentication(
            request,
            user,
            "mfa",
            id=authenticator.pk,
            type=authenticator.type,
            reauthenticated=True,
        )
