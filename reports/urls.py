"""Pages of reports."""

from django.urls import path

from reports.views import (
    audit_log,
    exports,
    saved_views,
    statement_activity,
    statement_detail,
    statement_list,
    summary,
    transaction_detail,
    transaction_list,
)

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
    path("summary/", summary.spending_summary, name="summary"),
    path("statements/", statement_list.statement_list, name="statement-list"),
    path("statements/activity/", statement_activity.statement_activity, name="statement-activity"),
    path("statements/issue/", statement_activity.statement_issue, name="statement-issue"),
    path("statements/<str:number>/", statement_detail.statement_detail, name="statement-detail"),
    path(
        "statements/<str:number>/statement.pdf",
        statement_detail.statement_pdf,
        name="statement-pdf",
    ),
    path(
        "statements/<str:number>/statement.csv",
        statement_detail.statement_file,
        name="statement-file",
    ),
    path("exports/", exports.export_list, name="export-list"),
    path("exports/new/", exports.export_new, name="export-new"),
    path("exports/<uuid:pk>/file/", exports.export_file, name="export-file"),
    path("exports/<uuid:pk>/cancel/", exports.export_cancel, name="export-cancel"),
    path("exports/<uuid:pk>/again/", exports.export_again, name="export-again"),
]
