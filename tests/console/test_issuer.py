"""Who issues documents: read from the environment, printed in letterheads, missed by the check."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO

import pypdf
import pytest
from django.conf import settings as django_settings
from django.core import checks
from django.http import QueryDict
from django.urls import reverse

from accounts.access import access_or_404
from reports import paper
from reports.filters import TransactionFilter
from reports.queries import Scope
from tests.billing.payments.cast import make_payment, paid, tell

LETTERHEAD = ("Nil Platform S.A.E.", "12 Nile Street", "Cairo, Egypt", "Tax no. 123-456-789")


@pytest.fixture
def issuer(settings):
    settings.ISSUER_NAME = "Nil Platform S.A.E."
    settings.ISSUER_ADDRESS = "12 Nile Street |  Cairo, Egypt"
    settings.ISSUER_TAX_NUMBER = "Tax no. 123-456-789"


def report(user) -> pypdf.PdfReader:
    scope = Scope.of(access_or_404(user, "nile"))
    out = BytesIO()
    paper.write(scope, TransactionFilter(QueryDict(""), scope), out)
    return pypdf.PdfReader(BytesIO(out.getvalue()))


def receipt(client, cast) -> pypdf.PdfReader:
    payment = make_payment(cast.marketing, by=cast.member)
    tell(payment, paid(payment))
    number = payment.arrivals.get().receipt
    client.force_login(cast.admin)
    answer = client.get(reverse("payment-receipt", args=["nile", payment.pk, number]))
    return pypdf.PdfReader(BytesIO(answer.content))


@pytest.mark.django_db(transaction=True)
def test_the_issuer_stands_line_by_line_on_reports_and_receipts(client, cast, issuer):
    for document in (report(cast.finance), receipt(client, cast)):
        lines = [line.strip() for line in document.pages[0].extract_text().splitlines()]
        assert [line for line in lines if line in LETTERHEAD] == list(LETTERHEAD)
        assert "Credit console" not in lines
        assert document.metadata.author == LETTERHEAD[0]


@pytest.mark.django_db(transaction=True)
def test_without_one_documents_bear_the_consoles_name_and_nothing_else(client, cast):
    assert not django_settings.ISSUER_NAME
    for document in (report(cast.finance), receipt(client, cast)):
        assert "Credit console" in document.pages[0].extract_text()


def deploy_warnings() -> list[str]:
    found = checks.run_checks(tags=["compatibility"], include_deployment_checks=True)
    return [each.msg for each in found if each.id == "console.W001"]


def test_the_check_of_a_deployment_names_what_is_not_set(settings, issuer):
    assert deploy_warnings() == []
    settings.ISSUER_TAX_NUMBER = ""
    [message] = deploy_warnings()
    assert message.startswith("ISSUER_TAX_NUMBER not set:")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"ISSUER_NAME": "A", "ISSUER_ADDRESS": "|".join("1234567")}, "at most 6 lines"),
        ({"ISSUER_NAME": "A" * 81}, "at most 80 printable letters"),
        ({"ISSUER_ADDRESS": "12 Nile Street"}, "set with ISSUER_NAME"),
    ],
)
def test_what_no_letterhead_holds_stops_the_start_with_a_sentence(said, sentence):
    environment = {
        "DATABASE_URL": "postgres://x/y",
        "SECRET_KEY": "0123456789" * 4,
        "ALLOWED_HOSTS": "localhost",
        "EMAIL_URL": "console://",
        "PATH": os.environ["PATH"],
    }
    run = subprocess.run(
        [sys.executable, "-c", "import console.settings"],
        check=False,
        cwd=django_settings.BASE_DIR,
        env=environment | said,
        capture_output=True,
        text=True,
    )
    assert run.returncode
    assert sentence in run.stderr
