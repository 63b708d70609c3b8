"""Reading the bank's file: what it says, and every way in which a file is refused."""

from __future__ import annotations

import socket
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billing import camt053
from billing.camt053 import NotAStatement, read, references_in
from tests.billing.payments.camt import camt, document, entry, share, statement

FILES = Path(__file__).parent / "files"
REFERENCE = "RF8223456789AB"


def refused(content: bytes, *sentences: str) -> None:
    with pytest.raises(NotAStatement) as told:
        read(content)
    for sentence in sentences:
        assert sentence in told.value.message


def lines(content: bytes) -> list[camt053.Line]:
    [found] = read(content)
    return list(found.lines)


def test_a_statement_of_version_2_is_read_whole():
    [found] = read((FILES / "cairo-02.xml").read_bytes())
    assert found.account_number == "EG380019000500000000263180002"
    assert (found.id, found.currency, found.pending) == ("2026-11-20/224", "EGP", 1)
    assert (found.starts_on, found.ends_on) == (date(2026, 11, 20), date(2026, 11, 20))
    assert (found.opening, found.closing) == (Decimal(120_000), Decimal("126385.50"))
    transfer, instant, fee, reversal = found.lines
    assert (transfer.amount, transfer.currency, transfer.is_credit) == (Decimal(1500), "EGP", True)
    assert transfer.references == (REFERENCE,)
    assert (transfer.debtor, transfer.bank_reference) == ("Nile Retail Group", "FT26324A0001")
    assert transfer.end_to_end == ""
    assert instant.references == (REFERENCE,)
    assert instant.booked_on == date(2026, 11, 20)
    assert not fee.is_credit
    assert reversal.is_reversal


def test_a_batch_of_version_8_is_read_transfer_by_transfer():
    [found] = read((FILES / "cologne-08.xml").read_bytes())
    assert (found.id, found.opening, found.closing) == ("RDB-DE-0224/1", Decimal(-12), None)
    first, second = found.lines
    assert (first.amount, second.amount) == (Decimal("100.25"), Decimal("250.50"))
    assert (first.bank_reference, second.bank_reference) == ("2026112000123-1", "2026112000123")
    assert first.references == second.references == (REFERENCE,)
    assert first.debtor == "Müller & Söhne GmbH"


@pytest.mark.parametrize("version", ["02", "03", "04", "05", "06", "07", "08"])
def test_versions_2_to_8_are_read(version):
    [line] = lines(camt(entry("10.00", REFERENCE), version=version))
    assert (line.amount, line.references) == (Decimal(10), (REFERENCE,))


@pytest.mark.parametrize(
    "text",
    [
        "RF8223456789AB",
        "rf82 2345 6789 ab",
        "Invoice 7, RF82-2345-6789-AB, thanks",
        "TOPUPRF8223456789ABNOVEMBER",
        "RF82\n2345\t6789AB",
    ],
)
def test_a_reference_is_found_with_spaces_and_in_any_case(text):
    assert references_in(text) == (REFERENCE,)


@pytest.mark.parametrize(
    "text", ["", "RF8323456789AB", "RF82 2345 6789 A", "RF8223456789BA", "no reference"]
)
def test_a_reference_with_wrong_check_digits_or_cut_short_is_none(text):
    assert references_in(text) == ()


def test_each_reference_is_found_once():
    assert references_in(REFERENCE, f"{REFERENCE} {REFERENCE.lower()}") == (REFERENCE,)


@pytest.mark.parametrize(
    "details",
    [
        share("60.00", REFERENCE) + share("50.00", "other"),  # adds up to more
        share("60.00", REFERENCE) + share("40.00", "other", currency="USD"),
        share("60.00", REFERENCE) + "<TxDtls><RmtInf><Ustrd>no amount</Ustrd></RmtInf></TxDtls>",
    ],
)
def test_a_batch_that_is_not_its_parts_stays_one_line(details):
    [line] = lines(camt(entry("100.00", details=details)))
    assert line.amount == 100


def test_a_batch_without_details_is_one_line_without_a_reference():
    [line] = lines(camt(entry("100.00", details="<Btch><NbOfTxs>3</NbOfTxs></Btch>")))
    assert (line.amount, line.references) == (Decimal(100), ())


def test_what_was_booked_is_the_amount_of_a_single_transfer():
    [line] = lines(camt(entry("100.00", details=share("5.00", REFERENCE, currency="USD"))))
    assert (line.amount, line.currency) == (Decimal(100), "EGP")


@pytest.mark.parametrize(
    ("amount", "currency", "read_as"),
    [("1.234", "KWD", "1.234"), ("1.50000", "EGP", "1.50"), ("7", "JPY", "7")],
)
def test_amounts_have_the_decimals_of_their_currency(amount, currency, read_as):
    [line] = lines(camt(entry(amount, currency=currency)))
    assert line.amount == Decimal(read_as)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1.005", "EGP"),
        ("1.5", "JPY"),
        ("-1", "EGP"),
        ("1,50", "EGP"),
        ("1e3", "EGP"),
        ("NaN", "EGP"),
        ("\u0661", "EGP"),
        ("", "EGP"),
        ("1", "egp"),
        ("1", ""),
        ("1234567890123", "EGP"),
    ],
)
def test_an_amount_that_is_none_refuses_the_file_and_names_the_statement(amount, currency):
    refused(camt(entry(amount, currency=currency)), "Statement S-1 cannot be read")


@pytest.mark.parametrize("day", ["", "20.11.2026", "2026-13-01", "yesterday"])
def test_a_day_that_is_none_refuses_the_file(day):
    refused(camt(entry("1", day=day)), "Statement S-1 cannot be read", "date")


def test_an_entry_that_is_neither_credit_nor_debit_refuses_the_file():
    refused(camt(entry("1", sign="BOTH")), "neither credit nor debit")


@pytest.mark.parametrize(("number", "account"), [("", "X"), ("S", "")])
def test_a_statement_without_number_or_account_is_refused(number, account):
    refused(camt(number=number, account=account), "lacks its number or its account")


def test_several_statements_in_a_file_are_read():
    found = read(document(statement(entry("1"), number="A"), statement(number="B")))
    assert [(each.id, len(each.lines)) for each in found] == [("A", 1), ("B", 0)]


# --- what is no statement -----------------------------------------------------------------------

BOMB = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(12)
)


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE Document>",
        '<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Document [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
        '<!DOCTYPE Document [<!ATTLIST Amt Ccy CDATA "EGP">]>',
        f"{BOMB}]>",
    ],
)
@pytest.mark.parametrize("text", ["plain", "&x;", "&m;"])
def test_a_document_type_or_entities_are_refused_at_once_and_nothing_is_fetched(
    head, text, monkeypatch
):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went out"))
    details = f"<TxDtls><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    started = time.monotonic()
    refused(camt(entry("1", details=details), head=head), "The file")
    assert time.monotonic() - started < 1


def test_a_document_type_in_utf_16_is_refused_too():
    content = camt(head='<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
    content = content.decode().replace("UTF-8", "UTF-16").encode("utf-16")
    refused(content, "declares a document type")


def test_a_statement_in_utf_16_is_read():
    content = camt(entry("1", REFERENCE)).decode().replace("UTF-8", "UTF-16").encode("utf-16")
    assert lines(content)[0].references == (REFERENCE,)


def test_an_inclusion_brings_nothing_in(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text(REFERENCE)
    include = (
        '<TxDtls><RmtInf><Ustrd><xi:include xmlns:xi="http://www.w3.org/2001/XInclude"'
        f' href="{secret.as_uri()}" parse="text"/></Ustrd></RmtInf></TxDtls>'
    )
    [line] = lines(camt(entry("1", details=include)))
    assert (line.remittance, line.references) == ("", ())


def test_a_style_sheet_is_not_asked_for():
    head = '<?xml-stylesheet href="http://127.0.0.1:9/x.xsl" type="text/xsl"?>'
    assert len(lines(camt(entry("1"), head=head))) == 1


WHOLE = camt(entry("1.00", REFERENCE))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"%PDF-1.7", "not XML"),
        (b"\x00\xff\xfe", "not XML"),
        (b":20:STARTUMS\r\n:25:1234/5678\r\n", "not XML"),
        (WHOLE[:-40], "not XML"),
        (WHOLE.replace(b"UTF-8", b"nonsense"), "not XML"),
        (WHOLE.replace(b"UTF-8", b"UTF-16"), "not XML"),
        (b"<a/>", "no camt.053"),
        (b"<Document/>", "no camt.053"),
        (WHOLE.replace(b"camt.053.001.02", b"camt.054.001.02"), "camt.054"),
        (WHOLE.replace(b"camt.053.001.02", b"camt.052.001.02"), "camt.052"),
        (WHOLE.replace(b"camt.053.001.02", b"pain.001.001.03"), "pain.001"),
        (WHOLE.replace(b"camt.053.001.02", b"camt.053.001.01"), "version 01"),
        (WHOLE.replace(b"camt.053.001.02", b"camt.053.001.13"), "version 13"),
        (WHOLE.replace(b"Stmt>", b"Other>"), "no statement"),
        (document(), "no statement"),
        (b"<a>" * 100_000, "not XML"),
        (b" " * 11_000_000, "10 MB"),
    ],
)
def test_what_is_no_statement_is_refused_in_a_sentence(content, sentence):
    refused(content, sentence)


def test_a_file_of_eleven_megabytes_is_refused_without_reading_it():
    refused(camt(entry("1", "x" * 11_000_000)), "larger than 10 MB")


def test_a_file_with_too_many_statements_is_refused():
    refused(document(*[statement(number=f"S-{n}") for n in range(1001)]), "1,000 statements")


def test_a_file_with_too_many_entries_is_refused(monkeypatch):
    monkeypatch.setattr(camt053, "MAX_ENTRIES", 3)
    assert len(lines(camt(*[entry("1")] * 3))) == 3
    refused(camt(*[entry("1")] * 4), "more than 3 entries")
    batch = entry("4", details=share("2", "a") + share("2", "b"))
    refused(camt(batch, batch), "more than 3 entries")
