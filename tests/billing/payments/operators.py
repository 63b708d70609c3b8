"""What the tests of the operators' pages share: where they are, and what their forms carry."""

from __future__ import annotations

import re

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from billing import bank_statements
from billing.models import BankStatement


def address(page: str, *args: object) -> str:
    return reverse(f"operator-{page}", args=args)


def hidden(response, name: str) -> str:
    """What the page's form carries in this field."""
    return re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())[1]


def plain(response) -> str:
    """The page's text, entities and runs of space resolved."""
    text = response.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def upload(client: Client, content: bytes, name: str = "bank.xml", **options):
    file = SimpleUploadedFile(name, content, content_type="text/xml")
    return client.post(address("statement-list"), {"file": file}, **options)


def take(cast, content: bytes) -> BankStatement:
    """The statement, taken and matched."""
    [taken] = bank_statements.take(content=content, name="bank.xml", by=cast.operator)
    bank_statements.go_on(taken.statement, by=cast.operator)
    return taken.statement
