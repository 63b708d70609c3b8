"""Pages of reports."""

from django.urls import path

from reports.views import saved_views, transaction_detail, transaction_list

urlpatterns = [
    path("transactions/", transaction_list.transaction_list, name="transaction-list"),
    path("transactions/totals/", transaction_list.transaction_totals, name="transaction-totals"),
    path("transactions/views/save/", saved_views.view_save, name="view-save"),
    path("transactions/views/<int:pk>/delete/", saved_views.view_delete, name="view-delete"),
    path(
        "transactions/<str:key>/",
        transaction_detail.transaction_detail,
        name="transaction-detail",
    ),
]
