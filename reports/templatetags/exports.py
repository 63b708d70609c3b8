"""The menu of exports, which any page of a report may include."""

from __future__ import annotations

import uuid
from typing import Any

from django import template

from accounts.access import Access
from reports.exports import FORMATS, Format, Unwritable
from reports.exports.selection import filters_of
from reports.filters import TransactionFilter
from reports.queries import Scope

register = template.Library()


@register.simple_tag(takes_context=True)
def export_menu(context: template.Context) -> dict[str, Any]:
    """The formats for this person, and a key: sent twice, one file is ordered.

    Where the page has but one selection (``export_query``), those that cannot hold it are left
    out; on a page with a filter it may be chosen later what they need, and they say so.
    """
    access: Access = context["access"]
    formats = [(code, format) for code, format in FORMATS.items() if format.is_for(access)]
    if query := context.get("export_query"):
        scope = Scope.of(access)
        filters = filters_of(query, scope)
        formats = [each for each in formats if _holds(each[1], scope, filters)]
    return {"formats": formats, "key": uuid.uuid4()}


def _holds(format: Format, scope: Scope, filters: TransactionFilter) -> bool:
    if not filters.is_valid():
        return False
    try:
        format.check(scope, filters)
    except Unwritable:
        return False
    return True
