"""Transactions on paper: what stands where, and who is shown what."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from contextlib import suppress
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pikepdf
import pypdf
import pytest
from django.http import QueryDict

from accounts.access import access_or_404
from accounts.models import Account
from billing import transfers
from billing.charges import Charge, charge_many
from reports import paper
from reports.filters import TransactionFilter
from reports.paper import engine
from reports.queries import Scope

pytestmark = pytest.mark.django_db(transaction=True)

ARABIC = "رسائل التسويق إلى القاهرة"


def written(user, query: str = "", progress=None) -> bytes:
    """The PDF of what the address selects, as the person gets it."""
    scope = Scope.of(access_or_404(user, "nile"))
    filters = TransactionFilter(QueryDict(query), scope)
    assert filters.is_valid()
    out = BytesIO()
    paper.write(scope, filters, out, progress)
    return out.getvalue()


def texts(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages]


def spend(account: Account, *descriptions: str, amount: str = "0.0075") -> None:
    charges = [
        Charge(account.pk, Decimal(amount), f"msg-{at}.", enforce_limit=False, description=text)
        for at, text in enumerate(descriptions)
    ]
    for first in range(0, len(charges), 1_000):
        charge_many(master=account.master_id, charges=charges[first : first + 1_000])


def test_a_long_report_has_every_row_once_in_order_with_headings_and_page_numbers(cast):
    spend(cast.marketing, *(f"Campaign <b>{at}</b>" for at in range(700)))
    told = []
    pdf = written(cast.finance, f"account={cast.marketing.pk}", told.append)
    pages = texts(pdf)
    found = re.findall(r"msg-(\d+)\.", "\n".join(pages))
    assert found == [str(at) for at in range(700)]
    assert "Campaign <b>699</b>" in pages[-1]
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert ("Posted" in page and "Balance after, EGP" in page) == (number > 1)
    # None but the last has room for another row.
    rows = [len(re.findall(r"msg-\d+\.", page)) for page in pages[1:]]
    assert max(rows) - min(rows[:-1]) <= 1, rows
    assert told[-1] == 701  # with its first money, 500
    assert told == sorted(told)
    first = " ".join(pages[0].split())
    assert "Opening balance EGP 0.00" in first
    assert "Money out EGP \N{MINUS SIGN}5.25" in first
    assert "Net of 701 transactions EGP 494.75" in first
    assert "Closing balance EGP 494.75" in first
    # The decimals that a figure has not take their room, so that points stand in line.
    assert "494.75\N{FIGURE SPACE}\N{FIGURE SPACE}" in pages[-1]
    assert "finance@nile.example" in first


def test_it_is_pdf_a_3b_with_its_fonts_after_the_pieces_are_bound(cast):
    spend(cast.marketing, ARABIC, *("Plain" for _ in range(450)))
    with pikepdf.open(BytesIO(written(cast.finance))) as pdf:
        with pdf.open_metadata() as metadata:
            assert metadata["pdfaid:part"] == "3"
            assert metadata["pdfaid:conformance"] == "B"
            assert metadata["dc:title"] == "Transactions, Nile Retail Group"
        assert pdf.Root.OutputIntents[0].S == "/GTS_PDFA1"
        assert pdf.Root.Lang == "en"
        assert len(pdf.pages) > 13  # more than one piece
        for page in pdf.pages:
            for font in page.obj.Resources.Font.values():
                assert "/FontFile2" in font.DescendantFonts[0].FontDescriptor or (
                    "/FontFile3" in font.DescendantFonts[0].FontDescriptor
                )


def test_a_short_report_begins_beneath_its_totals_and_an_empty_one_says_so(cast):
    spend(cast.marketing, "The only one", amount="1")
    [page] = texts(written(cast.member))
    assert page.index("Money out") < page.index("The only one")
    assert "Page 1 of 1" in page
    [empty] = texts(written(cast.finance, "kind=refund"))
    assert "There are no transactions in this selection." in empty
    assert "Refund" in empty
    assert "Posted" not in empty


def test_a_long_description_wraps_and_arabic_and_control_characters_are_set(cast):
    long = " ".join(f"word{at}" for at in range(70))
    spend(cast.marketing, long, "x" * 500, ARABIC, "bell\x07 \u202eturned", "plain")
    text = "\n".join(texts(written(cast.finance)))
    assert all(f"word{at}" in text for at in range(70))
    assert len(re.findall("x", text.split("word69")[1].split("msg-1.")[0])) == 500
    assert "\x07" not in text
    # Nothing that was written turns around what stands there.
    assert "turned" in text
    # Letters are stored as they are seen; none of them is missing.
    assert sorted(set(ARABIC) - {" "}) == sorted(set(text) & set(ARABIC) - {" "})


def test_a_transfer_is_told_by_its_note_and_by_no_key_of_a_form(cast):
    made = transfers.make(
        source=cast.nile,
        destination=cast.marketing,
        amount=Decimal(5),
        note="October budget",
        key=uuid4(),
        by=cast.admin,
    )
    spend(cast.marketing, "Campaign")
    text = " ".join(" ".join(texts(written(cast.finance))).split())
    assert "Transfer · October budget · by admin@nile.example" in text
    assert made.reference not in text.replace(" ", "")
    assert "Usage · msg-0." in text


def test_who_sees_only_a_shared_subaccount_is_not_told_the_pools_balance(cast):
    [empty] = texts(written(cast.otp_member))
    assert "balance" not in empty
    spend(cast.otp, "One-time password", amount="1.5")
    [page] = texts(written(cast.otp_member))
    assert "One-time password" in page
    assert "EGP \N{MINUS SIGN}1.50" in page
    for secret in ("10,000", "9,998", "Balance after", "Opening", "Closing", "Credit at the end"):
        assert secret not in page


def test_an_account_whose_entries_moved_anothers_balance_has_no_opening(cast):
    spend(cast.otp, "One-time password", amount="1.5")
    whole = " ".join(texts(written(cast.finance)))
    assert "Closing balance EGP 10,519.00" in " ".join(whole.split())
    part = " ".join(texts(written(cast.finance, f"account={cast.otp.pk}")))
    assert "Closing balance" not in part


def test_a_killed_process_ends_the_work_and_leaves_no_file(cast):
    spend(cast.marketing, *("Row" for _ in range(1_200)))

    def kill(count: int) -> None:
        for process in multiprocessing.active_children():
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(paper.PaperError, match="Ask for it again"):
        written(cast.finance, progress=kill)
    assert not multiprocessing.active_children()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="children are found in /proc")
def test_a_killed_piece_ends_the_work_and_leaves_no_process(cast, monkeypatch):
    monkeypatch.setattr(engine, "PAGES", 1)
    spend(cast.marketing, *("Row" for _ in range(1_200)))
    setting: set[int] = set()

    def kill(count: int) -> None:
        for process in multiprocessing.active_children():
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            for child in map(int, children.split()):
                setting.add(child)
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    with pytest.raises(paper.PaperError, match="Ask for it again"):
        written(cast.finance, progress=kill)
    assert setting
    assert not multiprocessing.active_children()
    assert not any(Path(f"/proc/{each}").exists() for each in setting)


def test_too_many_transactions_are_refused_with_the_figures(cast, monkeypatch):
    monkeypatch.setattr("reports.paper.transactions.MOST", 1)
    spend(cast.marketing, "One", "Two")
    with pytest.raises(paper.PaperError, match="at most 1 transactions, and these are 5"):
        written(cast.finance)
