"""What was sent and what the page then says."""

from __future__ import annotations

import re

from django.urls import reverse

from billing.models import Entry, Transfer

NILE = reverse("transfer-new", args=["nile"])


def rows() -> tuple[int, int]:
    return Transfer.objects.count(), Entry.objects.count()


def refused(admin, typed, field: str | None, *sentences: str):
    """Send what was typed: the reason stands beside ``field`` and nothing was written."""
    before = rows()
    response = admin.post(NILE, typed)
    assert response.status_code == 422
    assert rows() == before
    form = response.context["form"]
    found = form.non_field_errors() if field is None else form.errors[field]
    assert len(found) == 1, form.errors
    for sentence in sentences:
        assert sentence in found[0]
        assert sentence in plain(response)
    return response


def plain(response) -> str:
    """The page's text, entities and runs of space resolved."""
    text = response.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))
