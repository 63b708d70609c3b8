"""Pages of reports."""

from django.urls import path

from reports.views import audit_log, saved_views, transaction_detail, transaction_list

urlpatterns = [
    path("audit/", audit_log.audit_log, name="audit-log"),
    path("audit/events.csv", audit_log.audit_log_csv, name="audit-log-csv"),
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
