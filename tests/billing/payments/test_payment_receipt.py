"""Receipts as PDF: what stands in them, and who may have them."""

from __future__ import annotations

import re
import zlib
from decimal import Decimal

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.template.loader import render_to_string
from django.urls import reverse
from weasyprint.urls import FatalURLFetchingError

from billing import settlement, tree
from console.pdf import StaticFilesOnly, render_pdf
from tests.billing.payments.cast import make_payment, method_of, paid, tell
from tests.billing.transfer_form import plain

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(cast):
    payment = make_payment(cast.marketing, fee=Decimal("2.50"), by=cast.member)
    tell(payment, paid(payment))
    return payment


def at(payment, number=None):
    number = number or payment.arrivals.first().receipt
    return reverse("payment-receipt", args=[payment.master.code, payment.pk, number])


@pytest.fixture
def receipt_text(monkeypatch):
    """What the document says, as it is handed to the typesetter."""
    said = []

    def keep(template, context):
        said.append(render_to_string(template, context))
        return said[-1]

    monkeypatch.setattr("console.pdf.render_to_string", keep)
    return lambda: re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", said[-1]))


def test_it_is_a_document_to_keep_with_its_fonts_and_a_name(browser, cast, payment):
    response = browser(cast.admin).get(at(payment))
    receipt = payment.arrivals.get().receipt
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == f'inline; filename="receipt-nile-{receipt}.pdf"'
    assert response.content.startswith(b"%PDF-1.7")
    streams = b"".join(
        _unpacked(found)
        for found in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", response.content, re.S)
    )
    everything = response.content + streams
    assert b"pdfaid:part" in everything
    assert f"Receipt {receipt}, Nile Retail Group".encode() in everything
    assert b"FontFile" in everything


def _unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_it_says_who_paid_what_for_whom(browser, cast, payment, receipt_text):
    browser(cast.member).get(at(payment))
    text = receipt_text()
    for words in (
        "EGP 102.50 received",
        "Credited EGP 100.00",
        "Fee EGP 2.50",
        "Total paid EGP 102.50",
        f"Reference {payment.reference}",
        "Credited to Marketing",
        "member@nile.example",
        "Balance of Marketing before EGP 500.00",
        "Balance of Marketing after EGP 600.00",
        "Cairo time",
    ):
        assert words in text


def test_each_money_has_its_own(browser, cast, payment, receipt_text):
    tell(payment, paid(payment, "pi_2", amount=Decimal("42.50")))
    second = payment.arrivals.get(gateway_reference="pi_2")
    client = browser(cast.admin)
    settlement.credit_arrival(second, by=cast.operator)
    second.refresh_from_db()
    assert client.get(at(payment, second.receipt)).status_code == 200
    assert "EGP 42.50 received" in receipt_text()
    assert "after EGP 640.00" in receipt_text()
    assert f"{second.receipt} (PDF)" in plain(client.get(payment.get_absolute_url()))


def test_three_decimals(browser, cast, receipt_text):
    payment = make_payment(
        cast.gulf, "10.250", method=method_of(cast.gulf, "knet"), currency="KWD"
    )
    tell(payment, paid(payment))
    assert browser(cast.gulf_admin).get(at(payment)).status_code == 200
    assert "KWD 10.250 received" in receipt_text()


def test_names_are_written_and_never_read_as_markup(browser, cast, payment, receipt_text):
    tree.rename(account=cast.marketing, name="<img src='http://evil.example/'>", by=cast.admin)
    assert browser(cast.admin).get(at(payment)).status_code == 200
    assert "&lt;img src=" in receipt_text()


def test_the_pools_balance_stays_with_those_who_see_it(browser, cast, receipt_text):
    payment = make_payment(cast.marketing)
    tree.share(account=cast.marketing, by=None)
    tell(payment, paid(payment))
    browser(cast.member).get(at(payment))
    assert "Balance of" not in receipt_text()
    browser(cast.finance).get(at(payment))
    assert "Balance of Nile Retail Group after EGP 10,600.00" in receipt_text()


@pytest.mark.parametrize("who", ["stranger", "gulf_admin", "otp_member"])
def test_who_may_not_see_the_payment_finds_no_receipt(browser, cast, payment, who):
    assert browser(getattr(cast, who)).get(at(payment)).status_code == 404


def test_nobody_signs_in_first(client, payment):
    assert client.get(at(payment)).url.startswith("/auth/")
    assert client.post(at(payment)).status_code == 302


@pytest.mark.parametrize(
    "number", ["2026-000099", "x", "2026-1", "0000-000000", "2026-999999999", "26-000001"]
)
def test_other_numbers_are_not_found(browser, cast, payment, number):
    assert browser(cast.admin).get(at(payment, number)).status_code == 404


def test_the_receipt_of_another_payment_is_not_found_here(browser, cast, payment):
    other = make_payment(cast.marketing)
    tell(other, paid(other))
    number = other.arrivals.get().receipt
    assert browser(cast.admin).get(at(payment, number)).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x.css",
        "https://evil.example/x.png",
        "file:///etc/passwd",
        "static:/../manage.py",
        "static:js/payment.js",
        "static://host/css/pdf.css",
        "static:css/none.css",
        "data:text/css,x",
    ],
)
def test_a_document_reads_nothing_but_our_own_static_files(url):
    with pytest.raises((FatalURLFetchingError, SuspiciousFileOperation)):
        StaticFilesOnly().fetch(url)


def test_a_document_that_asks_for_something_else_is_not_made(tmp_path, settings):
    (tmp_path / "bad.html").write_text('<link rel="stylesheet" href="file:///etc/hosts">')
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [tmp_path]}]
    with pytest.raises(LookupError, match="may not read file:///etc/hosts"):
        render_pdf("bad.html", {})
