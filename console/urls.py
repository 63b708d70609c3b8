"""Which page is where. A company's pages live under its code, so that a link can be sent on."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.views.invitations import invitation
from accounts.views.sign_in_rules import company_security
from accounts.views.view_as import view_as, view_as_stop
from console import health
from console.account_page import account_page
from console.home import home
from console.overview import overview
from reports.views.audit_log import operator_audit_log, operator_audit_log_csv
from reports.views.operator_search import operator_search

handler400 = "console.refusal.bad_request"
handler403 = "console.refusal.refusal"

urlpatterns = [
    path("", home, name="home"),
    path("auth/", include("accounts.urls")),
    path("", include("billing.api.routes")),
    path("operator/audit/", operator_audit_log, name="operator-audit-log"),
    path("operator/audit/events.csv", operator_audit_log_csv, name="operator-audit-log-csv"),
    path("operator/search/", operator_search, name="operator-search"),
    path("operator/view-as/stop/", view_as_stop, name="operator-view-as-stop"),
    path("operator/view-as/<slug:company>/<int:pk>/", view_as, name="operator-view-as"),
    path("operator/", include("billing.operator_urls")),
    path("", include("billing.gateway_urls")),
    path("accounts/<slug:company>/", overview, name="overview"),
    path("accounts/<slug:company>/security/", company_security, name="company-security"),
    path(
        "accounts/<slug:company>/subaccounts/<slug:code>/",
        account_page,
        name="subaccount-detail",
    ),
    path("accounts/<slug:company>/", include("accounts.company_urls")),
    path("invitations/<str:token>/", invitation, name="invitation"),
    path("accounts/<slug:company>/", include("billing.urls")),
    path("accounts/<slug:company>/", include("reports.urls")),
    # Answered by console.health.answer_probes already; here, so that nobody takes the addresses.
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("demo/mailbox/", include("console.mailbox_urls")),
    path(
        "favicon.ico",
        login_not_required(RedirectView.as_view(url=f"{settings.STATIC_URL}img/favicon.svg")),
    ),
]
