"""Pages of reports."""

from django.urls import path

from reports.views import exports, transaction_list

urlpatterns = [
    path("transactions/", transaction_list.transaction_list, name="transaction-list"),
    path("exports/", exports.export_list, name="export-list"),
    path("exports/new/", exports.export_new, name="export-new"),
    path("exports/<uuid:pk>/file/", exports.export_file, name="export-file"),
    path("exports/<uuid:pk>/cancel/", exports.export_cancel, name="export-cancel"),
    path("exports/<uuid:pk>/again/", exports.export_again, name="export-again"),
]
