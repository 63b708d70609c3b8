"""The overview: what the company can still spend. (First version; the page is being built.)"""

from django.http import HttpRequest, HttpResponse

from accounts.access import access_or_404


def overview(request: HttpRequest, company: str) -> HttpResponse:
    """The company at a glance."""
    access = access_or_404(request.user, company)
    return HttpResponse(access.company.name)
