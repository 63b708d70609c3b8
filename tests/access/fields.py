"""Every field and parameter that names a thing by its id or code, in one table.

``FIELDS``: the page (``route METHOD``), the field, what it names, and for whom it is tried. Parts
of addresses are found from the routes: see ``PARTS``. A field that stands in neither table, nor in
``NAMES_NOTHING``, fails the test that reads the forms and views.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Field(NamedTuple):
    """``asks``: how it is sent. ``within``: the parameter is itself a query string's."""

    page: str
    name: str
    kind: str
    asks: str = "admin subadmin"
    within: str = ""


FIELDS = [
    Field("alert-list GET", "before", "notice"),
    Field("alert-new GET", "account", "code"),
    Field("alert-new POST", "recipients", "user"),
    Field("alert-new@choose GET", "of", "account"),
    Field("alert-edit POST", "recipients", "user"),
    Field("audit-log GET", "account", "account", "admin"),
    Field("audit-log GET", "before", "event", "admin"),
    Field("audit-log-csv GET", "account", "account", "admin"),
    Field("invitation-new GET", "account", "code"),
    Field("invitation-new POST", "account", "code"),
    Field("notice-seen-all POST", "upto", "notice"),
    Field("payment-list GET", "account", "account"),
    Field("payment-list GET", "before", "payment"),
    Field("payment-list GET", "after", "payment"),
    Field("payment-new GET", "account", "account"),
    Field("payment-new GET", "method", "method"),
    Field("payment-preview GET", "account", "account"),
    Field("payment-preview GET", "method", "method"),
    Field("payment-review GET", "account", "account"),
    Field("payment-review GET", "method", "method"),
    Field("payment-start POST", "account", "account"),
    Field("payment-start POST", "method", "method"),
    Field("payment-start POST", "key", "payment key"),
    Field("statement-list GET", "account", "code"),
    Field("statement-activity GET", "account", "code"),
    Field("statement-activity GET", "cursor", "entry"),
    Field("statement-issue POST", "account", "code"),
    Field("transaction-list GET", "account", "account"),
    Field("transaction-list GET", "by", "user"),
    Field("transaction-list GET", "statement", "statement"),
    Field("transaction-list GET", "cursor", "entry"),
    Field("transaction-totals GET", "account", "account"),
    Field("transaction-totals GET", "by", "user"),
    Field("transaction-totals GET", "statement", "statement"),
    Field("view-save POST", "account", "account", within="?"),
    Field("export-new POST", "account", "account", within="query"),
    Field("export-new POST", "by", "user", within="query"),
    Field("export-new POST", "statement", "statement", within="query"),
    Field("transfer-list GET", "account", "account"),
    Field("transfer-list GET", "by", "user"),
    Field("transfer-list GET", "before", "transfer"),
    Field("transfer-new GET", "from", "account", "admin"),
    Field("transfer-new GET", "to", "account", "admin"),
    Field("transfer-new POST", "from", "account", "admin"),
    Field("transfer-new POST", "to", "account", "admin"),
    Field("transfer-new POST", "key", "transfer key", "admin"),
    Field("transfer-preview GET", "from", "account", "admin"),
    Field("transfer-preview GET", "to", "account", "admin"),
    Field("transfer-many GET", "from", "account", "admin"),
    Field("transfer-many POST", "from", "account", "admin"),
    Field("transfer-many POST", "accounts", "code", "admin"),
    Field("transfer-many@table POST", "table", "line", "admin"),
    Field("transfer-many-send POST", "from", "account", "admin"),
    Field("transfer-many-send POST", "lines", "line", "admin"),
    Field("transfer-reverse POST", "key", "transfer key", "admin"),
    # Operators see every company, but what they do to one is about its own things only.
    Field("operator-account-admin@again POST", "invitation", "invitation", "operator"),
    Field("operator-adjust GET", "account", "code", "operator"),
    Field("operator-adjust POST", "account", "account", "operator"),
    Field("operator-adjust POST", "key", "approval key", "operator"),
    Field("operator-adjust-preview GET", "account", "account", "operator"),
    # Of no company: only what is no id at all can be wrong here.
    Field("operator-account-list GET", "after", "company", "operator"),
    Field("operator-adjustment-list GET", "company", "company", "operator"),
    Field("operator-adjustment-list GET", "before", "place", "operator"),
    Field("operator-adjustment-undo POST", "key", "approval key", "operator"),
    Field("operator-approval-list GET", "after", "approval", "operator"),
    Field("operator-approval-list GET", "before", "approval", "operator"),
    Field("operator-audit-log GET", "before", "event", "operator"),
    Field("operator-bank-transfer-list GET", "before", "payment", "operator"),
    Field("operator-refund-list GET", "after", "refund", "operator"),
    Field("operator-refund-new POST", "key", "refund key", "operator"),
    Field("operator-review@same POST", "same_as", "arrival", "operator"),
    Field("operator-review-list GET", "after", "arrival", "operator"),
    Field("operator-line-assign POST", "reference", "reference", "operator"),
    Field("operator-statement GET", "after", "line", "operator"),
    Field("operator-statement-list GET", "before", "bank statement", "operator"),
]

# By parameter, or by route and parameter: what a part of an address names.
PARTS = {
    "company": "company",
    "code": "code",
    "prefix": "prefix",
    "number": "statement",
    "alert-edit pk": "alert",
    "alert-delete pk": "alert",
    "notice-seen pk": "notice",
    "payment-detail pk": "payment",
    "payment-state pk": "payment",
    "payment-continue pk": "payment",
    "payment-cancel pk": "payment",
    "payment-receipt pk": "payment",
    "transfer-detail pk": "transfer",
    "transfer-batch pk": "batch",
    "transfer-reverse pk": "transfer",
    "transfer-reverse-preview pk": "transfer",
    "transaction-detail key": "entry",
    "view-delete pk": "view",
    "export-file pk": "export",
    "export-cancel pk": "export",
    "export-again pk": "export",
    "invitation-send-again pk": "invitation",
    "invitation-withdraw pk": "invitation",
    "operator-view-as pk": "user",
    "person-role pk": "membership",
    "person-remove pk": "membership",
}

# What the API takes, by where and its name, or with its operation before: what it names. A field
# of a body stands with those around it.
API_FIELDS = {
    "path master": "company",
    "path account": "code",
    "path hold": "hold",
    "subaccounts query after": "code",
    "header Idempotency-Key": "reference",
    "body charges.account": "code",
    "body charges.reference": "reference",
    # The seq of an entry: a place among those of the account.
    "entries query after": "",
}
API_NAMES_NOTHING = {
    "path slug",
    "query at",
    "query limit",
    *(
        f"body {around}{name}"
        for around in ("", "charges.")
        for name in ("amount", "description", "enforce_limit", "occurred_at")
    ),
    "body expires_in",
    "body final",
}

# Read somewhere, and names no row: amounts, days, words, places in a list, figures once shown.
NAMES_NOTHING = frozenset(
    re.findall(
        r"\w+",
        """
    action amount amount_max amount_min anyway arrived_on back cap chart code columns
    confirm_above country credential csrfmiddlewaretoken currency date_from date_to day days
    direction do email fee_fixed fee_percent form format is_enabled kind limit lines_per_page
    login max max_amount min min_amount mode movements n name needs_second_factor next note of
    oldpassword outcome page password password1 password2 passwordless past_limit person preset
    preview proposed q query reason reference remember role scopes show shown side sort state
    status step swap tag take_away target text threshold time time_zone to told totals username
    way why words year
    """,
    )
)
