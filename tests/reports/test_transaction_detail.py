"""An entry's own page, and the views that a person keeps."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing import adjustments, charges, holds, transfers
from billing.models import Entry
from console.money import MINUS
from reports import statements
from reports.models import SavedView
from reports.models.saved_views import MOST
from reports.pages import write_key
from tests.factories import Cast
from tests.reports.transactions import address, spend

pytestmark = pytest.mark.django_db


def page_of(user: User, entry: Entry, company: str = "nile"):
    client = Client()
    client.force_login(user)
    return client.get(reverse("transaction-detail", args=[company, write_key(entry)]))


def words(response) -> str:
    """What the page itself says, without its menus."""
    return response.content.decode().split("<main", 1)[1]


def last_of(account) -> Entry:
    return Entry.objects.filter(account=account).order_by("-posted_at", "-seq").first()


class TestEntry:
    def test_shows_both_sides_and_the_balance_before_and_after(self, cast: Cast) -> None:
        spend(cast.marketing, "12.0075", "msg-1", description="Campaign")
        content = page_of(cast.member, last_of(cast.marketing)).content.decode()
        for text in ("Campaign", "msg-1", "500", "487.9925", f"{MINUS}12.0075", "+12.0075"):
            assert text in content
        assert "Usage revenue" in content

    def test_leads_to_the_statement_that_holds_it_and_to_none_of_the_pool(
        self, cast: Cast
    ) -> None:
        spend(cast.otp, "1", "otp-1")
        entry, today = last_of(cast.otp), timezone.localdate(timezone=cast.nile.zone)
        assert "Statement" not in words(page_of(cast.finance, entry))
        issued = [
            statements.issue(holder=holder, first=today.replace(day=1), last=today)
            for holder in (cast.marketing, cast.nile)
        ]
        shown = page_of(cast.finance, entry).content.decode()
        assert [each.get_absolute_url() in shown for each in issued] == [False, True]
        # Its entry is in there, but the statement is the pool's.
        assert "Statement" not in words(page_of(cast.otp_member, entry))
        spend(cast.nile, "1", "later")
        assert "Statement" not in words(page_of(cast.finance, last_of(cast.nile)))

    @pytest.mark.parametrize("who", ["stranger", "gulf_admin", "otp_member"])
    def test_is_not_there_for(self, cast: Cast, who: str) -> None:
        spend(cast.marketing, "1", "msg-1")
        assert page_of(getattr(cast, who), last_of(cast.marketing)).status_code == 404

    def test_anonymous_signs_in(self, client: Client, cast: Cast) -> None:
        key = write_key(last_of(cast.marketing))
        assert client.get(reverse("transaction-detail", args=["nile", key])).status_code == 302

    def test_key_of_another_company_leads_nowhere(self, cast: Cast) -> None:
        entry = Entry.objects.filter(master=cast.gulf).first()
        assert page_of(cast.finance, entry).status_code == 404
        assert page_of(cast.operator, entry).status_code == 404

    @pytest.mark.parametrize("key", ["x", "1", "AAAA", "%00", "a" * 2000, "عيد"])
    def test_damaged_key_is_404(self, cast: Cast, key: str) -> None:
        client = Client()
        client.force_login(cast.finance)
        assert client.get(f"{address()}{key}/").status_code == 404

    def test_pool_stays_hidden_from_who_sees_only_a_shared_subaccount(self, cast: Cast) -> None:
        spend(cast.otp, "3.25", "otp-1")
        entry = last_of(cast.otp)
        content = page_of(cast.otp_member, entry).content.decode()
        assert f"{MINUS}3.25" in content
        assert "9,996.75" not in content
        assert "10,000" not in content
        assert f"entry {entry.seq}" not in content
        assert f"entry {entry.seq}" in page_of(cast.finance, entry).content.decode()

    def test_leads_to_where_it_comes_from(self, cast: Cast) -> None:
        moved = transfers.make(
            source=cast.nile,
            destination=cast.marketing,
            amount=Decimal(5),
            key=uuid4(),
            by=cast.admin,
        )
        content = page_of(cast.member, last_of(cast.marketing)).content.decode()
        assert moved.get_absolute_url() in content
        held = holds.hold(account=cast.marketing, amount=Decimal(3), reference="campaign-9").hold
        holds.capture(master=cast.nile.pk, hold=held.id, reference="c-1")
        assert "campaign-9" in page_of(cast.member, last_of(cast.marketing)).content.decode()

    def test_entry_and_its_reversal_lead_to_each_other(self, cast: Cast) -> None:
        spend(cast.marketing, "7", "msg-7")
        spent = last_of(cast.marketing)
        charges.reverse(master=cast.nile.pk, reference="msg-7", reason="never sent")
        undone = last_of(cast.marketing)
        assert write_key(undone) in page_of(cast.member, spent).content.decode()
        assert write_key(spent) in page_of(cast.member, undone).content.decode()

    def test_operator_has_no_name_for_customers(self, cast: Cast) -> None:
        adjustments.make(
            account=cast.marketing,
            amount=Decimal(1),
            reason="goodwill",
            reference="adj",
            by=cast.operator,
        )
        entry = last_of(cast.marketing)
        assert "an operator" in page_of(cast.member, entry).content.decode()
        assert cast.operator.email not in page_of(cast.member, entry).content.decode()
        assert cast.operator.email in page_of(cast.operator, entry).content.decode()


class TestSavedViews:
    def save(self, user: User, name: str, company: str = "nile", **query: object):
        client = Client()
        client.force_login(user)
        url = reverse("view-save", args=[company], query=query or None)
        return client.post(url, {"name": name}, follow=True)

    def delete(self, user: User, view: SavedView, company: str = "nile"):
        client = Client()
        client.force_login(user)
        return client.post(reverse("view-delete", args=[company, view.pk]), follow=True)

    def test_is_kept_and_found_again_by_its_owner_alone(self, cast: Cast) -> None:
        asked = {"kind": ["usage", "refund"], "sort": "oldest", "text": "", "cursor": "x"}
        response = self.save(cast.finance, "Usage, old first", **asked)
        assert "Saved as “Usage, old first”" in response.content.decode()
        [view] = SavedView.objects.all()
        assert view.query == "kind=usage&kind=refund&sort=oldest"
        client = Client()
        client.force_login(cast.finance)
        content = client.get(address()).content.decode()
        assert "?kind=usage&amp;kind=refund&amp;sort=oldest" in content
        client.force_login(cast.admin)
        assert "Usage, old first" not in client.get(address()).content.decode()

    def test_same_name_replaces_it(self, cast: Cast) -> None:
        self.save(cast.finance, "Mine", kind="usage")
        self.save(cast.finance, "mine", kind="refund")
        assert list(SavedView.objects.values_list("name", "query")) == [("mine", "kind=refund")]

    def test_what_cannot_be_used_is_not_kept(self, cast: Cast) -> None:
        assert (
            "Correct what is marked"
            in self.save(cast.finance, "Bad", kind="nothing").content.decode()
        )
        assert "Give the view a name" in self.save(cast.finance, "  ").content.decode()
        assert "at most 60" in self.save(cast.finance, "x" * 61).content.decode()
        assert not SavedView.objects.exists()

    def test_there_is_an_end_to_them(self, cast: Cast) -> None:
        for number in range(MOST):
            SavedView.objects.create(user=cast.finance, master=cast.nile, name=f"view {number}")
        response = self.save(cast.finance, "One more")
        assert f"You keep {MOST} views here already" in response.content.decode()

    def test_only_the_owner_deletes_it(self, cast: Cast) -> None:
        view = SavedView.objects.create(user=cast.finance, master=cast.nile, name="Mine")
        for person in (cast.admin, cast.operator, cast.gulf_admin, cast.stranger):
            assert self.delete(person, view).status_code == 404
        assert self.delete(cast.finance, view).status_code == 200
        assert self.delete(cast.finance, view).status_code == 404

    def test_of_another_company_is_not_there(self, cast: Cast) -> None:
        view = SavedView.objects.create(user=cast.operator, master=cast.gulf, name="Theirs")
        assert self.delete(cast.operator, view).status_code == 404

    def test_strangers_and_anonymous(self, client: Client, cast: Cast) -> None:
        assert self.save(cast.stranger, "Mine").status_code == 404
        assert client.post(reverse("view-save", args=["nile"])).status_code == 302
        client.force_login(cast.finance)
        assert client.get(reverse("view-save", args=["nile"])).status_code == 405

    def test_no_markup(self, cast: Cast) -> None:
        content = self.save(cast.finance, "<script>x</script>").content.decode()
        assert "<script>x" not in content


def test_totals_page_is_for_who_sees_the_transactions(client: Client, cast: Cast) -> None:
    url = reverse("transaction-totals", args=["nile"])
    assert client.get(url).status_code == 302
    for person, status in ((cast.stranger, 404), (cast.gulf_admin, 404), (cast.member, 200)):
        client.force_login(person)
        assert client.get(url).status_code == status
    assert "The filter cannot be used" in client.get(url, {"kind": "x"}).content.decode()
