"""Invitations: sending, sending again and withdrawing one; and the page behind its link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import invitations, reauthentication
from accounts.access import Access, access_or_404
from accounts.models import Invitation, InvitationEnd, Membership, Role, User
from accounts.people_forms import InviteForm, NewPersonForm
from accounts.refusals import Refused
from accounts.role_words import ABOUT

_page = require_http_methods(["GET", "HEAD", "POST"])


@_page
def invitation_new(request: HttpRequest, company: str) -> HttpResponse:
    """Invite somebody by e-mail. ``account`` proposes one by its code. Sent twice: one mail."""
    access = access_or_404(request.user, company)
    access.require_invite_any()
    # The company first, then by name; what they inherit is read from it, without a query.
    accounts = sorted(
        access.invitable.order_by(Lower("name")), key=lambda each: not each.is_master
    )
    for account in accounts:
        account.master = access.company
    form = InviteForm(
        accounts, initial={"account": request.GET.get("account", ""), "role": Role.MEMBER}
    )
    if request.method == "POST":
        form = InviteForm(accounts, request.POST)
        asked = reauthentication.ask(request) if form.is_valid() else None
        if asked is not None:
            return asked
        answer = _invite(request, access, form) if form.is_valid() else None
        if answer is not None:
            return answer
    context = {"access": access, "company": access.company, "form": form, "accounts": accounts}
    return render(
        request, "accounts/invitation_new.html", context, status=422 if form.errors else 200
    )


def _invite(request: HttpRequest, access: Access, form: InviteForm) -> HttpResponse | None:
    typed = form.cleaned_data
    try:
        made = invitations.invite(company=access.company, **typed, by=access.user)
    except invitations.InvitedAlready as refusal:
        if refusal.invitation.role != typed["role"]:
            form.add_error(refusal.field, refusal.message)
            return None
        messages.info(request, refusal.message)
    except Refused as refusal:
        form.add_error(refusal.field, refusal.message)
        return None
    else:
        messages.success(request, _invited(made))
    return redirect("people-list", company=access.company.code)


@require_POST
def invitation_send_again(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """A new link by a new mail; the old one is dead. Sent twice: once."""

    def verb(access: Access) -> str:
        return _invited(
            invitations.send_again(company=access.company, invitation=pk, by=access.user)
        )

    return _do(request, company, pk, verb)


@require_POST
def invitation_withdraw(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """End an invitation: its link is dead. Safe to repeat."""

    def verb(access: Access) -> str:
        ended = invitations.withdraw(company=access.company, invitation=pk, by=access.user)
        return _("The invitation of %(email)s is withdrawn: its link is dead.") % {
            "email": ended.email
        }

    return _do(request, company, pk, verb)


def _do(
    request: HttpRequest, company: str, pk: int, verb: Callable[[Access], str]
) -> HttpResponse:
    """Do it, say so, and go back to the list. What one may not see is 404."""
    access = access_or_404(request.user, company)
    access.require_people()
    found = Invitation.objects.select_related("account").filter(pk=pk).first()
    if found is None or found.master_id != access.company.pk:
        raise Http404
    if not access.sees_tree and found.account_id not in access.administered:
        raise Http404
    access.require_invite(found.account)
    try:
        messages.success(request, verb(access))
    except invitations.NotOpen as refusal:
        messages.info(request, refusal.message)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("people-list", company=access.company.code)


@login_not_required
@_page
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What is offered to whoever has the link, and accepting it: as oneself, or as somebody new.

    A link that leads nowhere says why: 404 where it never did, 410 where it once did. 429 for an
    address that sends too many forms.
    """
    too_often: HttpResponse | None = ratelimit.consume_or_429(request, action="accept_invitation")
    if too_often is not None:
        return too_often
    try:
        found = invitations.find(token)
        if request.user.is_authenticated:
            return _as_oneself(request, found, token)
        if User.objects.filter(email=found.email).exists():
            return _sign_in_first(request, found)
        return _as_new(request, found, token)
    except invitations.Unusable as refusal:
        return _unusable(request, refusal)
    except invitations.WrongPerson as refusal:
        context = {"message": refusal.message}
        return render(request, "accounts/invitation_unusable.html", context, status=403)


def _as_oneself(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101 - for mypy
    invitations.require_addressee(found, request.user)
    if request.method == "POST":
        return _welcome(request, invitations.accept(token=token, user=request.user))
    return render(request, "accounts/invitation.html", _context(found))


def _sign_in_first(request: HttpRequest, found: Invitation) -> HttpResponse:
    sign_in = f"{reverse('account_login')}?{urlencode({'next': request.path})}"
    if request.method == "POST":
        return redirect(sign_in)
    return render(request, "accounts/invitation.html", _context(found) | {"sign_in": sign_in})


def _as_new(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    form = NewPersonForm(found.email)
    if request.method == "POST":
        form = NewPersonForm(found.email, request.POST)
        if form.is_valid():
            try:
                made = invitations.accept_as_new(
                    token=token,
                    name=form.cleaned_data["name"],
                    password=form.cleaned_data["password1"],
                )
            except invitations.SignInFirst:
                return _sign_in_first(request, found)
            answer = _welcome(request, made)
            # Chosen a moment ago, and proof of who they are as after any sign-in with it: what
            # a newcomer does first, a second factor, does not ask for it again.
            record_authentication(request, made.user, method="password", email=made.user.email)
            # By the way that every sign-in takes; the address was verified by the mail.
            signed_in: HttpResponse = perform_login(
                request, made.user, redirect_url=answer["Location"]
            )
            return signed_in
    context = _context(found) | {"form": form}
    return render(request, "accounts/invitation.html", context, status=422 if form.errors else 200)


def _unusable(request: HttpRequest, refusal: invitations.Unusable) -> HttpResponse:
    """Why; or, to who has accepted it, where it has led."""
    ended = refusal.invitation
    if (
        ended is not None
        and ended.ended == InvitationEnd.ACCEPTED
        and request.user.is_authenticated
        and ended.ended_by_id == request.user.pk
    ):
        messages.info(request, _("You have accepted this invitation already."))
        return redirect("home")
    context = {"message": refusal.message}
    status = 410 if refusal.is_known else 404
    return render(request, "accounts/invitation_unusable.html", context, status=status)


def _welcome(request: HttpRequest, made: Membership) -> HttpResponse:
    company = made.account.company
    messages.success(
        request,
        _("Welcome to %(company)s: you belong to %(account)s, as: %(role)s.")
        % {
            "company": company.name,
            "account": made.account.name,
            "role": Role(made.role).label,
        },
    )
    return redirect("overview", company=company.code)


def _invited(made: Invitation) -> str:
    return _("%(email)s is invited: a mail with a link, valid for 7 days, is on its way.") % {
        "email": made.email
    }


def _context(found: Invitation) -> dict[str, Any]:
    return {
        "invitation": found,
        "account": found.account,
        "company": found.account.company,
        "about": ABOUT[Role(found.role)],
    }
