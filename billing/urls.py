"""Pages of billing, under a company's address."""

from django.urls import path

from billing.views import (
    alerts,
    as_of,
    notices,
    payment_detail,
    payment_list,
    payment_new,
    payment_receipt,
    subaccount_cap,
    subaccount_changes,
    subaccounts,
    transfer_batch,
    transfer_detail,
    transfer_list,
    transfer_many,
    transfer_new,
    transfer_reverse,
)

urlpatterns = [
    path("alerts/", alerts.alert_list, name="alert-list"),
    path("alerts/new/", alerts.alert_new, name="alert-new"),
    path("alerts/<int:pk>/edit/", alerts.alert_edit, name="alert-edit"),
    path("alerts/<int:pk>/delete/", alerts.alert_delete, name="alert-delete"),
    path("alerts/notices/seen/", notices.notice_seen_all, name="notice-seen-all"),
    path("alerts/notices/<int:pk>/seen/", notices.notice_seen, name="notice-seen"),
    path("payments/", payment_list.payment_list, name="payment-list"),
    path("payments/new/", payment_new.payment_new, name="payment-new"),
    path("payments/preview/", payment_new.payment_preview, name="payment-preview"),
    path("payments/review/", payment_new.payment_review, name="payment-review"),
    path("payments/start/", payment_new.payment_start, name="payment-start"),
    path("payments/<uuid:pk>/", payment_detail.payment_detail, name="payment-detail"),
    path("payments/<uuid:pk>/state/", payment_detail.payment_state, name="payment-state"),
    path("payments/<uuid:pk>/continue/", payment_detail.payment_continue, name="payment-continue"),
    path("payments/<uuid:pk>/cancel/", payment_detail.payment_cancel, name="payment-cancel"),
    path(
        "payments/<uuid:pk>/receipts/<slug:number>.pdf",
        payment_receipt.payment_receipt,
        name="payment-receipt",
    ),
    path("subaccounts/", subaccounts.subaccount_list, name="subaccount-list"),
    # Not below subaccounts/, where each account has its code.
    path("new-subaccount/", subaccounts.subaccount_new, name="subaccount-new"),
    path("new-subaccount/code/", subaccounts.subaccount_code, name="subaccount-code"),
    path(
        "subaccounts/<slug:code>/rename/",
        subaccounts.subaccount_rename,
        name="subaccount-rename",
    ),
    path(
        "subaccounts/<slug:code>/mode/",
        subaccount_changes.subaccount_mode,
        name="subaccount-mode",
    ),
    path(
        "subaccounts/<slug:code>/cap/",
        subaccount_cap.subaccount_cap,
        name="subaccount-cap",
    ),
    path(
        "subaccounts/<slug:code>/cap/preview/",
        subaccount_cap.subaccount_cap_preview,
        name="subaccount-cap-preview",
    ),
    path(
        "subaccounts/<slug:code>/suspend/",
        subaccount_changes.subaccount_suspend,
        name="subaccount-suspend",
    ),
    path(
        "subaccounts/<slug:code>/restore/",
        subaccount_changes.subaccount_restore,
        name="subaccount-restore",
    ),
    path(
        "subaccounts/<slug:code>/close/",
        subaccount_changes.subaccount_close,
        name="subaccount-close",
    ),
    path("subaccounts/<slug:code>/as-of/", as_of.balance_as_of, name="balance-as-of"),
    path("transfers/", transfer_list.transfer_list, name="transfer-list"),
    path("transfers/new/", transfer_new.transfer_new, name="transfer-new"),
    path("transfers/preview/", transfer_new.transfer_preview, name="transfer-preview"),
    path("transfers/many/", transfer_many.transfer_many, name="transfer-many"),
    path("transfers/many/send/", transfer_many.transfer_many_send, name="transfer-many-send"),
    path("transfers/many/<int:pk>/", transfer_batch.transfer_batch, name="transfer-batch"),
    path("transfers/<int:pk>/", transfer_detail.transfer_detail, name="transfer-detail"),
    path(
        "transfers/<int:pk>/reverse/", transfer_reverse.transfer_reverse, name="transfer-reverse"
    ),
    path(
        "transfers/<int:pk>/reverse/preview/",
        transfer_reverse.transfer_reverse_preview,
        name="transfer-reverse-preview",
    ),
]
