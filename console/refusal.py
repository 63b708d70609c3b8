"""What is answered where no view could: to a person a page, to a program a problem document."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from accounts.access import reach_or_404
from billing.api import problems
from console.requests import Answer


def refusal(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 with the sentence of ``exception``, in the shell of the company where in one."""
    context: dict[str, object] = {"exception": str(exception)}
    match = request.resolver_match
    if match and "company" in match.kwargs:
        try:
            context["access"] = reach_or_404(request.user, match.kwargs["company"])
            context["layout"] = "base.html"
        except Http404:
            pass
    return render(request, "403.html", context, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, as to a request for a foreign host."""
    if request.path.startswith("/api/"):
        return problems.answer(problems.Problem("bad-request"))
    return defaults.bad_request(request, exception)


def refuse_plain_http(get_response: Answer) -> Answer:
    """Middleware: the API is not redirected to HTTPS, as pages are, but refused.

    Its key has crossed the network in clear, and its owner must hear of it. Before anything reads
    the key; the other half is settings.SECURE_REDIRECT_EXEMPT.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        # As SecurityMiddleware compares the path, so that nothing falls between the two.
        of_api = request.path.lstrip("/").partition("/")[0] == "api"
        if settings.SECURE_SSL_REDIRECT and of_api and not request.is_secure():
            return problems.answer(problems.Problem("https-required"))
        return get_response(request)

    return middleware
