"""The console's addresses and the least that a view which reads can do, signed and not."""

import stripe
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from accounts.models import Account


@login_not_required
def trivial(request: HttpRequest, pk: int) -> JsonResponse:
    """One row by its primary key."""
    account = Account.objects.get(pk=pk)
    return JsonResponse({"code": account.code, "name": account.name})


@csrf_exempt
@login_not_required
def signed(request: HttpRequest, pk: int) -> JsonResponse:
    """The same, for whoever has signed what they sent."""
    stripe.WebhookSignature.verify_header(
        request.body, request.headers["Stripe-Signature"], settings.STRIPE_WEBHOOK_SECRET, 300
    )
    return trivial(request, pk)


urlpatterns = [
    path("bench/<int:pk>", trivial),
    path("bench/signed/<int:pk>", signed),
    path("", include("console.urls")),
]
