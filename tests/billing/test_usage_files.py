"""Reading files of usage: what is a row, and what is said of a line that is none."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing import usage_files
from billing.usage_files import Rejected, Usage, UsageFile, UsageFileError

HEADER = "account,reference,amount,at,description\n"
GOOD = "retail,m-1,0.0075,2026-01-05T10:00:00+02:00,SMS\n"


def read(content, *, columns=None, stream=None):
    """All rows of a file of a company in Cairo with the accounts 1 (retail) and 2 (otp)."""
    if isinstance(content, str):
        content = content.encode()
    return list(
        UsageFile(
            stream or io.BytesIO(content),
            columns=columns or {},
            accounts={"retail": 1, "otp": 2},
            zone=ZoneInfo("Africa/Cairo"),
        )
    )


def lines(rows):
    """For each row its line, and what is wrong with it."""
    return [(row.line, row.reason if isinstance(row, Rejected) else None) for row in rows]


def references(rows):
    return [row.charge.reference for row in rows if isinstance(row, Usage)]


def row(number, description="SMS"):
    return f"retail,m-{number},1,,{description}\n"


def test_a_row_becomes_a_charge():
    [usage] = read(HEADER + GOOD)
    assert usage.line == 2
    assert usage.charge.account == 1
    assert usage.charge.reference == "m-1"
    assert usage.charge.amount == Decimal("0.0075")
    assert usage.charge.at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert usage.charge.description == "SMS"


def test_time_and_description_may_be_missing_and_other_columns_are_ignored():
    [usage] = read("x,amount,account,reference\nwhatever,1,otp,m-1\n")
    assert (usage.charge.account, usage.charge.at, usage.charge.description) == (2, None, "")


def test_columns_may_have_other_names():
    [usage] = read(
        "Dept,id,cost\nretail,m-1,2.5\n",
        columns={"account": "Dept", "reference": "id", "amount": "cost"},
    )
    assert usage.charge.amount == Decimal("2.5")


@pytest.mark.parametrize(
    ("header", "columns", "said"),
    [
        ("account,amount", {}, "no column 'reference' for the reference. It has: 'account', 'am"),
        ("account,reference,amount", {"at": "when"}, "no column 'when' for the at"),
        ("account;reference;amount", {}, "separated by commas"),
        ("account,reference,amount,amount", {}, "more than one column 'amount'"),
    ],
)
def test_a_header_that_does_not_fit_is_named(header, columns, said):
    with pytest.raises(UsageFileError, match=said):
        read(header + "\n", columns=columns)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        ((HEADER + GOOD).encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"account,caf\xe9\n", "line 1 cannot be read. The line is not UTF-8"),
        (gzip.compress(b"account,refer", mtime=0)[:12], "breaks off"),
        (b"a" * 200_000, "longer than"),
    ],
)
def test_a_file_that_is_no_csv_is_said_to_be_none(content, said):
    with pytest.raises(UsageFileError, match=said):
        read(content)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
def test_bom_line_endings_and_blank_lines_are_no_matter(ending, last):
    text = ("\ufeff" + HEADER + GOOD + "\n" + row(2) + last).removesuffix("end")
    text = text if last else text.removesuffix("\n")
    rows = read(text.replace("\n", ending))
    assert [(each.line, each.charge.reference) for each in rows] == [(2, "m-1"), (4, "m-2")]


def test_a_quoted_header_after_a_bom_is_read():
    [usage] = read("\ufeff" + '"account","reference","amount"\nretail,m-1,1\n')
    assert usage.charge.reference == "m-1"


def test_quoted_cells_hold_commas_quotes_and_lines_and_lines_are_counted_as_an_editor_does():
    rows = read(
        HEADER
        + row(1, '"one, ""two"""')
        + row(2, '"first\nsecond\n\nfourth"')
        + row(3)
        + "retail,,1,,\n"
        + row(4)
    )
    assert [each.charge.description for each in rows if isinstance(each, Usage)] == [
        'one, "two"',
        "first\nsecond\n\nfourth",
        "SMS",
        "SMS",
    ]
    assert [each.line for each in rows] == [2, 3, 7, 8, 9]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("retail,,1,,", "The reference is missing."),
        ("retail,   ,1,,", "The reference is missing."),
        (f"retail,{'x' * 201},1,,", "at most 200"),
        ("retail,a\tb,1,,", "no control characters"),
        ("retail,a\u202eb,1,,", "no control characters"),
        ("retail,a\u009bb,1,,", "no control characters"),
        ("retail,m-2,,,", "Write the amount"),
        ("retail,m-2,1_000,,", "Write the amount"),
        ("retail,m-2,1e5,,", "Write the amount"),
        ("retail,m-2,NaN,,", "Write the amount"),
        ("retail,m-2, 1,,", "Write the amount"),
        ("retail,m-2,\u0661,,", "Write the amount"),
        ("retail,m-2,0.0000001,,", "too many decimals"),
        ("retail,m-2,1234567890123,,", "too large"),
        ("retail,m-2,0,,", "not more than zero"),
        ("retail,m-2,-5,,", "not more than zero"),
        ("retail,m-2,1,yesterday,", "'yesterday' is not ISO 8601"),
        ("retail,m-2,1,2026-02-30,", "not ISO 8601"),
        ("retail,m-2,1,0001-01-01T00:00:00+10:00,", "not ISO 8601"),
        ("retail,m-2,1,1970-01-01T00:00:00Z,", "before the year 2000"),
        ("retail,m-2,1,9999-12-31T23:59:59Z,", "in the future"),
        (f"retail,m-2,1,,{'x' * 501}", "more than 500 characters"),
        ("nobody,m-2,1,,", "The company has no account with the code 'nobody'."),
        ("Retail,m-2,1,,", "no account with the code 'Retail'"),
        ("retail,m-2,1,", "4 cells, the header has 5"),
        ("retail,m-2,1,,,", "6 cells, the header has 5"),
        ("retail,m-2,1,,\0", "NUL"),
        ("retail," + "y" * 150_000 + ",1,,", "longer than 100,000 bytes"),
        ('retail,"m-2,1,,', "quote"),
        ('retail,"m-2"x,1,,', "quotes do not fit"),
        ('retail,m-2,1,,"open', "quote"),
    ],
)
def test_a_malformed_row_names_its_line_and_loses_nothing_else(line, said):
    rows = read(HEADER + row(1) + line + "\n" + row(3) + row(4, '"a ""quoted"" one"'))
    assert references(rows) == ["m-1", "m-3", "m-4"]
    [wrong] = [each for each in rows if isinstance(each, Rejected)]
    assert wrong.line == 3
    assert said in wrong.reason


def test_a_line_in_another_encoding_is_malformed_and_only_it():
    content = (HEADER + row(1)).encode() + row(2, "caf\u00e9").encode("latin-1") + row(3).encode()
    rows = read(content)
    assert references(rows) == ["m-1", "m-3"]
    assert rows[1].line == 3
    assert "not UTF-8: byte 0xe9 at place 18" in rows[1].reason
    assert rows[1].text == "retail,m-2,1,,caf\\xe9"


def test_two_open_quotes_do_not_swallow_the_rows_between_them():
    rows = read(HEADER + 'retail,"m-1,1,,\n' + row(2) + row(3) + 'retail,m-4",1,,\n' + row(5))
    # Strictly the first quote is closed in line 5; a reference with line breaks is none.
    assert lines(rows)[0] == (2, 'A quote (") is opened and not closed.')
    assert references(rows) == ["m-2", "m-3", 'm-4"', "m-5"]


def test_a_quote_that_is_never_closed_costs_one_line_also_in_a_long_file():
    rows = read(HEADER + 'retail,"m-0,1,,\n' + "".join(row(n) for n in range(1, 500)))
    assert len(references(rows)) == 499
    assert lines(rows)[0] == (2, 'A quote (") is opened and not closed.')
    assert rows[-1].line == 501


def test_gzip_is_recognised_also_in_several_members_and_from_a_pipe():
    packed = gzip.compress((HEADER + row(1)).encode()) + gzip.compress(row(2).encode())
    assert references(read(packed)) == ["m-1", "m-2"]
    assert references(read(b"", stream=Dripping(packed))) == ["m-1", "m-2"]


@pytest.mark.parametrize("damage", ["cut", "checksum", "garbage"])
def test_a_damaged_gzip_gives_what_was_before_and_says_where_it_broke_off(damage):
    text = HEADER + "".join(row(number) for number in range(20_000))
    packed = gzip.compress(text.encode(), mtime=0)
    packed = {
        "cut": packed[: len(packed) // 2],
        "checksum": packed[:-8] + b"\0" * 8,
        "garbage": packed[: len(packed) // 2] + b"\xff" * 300 + packed[len(packed) // 2 + 300 :],
    }[damage]
    *before, last = read(packed)
    assert isinstance(last, Rejected)
    assert "The file breaks off here" in last.reason
    good = references(before)
    assert good == [f"m-{number}" for number in range(len(good))]
    assert len(good) > 1000 or damage == "garbage"
    assert last.line == len(before) + 2


def test_a_file_that_breaks_off_within_quotes_still_says_so():
    text = HEADER + row(1) + 'retail,m-2,1,,"' + "long\n" * 30_000
    *_, last = read(gzip.compress(text.encode())[:-20])
    assert "breaks off" in last.reason


def test_a_time_without_offset_is_the_companys():
    [winter, summer, day] = read(
        HEADER
        + "retail,m-1,1,2026-01-05T10:00:00,\n"
        + "retail,m-2,1,2026-07-05 10:00,\n"
        + "retail,m-3,1,2026-01-05,\n"
    )
    assert winter.charge.at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert summer.charge.at == datetime(2026, 7, 5, 7, tzinfo=UTC)
    assert day.charge.at == datetime(2026, 1, 4, 22, tzinfo=UTC)


def test_the_clock_of_the_sender_may_be_a_little_ahead():
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    [usage] = read(f"{HEADER}retail,m-1,1,{soon},\n")
    assert usage.charge.at is not None


def test_bytes_are_counted_as_they_came():
    packed = gzip.compress((HEADER + row(1) * 100).encode())
    file = UsageFile(io.BytesIO(packed), columns={}, accounts={}, zone=ZoneInfo("UTC"))
    assert len(list(file)) == 100
    assert file.bytes_read == len(packed)


def test_an_endless_line_takes_no_memory(monkeypatch):
    asked = []

    class Endless(io.RawIOBase):
        left = 2_000

        def read(self, size=-1):
            asked.append(size)
            if len(asked) == 1:
                return HEADER[:4].encode()
            if len(asked) == 2:
                return HEADER[4:].encode()
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    [wrong] = read(b"", stream=Endless())
    assert "longer than" in wrong.reason
    assert len(wrong.text) == usage_files.LONGEST_LINE
    assert max(asked) <= 1 << 20


class Dripping(io.RawIOBase):
    """A pipe that gives a byte at a time."""

    def __init__(self, content):
        self.content = io.BytesIO(content)

    def read(self, size=-1):
        return self.content.read(size)

    def read1(self, size=-1):
        return self.content.read(min(size, 1))
