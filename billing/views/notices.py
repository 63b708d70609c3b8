"""Notices: noting that a person has seen them. They are shown by ``alert_list``."""

from __future__ import annotations

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts.access import access_or_404
from billing import notices


@require_POST
def notice_seen(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """The person has seen this one. Safe to repeat, and for who was not told it does nothing."""
    access = access_or_404(request.user, company)
    notice = get_object_or_404(notices.visible(access), pk=pk)
    notices.mark_seen(access, notice=notice)
    return redirect("alert-list", company=company)


@require_POST
def notice_seen_all(request: HttpRequest, company: str) -> HttpResponse:
    """The person has seen all up to ``upto``: one that came meanwhile stays new."""
    access = access_or_404(request.user, company)
    upto = request.POST.get("upto", "")
    if not re.fullmatch(r"[1-9][0-9]{0,17}", upto, re.ASCII):
        raise Http404
    notices.mark_seen(access, upto=int(upto))
    return redirect("alert-list", company=company)
