"""Excel, JSON, journals and bank statements: read back by programs that are not ours."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from openpyxl import load_workbook
from pycamt.parser import Camt053Parser

from billing import camt053 as bank_reader
from billing.models import Entry, Kind
from console import money
from reports.exports import Unwritable, excel
from reports.models import Export
from tests.factories import balance_of, give, make_master, make_member
from tests.reports.exports import made, rows_of
from tests.reports.journals import balances, complaints, enter, fill, ours

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = f"date_from={date.today() - timedelta(days=1)}&date_to={date.today() + timedelta(days=1)}"


def sheets(content: bytes):
    book = load_workbook(io.BytesIO(content))
    return book.worksheets


class TestExcel:
    @pytest.mark.parametrize("who", ["finance", "otp_member"])
    def test_cells_have_their_types_and_say_what_the_rows_say(self, cast, who):
        fill(cast)
        enter(cast.otp, "-1", Kind.ADJUSTMENT, reference="=2+2", description="=1+1")
        user = getattr(cast, who)
        rows = rows_of(user)
        sheet, _totals = sheets(made(user, "xlsx"))
        heading, *lines = sheet.iter_rows()
        assert heading[12].value == "Amount, EGP"
        assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", f"A1:O{len(rows) + 1}")
        assert len(lines) == len(rows)
        for line, row in zip(lines, rows, strict=True):
            values = [each.value for each in line]
            assert values[0] == row.posted_at.replace(tzinfo=None, microsecond=0)
            assert isinstance(values[0], datetime)
            assert values[2:4] == [row.account, row.account_name]
            assert (values[4] or "", values[5]) == (row.holder, row.seq)
            assert values[7] == row.description
            assert values[9] == row.reference
            assert Decimal(str(values[12])) == row.amount
            assert line[12].data_type == "n"
            after = values[13]
            assert (after is None) == (row.balance_after is None)
            assert after is None or Decimal(str(after)) == row.balance_after
            assert (values[14] or "") == row.note
        formula = lines[-1]
        assert (formula[7].value, formula[7].data_type) == ("=1+1", "s")

    def test_totals_agree_with_sql(self, cast):
        fill(cast)
        _rows, totals = sheets(made(cast.finance, "xlsx"))
        found = {line[0]: line[1:] for line in totals.iter_rows(min_row=7, values_only=True)}
        books = Entry.objects.filter(master=cast.nile)
        for kind in Kind:
            of_kind = books.filter(kind=kind)
            if not of_kind.exists():
                assert kind.label not in found
                continue
            net = of_kind.aggregate(net=Sum("amount"))["net"]
            assert (found[kind.label][0], Decimal(str(found[kind.label][3]))) == (
                of_kind.count(),
                net,
            )
        entries, into, out, net = found["All"]
        assert entries == books.count()
        assert Decimal(str(into)) + Decimal(str(out)) == Decimal(str(net))

    def test_an_amount_that_excel_could_not_keep_is_a_text(self, cast):
        enter(cast.retail, "123456789012.123456")
        sheet, _totals = sheets(made(cast.finance, "xlsx"))
        *_, line = sheet.iter_rows()
        assert (line[12].value, line[12].data_type) == ("123456789012.123456", "s")

    def test_more_rows_than_a_sheet_has_are_refused(self, cast, monkeypatch, settings):
        monkeypatch.setattr(excel, "MOST_ROWS", 2)
        with pytest.raises(Unwritable, match="at most 2 rows"):
            made(cast.finance, "xlsx")
        assert list(settings.EXPORTS_ROOT.iterdir()) == []


@pytest.mark.parametrize("who", ["finance", "member", "otp_member"])
def test_json_says_what_the_rows_say_with_amounts_as_texts(cast, who):
    fill(cast)
    user = getattr(cast, who)
    rows = rows_of(user)
    found = json.loads(made(user, "json"))
    assert (found["company"]["code"], found["currency"]) == ("nile", "EGP")
    assert len(found["rows"]) == len(rows)
    for line, row in zip(found["rows"], rows, strict=True):
        expected = row._asdict() | {
            "posted_at": row.posted_at.isoformat(),
            "occurred_at": None,
            "amount": money.plain_amount(row.amount, 2),
            "balance_after": None
            if row.balance_after is None
            else money.plain_amount(row.balance_after, 2),
        }
        assert line == expected
    totals = found["totals"]
    assert totals["rows"] == len(rows)
    assert Decimal(totals["net"]) == sum(row.amount for row in rows)
    assert Decimal(totals["in"]) == sum(row.amount for row in rows if row.amount > 0)


@pytest.mark.parametrize("format", ["hledger", "beancount"])
def test_journals_are_right_by_the_programs_own_judgement(cast, format):
    fill(cast)
    journal = made(cast.finance, format).decode()
    assert complaints(format, journal) == ""
    # These two count the books' other side, too.
    assert balances(format, journal) == {k: v for k, v in ours(cast.nile).items() if v}


class TestBankStatement:
    def books(self, cast):
        """Whole piastres only: a bank's reader takes no more decimals than the currency has."""
        enter(cast.retail, "12.50", description="Top <up> & more\x0b")
        enter(cast.retail, "-40.25", reference="r" * 120, description="مجموعة " * 28)
        enter(cast.otp, "-3.50")
        enter(cast.nile, "-1.25", Kind.REFUND)

    def test_independent_readers_find_the_balances_and_every_entry(self, cast):
        self.books(cast)
        content = made(cast.finance, "camt053", TODAY)
        theirs, expected = defaultdict(list), defaultdict(list)
        parser = Camt053Parser(content)
        assert parser.version == "camt.053.001.02"
        for each in parser.get_transactions():
            amount = Decimal(each["Amount"])
            sign = 1 if each["CreditDebitIndicator"] == "CRDT" else -1
            theirs[each["TransactionID"].split("-")[0]].append(sign * amount)
        for entry in Entry.objects.filter(master=cast.nile).order_by("posted_at", "seq"):
            expected[str(entry.holder_id)].append(entry.amount)
        assert theirs == expected
        statements = {each.account_number: each for each in bank_reader.read(content)}
        assert set(statements) == {"NILE", "MARKETING", "RETAIL"}
        for account in (cast.nile, cast.marketing, cast.retail):
            found = statements[account.code.upper()]
            assert found.opening == 0
            assert found.closing == balance_of(account).credit
            moved = sum(line.amount if line.is_credit else -line.amount for line in found.lines)
            assert moved == found.closing - found.opening
        assert [line.bank_reference for line in statements["RETAIL"].lines][-1].endswith("-3")

    def test_a_balance_is_carried_over_from_the_day_before(self, cast):
        company = make_master("delta", currency="JPY")
        finance = make_member(company, "finance", "finance@delta.example")
        for day, amount in (("2025-09-30", "100"), ("2025-10-01", "-130"), ("2025-11-01", "7")):
            enter(company, amount, moment=datetime.fromisoformat(f"{day}T12:00:00+00:00"))
        query = "date_from=2025-10-01&date_to=2025-10-31"
        [found] = bank_reader.read(made(finance, "camt053", query, company="delta"))
        assert (found.opening, found.closing) == (100, -30)
        assert (found.starts_on, found.ends_on) == (date(2025, 10, 1), date(2025, 10, 31))
        [line] = found.lines
        assert (line.amount, line.is_credit, line.booked_on) == (130, False, date(2025, 10, 1))

    def test_one_sees_the_statements_of_ones_own_balances_only(self, cast):
        self.books(cast)
        [found] = bank_reader.read(made(cast.member, "camt053", TODAY))
        assert found.account_number == "MARKETING"
        with pytest.raises(Unwritable, match="no balance of their own"):
            made(cast.otp_member, "camt053", TODAY)
        for chosen in (cast.otp.pk, f"{cast.retail.pk}&account={cast.otp.pk}"):
            with pytest.raises(Unwritable, match="no balance of their own"):
                made(cast.finance, "camt053", f"{TODAY}&account={chosen}")

    def test_an_amount_that_the_standard_cannot_say_is_refused(self, cast):
        give(cast.retail, "1")
        enter(cast.retail, "0.000001")
        with pytest.raises(Unwritable, match=r"EGP 21\.500001 has more than five decimals"):
            made(cast.finance, "camt053", TODAY)
        assert not Export.objects.exists()
