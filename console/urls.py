"""Which page is where. A company's pages live under its code, so that a link can be sent on."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.views.sign_in_rules import company_security
from console.account_page import account_page
from console.home import home
from console.overview import overview

handler400 = "console.refusal.bad_request"
handler403 = "console.refusal.refusal"

urlpatterns = [
    path("", home, name="home"),
    path("auth/", include("accounts.urls")),
    path("", include("billing.api.routes")),
    path("operator/", include("billing.operator_urls")),
    path("", include("billing.gateway_urls")),
    path("accounts/<slug:company>/", overview, name="overview"),
    path("accounts/<slug:company>/security/", company_security, name="company-security"),
    path(
        "accounts/<slug:company>/subaccounts/<slug:code>/",
        account_page,
        name="subaccount-detail",
    ),
    path("accounts/<slug:company>/", include("billing.urls")),
    path("accounts/<slug:company>/", include("reports.urls")),
    path(
        "favicon.ico",
        login_not_required(RedirectView.as_view(url=f"{settings.STATIC_URL}img/favicon.svg")),
    ),
]
