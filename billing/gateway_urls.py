"""Where gateways tell us what happened; they know nothing of companies."""

from django.urls import path

from billing.views import webhooks

urlpatterns = [path("gateways/<slug:name>/webhook/", webhooks.webhook, name="gateway-webhook")]
