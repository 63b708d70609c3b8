"""Letters of the world on paper: whatever script a customer writes, none of it is missing."""

from __future__ import annotations

import logging
from decimal import Decimal
from io import BytesIO

import pikepdf
import pypdf
import pytest
from django.http import QueryDict

from accounts.access import access_or_404
from billing.charges import Charge, charge_many
from reports import paper
from reports.filters import TransactionFilter
from reports.queries import Scope

pytestmark = pytest.mark.django_db(transaction=True)

# A text in each script, and the letters of it that a reader of the PDF finds as they are: where
# letters are joined or doubled, one glyph stands for some of them.
TEXTS = {
    "Chinese": "北京科技有限公司 繁體中文",
    "Japanese": "東京支店 カタカナ ひらがな",
    "Korean": "서울 지점 한국어",
    "Arabic": "رسائل التسويق",
    "Thai": "ข้อความ",
    "Devanagari": "संदेश विपणन",
    "emoji": "😀🎉❤🚀🇪🇬",
}


@pytest.fixture
def missing(caplog):
    """What the typesetter has found no font for: it draws a box then, and says so in its log."""
    caplog.set_level(logging.WARNING, logger="weasyprint")
    return lambda: [each.getMessage() for each in caplog.records if ".notdef" in each.getMessage()]


def report(cast, *descriptions: str) -> bytes:
    charge_many(
        master=cast.nile.pk,
        charges=[
            Charge(cast.marketing.pk, Decimal("0.0075"), f"msg-{at}", description=text)
            for at, text in enumerate(descriptions)
        ],
    )
    scope = Scope.of(access_or_404(cast.finance, "nile"))
    out = BytesIO()
    paper.write(scope, TransactionFilter(QueryDict(""), scope), out)
    return out.getvalue()


def test_no_letter_of_any_script_is_missing_and_each_can_be_copied(cast, missing):
    written = report(cast, *TEXTS.values())
    assert missing() == []
    said = "".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(written)).pages)
    for script in ("Chinese", "Japanese", "Korean", "emoji"):
        assert set(TEXTS[script]) <= set(said), script
    with pikepdf.open(BytesIO(written)) as pdf, pdf.open_metadata() as metadata:
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "B")
        fonts = [font for page in pdf.pages for font in page.obj.Resources.Font.values()]
        for font in fonts:
            descriptor = font.DescendantFonts[0].FontDescriptor
            assert "/FontFile2" in descriptor or "/FontFile3" in descriptor, font.BaseFont


def test_a_letter_that_no_font_has_is_heard_of(cast, missing):
    report(cast, "\U00030000")  # a rare Chinese one
    assert "U+30000" in " ".join(missing())
