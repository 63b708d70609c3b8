"""To many at once: each way to fill the lines, bad lines, the preview, sending it, its page."""

from __future__ import annotations

import re
from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing import charges, tree
from billing.models import Entry, Transfer, TransferBatch
from tests.billing.transfer_form import plain
from tests.factories import balance_of, give, make_branches, make_subaccount

pytestmark = pytest.mark.django_db

MANY = reverse("transfer-many", args=["nile"])
SEND = reverse("transfer-many-send", args=["nile"])


def rows() -> tuple[int, int, int]:
    return TransferBatch.objects.count(), Transfer.objects.count(), Entry.objects.count()


@pytest.fixture
def evenly(cast) -> dict[str, object]:
    """What is typed to share 100 out among Marketing (500) and Retail (20.50)."""
    return {
        "from": cast.nile.pk,
        "way": "even",
        "amount": "100",
        "note": "for Ramadan",
        "key": str(uuid4()),
    }


def table(cast, text: str, **more) -> dict[str, object]:
    return {
        "from": cast.nile.pk,
        "way": "table",
        "table": text,
        "key": str(uuid4()),
    } | more


def hidden(response) -> dict[str, str]:
    """What the preview's form would send."""
    text = response.content.decode()
    form = re.search(r'<form class="form" method="post".*?</form>', text, re.S)[0]
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form))
    areas = re.findall(r'<textarea name="([^"]*)"[^>]*>\n(.*?)</textarea>', form, re.S)
    fields |= {name: value.replace("&#x27;", "'") for name, value in areas}
    return {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"}


def preview(admin, fields):
    before = rows()
    response = admin.post(MANY, fields)
    assert response.status_code == 200, response.context["form"].errors
    assert rows() == before
    return response


def lines(response) -> dict[str, str]:
    return {line.balance.account.code: str(line.amount) for line in response.context["told"].lines}


def refused(admin, fields, field, *sentences):
    """Not even a preview: the reason stands beside the field, and what was typed stays."""
    before = rows()
    response = admin.post(MANY, fields)
    assert response.status_code == 422
    assert rows() == before
    form = response.context["form"]
    found = form.non_field_errors() if field is None else form.errors[field]
    for sentence in sentences:
        assert any(sentence in str(each) for each in found), form.errors
    for name in fields.keys() - {"key", "shown"}:
        assert form.data[name] == str(fields[name])
    return response


def bad(response) -> list[tuple[int, str]]:
    """The lines that are named, with their reasons; they stand on the page."""
    named = response.context["form"].bad_lines
    for line in named:
        assert line.reason in plain(response)
    return [(line.number, line.reason) for line in named]


# --- ways to fill the lines -------------------------------------------------------------------


def test_evenly_among_all_that_have_a_balance_of_their_own(admin, cast, evenly):
    closed = make_subaccount(cast.nile, "closed")
    tree.close(account=closed, by=None)
    make_subaccount(cast.nile, "north")
    response = preview(admin, evenly)
    assert lines(response) == {"marketing": "33.34", "north": "33.33", "retail": "33.33"}
    text = plain(response)
    assert "EGP 100.00 does not divide by 3: the first account gets EGP 0.01 more." in text
    for figure in ("10,000.00", "9,900.00", "500.00", "533.34", "20.50", "53.83", "for Ramadan"):
        assert figure in text


def test_among_the_accounts_that_are_named_by_code_or_name(admin, cast, evenly):
    make_subaccount(cast.nile, "north")
    response = preview(admin, evenly | {"accounts": "RETAIL branches\r\n\r\n  north \n"})
    assert lines(response) == {"retail": "50.00", "north": "50.00"}


def test_an_amount_that_does_not_reach_everybody_is_said(admin, cast, evenly):
    response = preview(admin, evenly | {"amount": "0.01"})
    assert lines(response) == {"marketing": "0.01"}
    assert "1 account gets nothing, because the amount does not reach that far." in plain(response)


def test_by_last_months_usage(admin, cast, evenly):
    make_subaccount(cast.nile, "idle")
    for account, amount in ((cast.marketing, 3), (cast.retail, 1)):
        charges.charge(account=account, amount=Decimal(amount), reference=account.code)
    [entry] = Entry.objects.filter(reference="retail")
    now = entry.posted_at
    month = (now.replace(day=1) if now.day > 1 else now).strftime("%Y-%m")
    year, number = map(int, month.split("-"))
    later = f"{year + number // 12}-{number % 12 + 1:02}-15T12:00:00Z"
    with time_machine.travel(later, tick=False):
        admin.force_login(cast.admin)
        response = preview(admin, evenly | {"way": "usage"})
        assert lines(response) == {"marketing": "75.00", "retail": "25.00"}
        text = plain(response)
        assert f"In proportion to what each used in {now:%B %Y}." in text
        assert "1 account gets nothing, because it used nothing, or too little." in text
    refused(admin, evenly | {"way": "usage"}, "way", "None of these accounts used anything in")


def test_up_to_a_balance_each(admin, cast, evenly):
    give(cast.retail, "0.009")
    make_subaccount(cast.nile, "north")
    response = preview(admin, evenly | {"way": "target", "amount": "junk", "target": "100"})
    assert lines(response) == {"north": "100.00", "retail": "79.50"}
    assert "1 account gets nothing, because it has as much already." in plain(response)
    refused(
        admin,
        evenly | {"way": "target", "target": "0.01", "accounts": "retail"},
        "target",
        "have as much already",
    )


def test_a_table_with_any_separator_quotes_headings_and_blank_lines(admin, cast):
    make_subaccount(cast.nile, "north", name="North, Delta")
    text = 'Account;Amount\r\nmarketing\t10\r\n\r\n"North, Delta", 2.50\nretail branches ; 0.01;'
    response = preview(admin, table(cast, text))
    assert lines(response) == {"marketing": "10", "north": "2.50", "retail": "0.01"}
    assert response.context["told"].total == Decimal("12.51")


def test_from_a_subaccount_to_the_master_account_and_others(admin, cast):
    fields = table(cast, "nile,1\nretail,2") | {"from": cast.marketing.pk}
    assert lines(preview(admin, fields)) == {"nile": "1", "retail": "2"}


def test_the_currencys_decimals_count(client, cast):
    client.force_login(cast.gulf_admin)
    fields = {"from": cast.gulf.pk, "way": "table", "table": "sales,1.125", "key": uuid4()}
    response = client.post(reverse("transfer-many", args=["gulf"]), fields)
    assert response.status_code == 200
    assert "KWD 1.125" in plain(response)


# --- what cannot be read ----------------------------------------------------------------------


def test_every_bad_line_is_named_with_its_number_and_all_stays_as_typed(admin, cast):
    make_subaccount(cast.nile, "marketing-2", name="retail")
    text = "\n".join(
        [
            "marketing,10",
            "nobody,5",
            "",
            "Marketing\t3",
            "otp;1",
            "nile,1",
            "retail,1",
            "retail branches,1,000.00",
            "marketing-2,0",
            "marketing-2,-5",
            "marketing-2,1.005",
            "marketing-2,\u0661",
            "marketing-2",
            ",5",
            "marketing-2,",
            '"marketing-2,5',
            "x" * 400 + ",1",
        ]
    )
    response = refused(admin, table(cast, text), "table", "15 lines cannot be used.")
    assert bad(response) == [
        (2, "No account has the code or name “nobody”."),
        (4, "Marketing stands in line 1 already."),
        (
            5,
            "OTP and security draws on the master account's balance and has none of its own.",
        ),
        (
            6,
            "Credit cannot be transferred from an account to itself: choose another account.",
        ),
        (7, "“retail” is the code of Retail branches and the name of another: write its code."),
        (
            8,
            "This line has 3 columns: an account and an amount are two. An amount has no commas,"
            " and a name that has one stands in quotation marks.",
        ),
        (9, "The amount is not more than zero."),
        (10, "The amount is not more than zero."),
        (11, "The amount has too many decimals: at most 2."),
        (
            12,
            "Write the amount in digits with a point for decimals, without commas or spaces: for"
            " example 1500.00.",
        ),
        (13, "Write an account and an amount, with a tab, a comma or a semicolon between."),
        (14, "The account is missing."),
        (15, "The amount is missing."),
        (16, "The quotation marks in this line do not match."),
        (17, "This line is too long."),
    ]


def test_markup_in_a_line_is_shown_as_written(admin, cast):
    response = refused(admin, table(cast, "<b>x</b>,1"), "table", "1 line cannot be used.")
    assert "&lt;b&gt;x&lt;/b&gt;" in response.content.decode()
    assert "<b>x</b>" not in response.content.decode()


def test_bad_lines_of_the_list_of_accounts_are_named_too(admin, cast, evenly):
    fields = evenly | {"accounts": "marketing\notp\nnobody\nMARKETING"}
    response = refused(admin, fields, "accounts", "3 lines cannot be used.")
    assert [number for number, _ in bad(response)] == [2, 3, 4]


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"from": ""}, "source", "Choose the account that gives."),
        ({"from": "x\x00"}, "source", "Choose one of this company"),
        ({"way": ""}, "way", "Choose how the amounts come about."),
        ({"way": "magic"}, "way", "Choose how the amounts come about."),
        ({"amount": ""}, "amount", "Write how much to share out."),
        ({"amount": "0"}, "amount", "The amount is zero"),
        ({"amount": "-1"}, "amount", "below zero"),
        ({"amount": "1,5"}, "amount", "without commas"),
        ({"amount": "1.005"}, "amount", "too many decimals"),
        ({"amount": "9" * 50}, "amount", "too large"),
        ({"way": "usage", "amount": ""}, "amount", "Write how much to share out."),
        ({"way": "target", "target": ""}, "target", "Write what balance each shall have."),
        ({"way": "target", "target": "0"}, "target", "The balance is zero"),
        ({"way": "table", "table": " \n"}, "table", "Paste or write"),
        ({"way": "table", "table": "account,amount"}, "table", "There is no line"),
        ({"way": "table", "table": "a\x00,1"}, "table", "Null characters"),
        ({"way": "table", "table": "x" * 200_001}, "table", "at most 200000 are read"),
        ({"way": "table", "table": "a,1\n" * 1002}, "table", "at most 1000"),
        ({"accounts": "a\n" * 1001}, "accounts", "at most 1000"),
        ({"note": "n" * 201}, "note", "at most 200 characters"),
        ({"key": ""}, None, "came without its number"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_kept(admin, evenly, change, field, sentence):
    refused(admin, evenly | change, field, sentence)


def test_a_foreign_account_is_nobody(admin, cast, evenly):
    refused(admin, evenly | {"from": cast.gulf.pk}, "source", "Choose one of this company")
    response = refused(admin, table(cast, "sales,1\nGulf Trading,1"), "table", "2 lines")
    assert "KWD" not in plain(response)


def test_more_than_the_source_has_is_said_with_the_figures(admin, cast, evenly):
    sentence = "Marketing can spend at most EGP 500.00: 100.00 less than asked for."
    fields = evenly | {"from": cast.marketing.pk, "amount": "600"}
    refused(admin, fields, "amount", sentence)
    refused(admin, table(cast, "retail,600") | {"from": cast.marketing.pk}, "table", sentence)
    tree.suspend(account=cast.marketing)
    refused(admin, fields | {"amount": "1"}, "source", "Marketing is suspended")


def test_nobody_to_receive_is_said(client, cast):
    tree.share(account=cast.gulf_sales, by=None)
    client.force_login(cast.gulf_admin)
    fields = {"from": cast.gulf.pk, "way": "even", "amount": "1", "key": uuid4()}
    response = client.post(reverse("transfer-many", args=["gulf"]), fields)
    assert response.status_code == 422
    assert "No other subaccount has a balance of its own" in plain(response)


def test_a_thousand_lines_fit_and_take_no_more_queries_than_two(admin, cast):
    make_branches(cast.nile, 1001)
    text = "\n".join(f"b-{at}\t1.25" for at in range(1000))

    def run(lines_text: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            response = admin.post(MANY, table(cast, lines_text))
            assert response.status_code == 200, response.context["form"].errors
            assert admin.post(SEND, hidden(response)).status_code == 302
        return len(captured)

    few = run("b-0\t1\nb-1\t1")
    # COPY for many rows is a statement of its own.
    assert run(text) <= few + 1 <= 50
    assert TransferBatch.objects.get(count=1000).total == Decimal(1250)
    refused(admin, table(cast, text + "\nb-1000\t1"), "table", "1001 accounts are too many")
    many = {"from": cast.nile.pk, "way": "even", "amount": "2000", "key": uuid4()}
    refused(admin, many, "accounts", "1003 accounts are too many")


# --- sending ----------------------------------------------------------------------------------


def test_what_the_preview_has_shown_is_moved_and_its_page_is_shown(admin, cast, evenly):
    response = admin.post(SEND, hidden(preview(admin, evenly)), follow=True)
    batch = TransferBatch.objects.get()
    assert response.redirect_chain == [(batch.get_absolute_url(), 302)]
    assert "Moved EGP 100.00 from Nile Retail Group to 2 accounts." in plain(response)
    assert (batch.note, batch.by, batch.count) == ("for Ramadan", cast.admin, 2)
    assert balance_of(cast.marketing).credit == Decimal(550)


def test_sent_twice_it_happens_once(admin, cast, evenly):
    fields = hidden(preview(admin, evenly))
    first = admin.post(SEND, fields)
    again = admin.post(SEND, fields, follow=True)
    assert again.redirect_chain == [(first["Location"], 302)]
    assert "and not again" in plain(again)
    assert rows()[:2] == (1, 2)


def test_a_key_used_before_for_others_is_refused_with_a_fresh_key(admin, cast, evenly):
    admin.post(SEND, hidden(preview(admin, evenly)))
    fields = hidden(preview(admin, evenly | {"amount": "50"}))
    response = admin.post(SEND, fields)
    assert response.status_code == 422
    assert rows()[0] == 1
    assert "This form was sent before" in plain(response)
    assert TransferBatch.objects.get().get_absolute_url() in response.content.decode()
    assert admin.post(SEND, hidden(response)).status_code == 302
    assert rows()[0] == 2


def test_figures_that_have_changed_are_shown_and_asked_again(admin, cast, evenly):
    fields = hidden(preview(admin, evenly))
    give(cast.retail, "1")
    response = admin.post(SEND, fields)
    assert response.status_code == 422
    assert rows()[0] == 0
    text = plain(response)
    assert "Retail branches had 20.50 available and has 21.50 now" in text
    assert "71.50" in text
    assert "Move it even if the balances change once more" in text
    # And once more; who does not mind says so.
    fields = hidden(response)
    give(cast.retail, "1")
    assert admin.post(SEND, fields).status_code == 422
    assert admin.post(SEND, fields | {"anyway": "on"}).status_code == 302
    assert rows()[0] == 1


def test_what_became_impossible_is_named_and_only_a_change_is_offered(admin, cast, evenly):
    fields = hidden(preview(admin, evenly))
    tree.share(account=cast.retail, by=None)
    response = admin.post(SEND, fields | {"shown": ""})
    assert response.status_code == 422
    assert rows()[0] == 0
    text = plain(response)
    assert "1 line cannot be made, so nothing was moved." in text
    assert "Retail branches draws on the master account's balance" in text
    assert "Transfer EGP 100.00" not in text
    assert "Change" in text


@pytest.mark.parametrize(
    "change",
    [
        {"lines": ""},
        {"lines": "marketing"},
        {"lines": "sales\t1"},
        {"lines": "marketing\t1\n" * 2},
        {"lines": "marketing\t1\n" * 1001},
        {"lines": "m\x00\t1"},
        {"from": "x"},
        {"from": ""},
        {"key": ""},
        {"key": "x"},
        {"shown": "junk"},
        {"shown": "1=1;2"},
        {"note": "n" * 201},
    ],
)
def test_what_no_preview_has_written_is_refused(admin, evenly, change):
    response = admin.post(SEND, hidden(preview(admin, evenly)) | change)
    assert response.status_code == 422
    assert rows()[0] == 0
    assert "There is a problem" in plain(response)


def test_an_empty_post_is_refused(admin):
    assert admin.post(SEND, {}).status_code == 422
    assert admin.post(MANY, {}).status_code == 422


def test_change_brings_all_that_was_typed_back(admin, cast, evenly):
    fields = hidden(preview(admin, evenly | {"accounts": "marketing\nretail"}))
    response = admin.post(MANY, fields | {"change": "1"})
    assert response.status_code == 200
    form = response.context["form"]
    assert not form.errors
    assert form["accounts"].value().splitlines() == ["marketing", "retail"]
    assert (form["amount"].value(), form["note"].value()) == ("100", "for Ramadan")
    assert form["key"].value() == evenly["key"]


def test_the_address_fills_in_the_form_and_complains_about_nothing(admin, cast):
    response = admin.get(MANY, {"from": cast.marketing.pk, "way": "target", "target": "5"})
    form = response.context["form"]
    assert not form.errors
    assert (form["source"].value(), form["way"].value()) == (str(cast.marketing.pk), "target")


# --- access -----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [MANY, SEND])
def test_access(client, cast, evenly, address):
    assert client.post(address, evenly).status_code == 302
    for who, status in (
        ("stranger", 404),
        ("gulf_admin", 404),
        ("finance", 403),
        ("operator", 403),
        ("marketing_admin", 403),
        ("member", 403),
        ("otp_member", 403),
    ):
        client.force_login(getattr(cast, who))
        assert client.post(address, evenly).status_code == status, who
        assert client.get(address).status_code == status, who
    assert rows()[0] == 0


def test_sending_by_get_leads_to_the_form(admin):
    assert admin.get(SEND)["Location"] == MANY
    assert admin.put(SEND).status_code == 405


# --- its page ---------------------------------------------------------------------------------


@pytest.fixture
def batch(admin, cast, evenly) -> TransferBatch:
    admin.post(SEND, hidden(preview(admin, evenly)), follow=True)
    return TransferBatch.objects.get()


def test_its_page_shows_every_line_who_when_and_why(client, cast, batch):
    for who in ("admin", "finance", "operator"):
        client.force_login(getattr(cast, who))
        response = client.get(batch.get_absolute_url())
        text = plain(response)
        for part in ("EGP 100.00 to 2 accounts", "Marketing", "Retail branches", "for Ramadan"):
            assert part in text
        for line in batch.transfers.all():
            assert line.get_absolute_url() in response.content.decode()


def test_a_member_sees_their_line_and_neither_number_nor_total(client, cast, batch):
    client.force_login(cast.member)
    text = plain(client.get(batch.get_absolute_url()))
    assert "50.00" in text
    for secret in ("100.00", "2 accounts", "Retail branches"):
        assert secret not in text


def test_who_sees_none_of_it_gets_404(client, cast, batch):
    address = batch.get_absolute_url()
    client.logout()
    assert client.get(address).status_code == 302
    for who in ("stranger", "gulf_admin", "otp_member"):
        client.force_login(getattr(cast, who))
        assert client.get(address).status_code == 404
    client.force_login(cast.operator)
    assert client.get(reverse("transfer-batch", args=["gulf", batch.pk])).status_code == 404
    assert client.get(reverse("transfer-batch", args=["nile", 999999])).status_code == 404
    assert client.get(f"/accounts/nile/transfers/many/{'9' * 40}/").status_code == 404
    assert client.post(address).status_code == 405
