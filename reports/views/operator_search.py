"""The operators' search: one box for all companies."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import operator_or_404
from reports.search import LONGEST, MOST, search, without_secret


@require_safe
def operator_search(request: HttpRequest) -> HttpResponse:
    """What ``q`` names in all companies, in groups; without ``q`` only the box."""
    operator_or_404(request.user)
    query = without_secret(request.GET.get("q", "").strip())
    trouble = ""
    if len(query) > LONGEST:
        trouble = _("Search for at most %(most)d characters; these are %(count)d.") % {
            "most": LONGEST,
            "count": len(query),
        }
    elif not query.isprintable():
        trouble = _("Search for letters, digits and signs that can be seen, in one line.")
    context = {
        "query": "".join(sign if sign.isprintable() else " " for sign in query),
        "groups": search(query) if query and not trouble else [],
        "most": MOST,
        "longest": LONGEST,
        "trouble": trouble,
    }
    return render(request, "operator/search.html", context, status=422 if trouble else 200)
