"""Keep a selection under a name, and forget it again."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.models import Account, User
from reports.models import SavedView
from reports.models.saved_views import LONGEST_QUERY, MOST

# What is not part of a selection: a place in it, and what the page itself needs.
PASSING = ("cursor", "csrfmiddlewaretoken", "name", "totals")


class CannotSave(Exception):
    """Why the view cannot be kept; ``str(error)`` can be shown."""


def canonical(query: str) -> str:
    """The query string as it is kept: without empty fields and without a place in the pages."""
    kept = QueryDict(mutable=True)
    for name, values in sorted(QueryDict(query).lists()):
        if name not in PASSING and (said := [value for value in values if value]):
            kept.setlist(name, said)
    return kept.urlencode()


def of(user: User, company: Account) -> QuerySet[SavedView]:
    """The person's own views of the company, by name."""
    return SavedView.objects.filter(user=user, master=company).order_by("name")


def save(*, user: User, company: Account, name: str, query: str) -> SavedView:
    """Keep the query string under the name; what was under it before is replaced.

    A second call changes nothing. Raises CannotSave for one too many, and for a selection that is
    too long to keep.
    """
    query = canonical(query)
    if len(query) > LONGEST_QUERY:
        raise CannotSave(_("This selection is too long to keep: choose fewer accounts."))
    with transaction.atomic():
        # One person's views are counted and written one after the other.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        mine = SavedView.objects.filter(user=user, master=company)
        known = mine.filter(name__iexact=name).first()
        if known is not None:
            known.name, known.query = name, query
            known.save(update_fields=["name", "query"])
            return known
        if mine.count() >= MOST:
            raise CannotSave(
                _("You keep %(most)d views here already: delete one first.") % {"most": MOST}
            )
        return SavedView.objects.create(user=user, master=company, name=name, query=query)
