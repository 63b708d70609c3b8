"""The console's addresses and one more: the least that a view which reads can do."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from accounts.models import Account


@login_not_required
def trivial(request: HttpRequest, pk: int) -> JsonResponse:
    """One row by its primary key."""
    account = Account.objects.get(pk=pk)
    return JsonResponse({"code": account.code, "name": account.name})


urlpatterns = [path("bench/<int:pk>", trivial), path("", include("console.urls"))]
