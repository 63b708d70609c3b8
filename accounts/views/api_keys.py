"""A company's keys of the API: which there are, making one, revoking one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import api_keys, reauthentication
from accounts.access import Access, access_or_404
from accounts.api_key_forms import KeyForm
from accounts.models import ApiKey, Scope
from accounts.refusals import Refused

# Those that were revoked stay for ever; the page shows the latest.
MOST_REVOKED = 100

_page = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def api_key_list(request: HttpRequest, company: str) -> HttpResponse:
    """The keys of the company, the newest first; then those that were revoked."""
    access = access_or_404(request.user, company)
    access.require_keys()
    keys = ApiKey.objects.filter(master=access.company).select_related("created_by")
    context = {
        "access": access,
        "company": access.company,
        "keys": _rows(keys.filter(revoked_at__isnull=True).order_by("-created_at", "-pk")),
        "revoked": _rows(
            keys.filter(revoked_at__isnull=False).order_by("-revoked_at", "-pk")[:MOST_REVOKED]
        ),
    }
    return render(request, "accounts/api_key_list.html", context)


@_page
def api_key_new(request: HttpRequest, company: str) -> HttpResponse:
    """Make a key. It stands in this one answer, which nothing keeps, and nowhere else.

    So there is no redirect; the same form sent again makes no second key and shows none.
    """
    access = access_or_404(request.user, company)
    access.require_keys()
    access.require_make_keys()
    form = KeyForm()
    if request.method == "POST":
        form = KeyForm(request.POST)
        if form.is_valid():
            asked = reauthentication.ask(request)
            if asked is not None:
                return asked
            try:
                row, key = api_keys.create(
                    **form.cleaned_data, master=access.company, by=access.user
                )
            except api_keys.KeyMadeAlready as refusal:
                messages.info(request, refusal.message)
                return redirect("api-key-list", company=access.company.code)
            except Refused as refusal:
                form.add_error(refusal.field, refusal.message)
            else:
                context = {"access": access, "company": access.company, "row": row, "key": key}
                answer = render(request, "accounts/api_key_made.html", context)
                answer.headers["Cache-Control"] = "private, no-store"
                return answer
        form.renew()
    context = {"access": access, "company": access.company, "form": form}
    return render(
        request, "accounts/api_key_new.html", context, status=422 if form.errors else 200
    )


@_page
def api_key_revoke(request: HttpRequest, company: str, prefix: str) -> HttpResponse:
    """Say what will happen, and revoke the key for good. Safe to repeat."""
    access = access_or_404(request.user, company)
    access.require_keys()
    key = ApiKey.objects.filter(master=access.company, prefix=prefix).first()
    if key is None:
        raise Http404
    access.require_make_keys()
    if request.method == "POST" and not key.revoked_at:
        asked = reauthentication.ask(request)
        if asked is not None:
            return asked
    if request.method == "POST" or key.revoked_at:
        return _revoke(request, access, key)
    context = {"access": access, "company": access.company, "key": key}
    return render(request, "accounts/api_key_revoke.html", context)


def _revoke(request: HttpRequest, access: Access, key: ApiKey) -> HttpResponse:
    words = {"prefix": key.prefix, "name": key.name}
    if key.revoked_at:
        messages.info(request, _("The key %(prefix)s (%(name)s) was revoked already.") % words)
    else:
        api_keys.revoke(prefix=key.prefix, by=access.user)
        messages.success(
            request,
            _("The key %(prefix)s (%(name)s) is revoked: it is refused from now on.") % words,
        )
    return redirect("api-key-list", company=access.company.code)


def _rows(keys: QuerySet[ApiKey]) -> list[dict[str, Any]]:
    return [{"key": key, "scopes": [Scope(each).label for each in key.scopes]} for key in keys]
