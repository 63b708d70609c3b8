"""What a person reads who may see a page of a company but not do what it is for."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.access import access_or_404


def refusal(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 with the sentence of ``exception``, in the shell of the company where in one."""
    context: dict[str, object] = {"exception": str(exception)}
    match = request.resolver_match
    if match and "company" in match.kwargs:
        try:
            context["access"] = access_or_404(request.user, match.kwargs["company"])
            context["layout"] = "base.html"
        except Http404:
            pass
    return render(request, "403.html", context, status=403)
