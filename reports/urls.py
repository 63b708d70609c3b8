"""Pages of reports."""

from django.urls import path

from reports.views import transaction_list

urlpatterns = [
    path("transactions/", transaction_list.transaction_list, name="transaction-list"),
]
