"""What is answered where no view could: to a person a page, to a program a problem document."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from accounts.access import access_or_404
from billing.api import problems


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


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, as to a request for a foreign host."""
    if request.path.startswith("/api/"):
        return problems.answer(problems.Problem("bad-request"))
    return defaults.bad_request(request, exception)
