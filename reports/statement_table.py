"""The movements of a statement, as banks list them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from reports.tables import TransactionTable


class StatementTable(TransactionTable):
    """As the transactions, the oldest first: from the opening balance to the closing one."""

    caption = gettext_lazy("Movements, oldest first")

    class Meta(TransactionTable.Meta):
        pass
