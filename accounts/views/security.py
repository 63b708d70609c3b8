"""A person's own security: password, second factors, and where they are signed in."""

from __future__ import annotations

from typing import cast

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import flows
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit, reauthentication, second_factor, sign_ins
from accounts.adapter import SecondFactorAdapter
from accounts.audit_actions import AuditAction
from accounts.devices import device
from accounts.models import SignIn, User


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """All of it on one page. Each thing is changed on a page of its own."""
    user = cast(User, request.user)
    factors = list(Authenticator.objects.filter(user=user).order_by("created_at", "pk"))
    kept = {factor.type: factor for factor in factors}
    codes = kept.get(Authenticator.Type.RECOVERY_CODES)
    here = request.session.session_key
    rows = [
        {"row": row, "device": device(row.user_agent), "is_here": row.session_key == here}
        for row in sign_ins.alive(user)
    ]
    has_factor = any(factor.type in second_factor.FACTORS for factor in factors)
    wanted = second_factor.who_needs(user)
    context = {
        "app": kept.get(Authenticator.Type.TOTP),
        "passkeys": [each for each in factors if each.type == Authenticator.Type.WEBAUTHN],
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
        "has_codes": codes is not None,
        "has_factor": has_factor,
        "wanted": wanted,
        "rows": sorted(rows, key=lambda told: not told["is_here"]),
        "others": sum(not told["is_here"] for told in rows),
    }
    return render(request, "accounts/security.html", context)


@require_POST
def sign_in_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out one browser. Whoever ends the one they sit at is signed out."""
    user = cast(User, request.user)
    row = SignIn.objects.filter(pk=pk).first()
    if row is not None and row.user_id != user.pk:
        raise Http404
    if row is not None and row.session_key == request.session.session_key:
        return redirect("account_logout")
    if sign_ins.end(user=user, which=pk):
        audit.record_for_person(action=AuditAction.SIGNED_OUT_ELSEWHERE, whom=user, by=user)
        messages.success(request, _("That browser is signed out."))
    else:
        messages.info(request, _("That browser was signed out already."))
    return redirect("security")


@require_POST
def sign_ins_end_others(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    user = cast(User, request.user)
    ended = sign_ins.end_others(user=user, but=request.session.session_key)
    if ended:
        audit.record_for_person(action=AuditAction.SIGNED_OUT_ELSEWHERE, whom=user, by=user)
    if ended:
        messages.success(
            request,
            ngettext(
                "%(count)d other browser is signed out.",
                "%(count)d other browsers are signed out.",
                ended,
            )
            % {"count": ended},
        )
    else:
        messages.info(request, _("You are signed in nowhere else."))
    return redirect("security")


@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication.fresh_proof_required()
def passkey_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a passkey away, unless it is the last factor of somebody who needs one."""
    mine = Authenticator.objects.filter(user=request.user, type=Authenticator.Type.WEBAUTHN)
    if request.method != "POST":
        return render(
            request, "mfa/webauthn/remove.html", {"passkey": get_object_or_404(mine, pk=pk)}
        )
    passkey = mine.filter(pk=pk).first()
    if passkey is None:
        if Authenticator.objects.filter(pk=pk).exists():
            raise Http404
        messages.info(request, _("That passkey was removed already."))
    elif not SecondFactorAdapter().can_delete_authenticator(passkey):
        messages.error(request, SecondFactorAdapter.error_messages["cannot_delete_authenticator"])
    else:
        # Allauth's own measure asks for a proof, too: it is the one that was given.
        flows.remove_authenticators(request, [passkey])
    return redirect("security")
