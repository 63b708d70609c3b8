"""The menu of exports, which any page of a report may include."""

from __future__ import annotations

import uuid
from typing import Any

from django import template

from accounts.access import Access
from reports.exports import FORMATS

register = template.Library()

WHOLE_COMPANY = {"hledger", "beancount"}


@register.simple_tag(takes_context=True)
def export_menu(context: template.Context) -> dict[str, Any]:
    """The formats for this person, and a key: sent twice, one file is ordered."""
    access: Access = context["access"]
    formats = [
        (code, format)
        for code, format in FORMATS.items()
        if access.sees_tree or code not in WHOLE_COMPANY
    ]
    return {"formats": formats, "key": uuid.uuid4()}
