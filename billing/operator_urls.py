"""Pages of the platform's operators, across all companies."""

from django.urls import path

from billing.views import (
    operator_account,
    operator_account_changes,
    operator_accounts,
    operator_adjustments,
    operator_approvals,
    operator_bank_transfers,
    operator_home,
    operator_methods,
    operator_payment,
    operator_refunds,
    operator_review,
    operator_statements,
)

urlpatterns = [
    path("", operator_home.operator_home, name="operator-home"),
    path("accounts/", operator_accounts.account_list, name="operator-account-list"),
    # No master account has this code: see ``billing.company_forms``.
    path("accounts/new/", operator_accounts.account_new, name="operator-account-new"),
    path("accounts/<slug:company>/", operator_account.account, name="operator-account"),
    path(
        "accounts/<slug:company>/edit/",
        operator_account_changes.account_edit,
        name="operator-account-edit",
    ),
    path(
        "accounts/<slug:company>/admin/",
        operator_account_changes.account_admin,
        name="operator-account-admin",
    ),
    path(
        "accounts/<slug:company>/limit/<slug:code>/",
        operator_account_changes.account_limit,
        name="operator-account-limit",
    ),
    path(
        "accounts/<slug:company>/limit/<slug:code>/preview/",
        operator_account_changes.account_limit_preview,
        name="operator-account-limit-preview",
    ),
    path(
        "accounts/<slug:company>/suspend/<slug:code>/",
        operator_account_changes.account_suspend,
        name="operator-account-suspend",
    ),
    path(
        "accounts/<slug:company>/restore/<slug:code>/",
        operator_account_changes.account_restore,
        name="operator-account-restore",
    ),
    path("review/", operator_review.review_list, name="operator-review-list"),
    path("review/<int:pk>/", operator_review.review, name="operator-review"),
    path(
        "bank-transfers/",
        operator_bank_transfers.bank_transfer_list,
        name="operator-bank-transfer-list",
    ),
    path(
        "bank-transfers/<uuid:pk>/confirm/",
        operator_bank_transfers.bank_transfer_confirm,
        name="operator-bank-transfer-confirm",
    ),
    path("payments/<uuid:pk>/", operator_payment.payment, name="operator-payment"),
    path(
        "payments/<uuid:pk>/refund/",
        operator_refunds.refund_new,
        name="operator-refund-new",
    ),
    path("refunds/", operator_refunds.refund_list, name="operator-refund-list"),
    path("refunds/<uuid:pk>/", operator_refunds.refund_end, name="operator-refund-end"),
    path("statements/", operator_statements.statement_list, name="operator-statement-list"),
    path("statements/<int:pk>/", operator_statements.statement, name="operator-statement"),
    path(
        "statements/<int:pk>/progress/",
        operator_statements.statement_progress,
        name="operator-statement-progress",
    ),
    path(
        "statements/<int:pk>/go-on/",
        operator_statements.statement_go_on,
        name="operator-statement-go-on",
    ),
    path(
        "statements/lines/<int:pk>/assign/",
        operator_statements.line_assign,
        name="operator-line-assign",
    ),
    path("accounts/<slug:company>/adjust/", operator_adjustments.adjust, name="operator-adjust"),
    path(
        "accounts/<slug:company>/adjust/preview/",
        operator_adjustments.adjust_preview,
        name="operator-adjust-preview",
    ),
    path("adjustments/", operator_adjustments.adjustment_list, name="operator-adjustment-list"),
    path(
        "adjustments/<slug:place>/undo/",
        operator_adjustments.adjustment_undo,
        name="operator-adjustment-undo",
    ),
    path("approvals/", operator_approvals.approval_list, name="operator-approval-list"),
    path("approvals/<int:pk>/", operator_approvals.approval, name="operator-approval"),
    path("methods/", operator_methods.method_list, name="operator-method-list"),
    path("methods/<int:pk>/", operator_methods.method_edit, name="operator-method-edit"),
]
