"""The front door: to one's company or a choice among several; for operators, what waits."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.models import Account

# As many as one can look through.
MANY = 200


def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the only company the person belongs to, else list them by name.

    Operators, who see them all, go to their own pages: what waits, and a search.
    """
    if request.user.is_authenticated and request.user.is_staff:
        return redirect("operator-home")
    companies = list(Account.objects.companies_of(request.user).order_by("name")[: MANY + 1])
    if len(companies) == 1:
        return redirect("overview", company=companies[0].code)
    return render(
        request,
        "console/home.html",
        {"companies": companies[:MANY], "more": len(companies) > MANY},
    )
