"""Pages of billing, under a company's address."""

from django.urls import path

from billing.views import transfers

urlpatterns = [
    path("transfers/", transfers.transfer_list, name="transfer-list"),
    path("transfers/new/", transfers.transfer_new, name="transfer-new"),
    path("transfers/preview/", transfers.transfer_preview, name="transfer-preview"),
    path("transfers/<int:pk>/", transfers.transfer_detail, name="transfer-detail"),
]
