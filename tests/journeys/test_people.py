"""People: invite somebody, who reads the mail, comes in, gets another role and is removed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts import invitations
from accounts.models import Membership, Role
from tests.accounts.people import mail_all

pytestmark = pytest.mark.django_db(transaction=True)


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def follow(page: Page, name: str) -> None:
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()


@pytest.fixture
def mailbox(settings, tmp_path: Path, live_server) -> str:
    """The demo's mailbox, where the mails of this test go."""
    settings.EMAIL_BACKEND = "console.mailbox.Backend"
    settings.DEMO_MAILBOX = tmp_path / "mailbox"
    settings.BASE_URL = live_server.url
    return f"{live_server.url}/demo/mailbox/"


def test_somebody_is_invited_reads_the_mail_comes_in_and_goes_again(
    page: Page, browser: Browser, browser_context_args, cast, sign_in, look, mailbox
):
    cast.admin.name = "Aya Hassan"
    cast.admin.save()
    sign_in(page, cast.admin)
    follow(page, "People")
    heading(page, "People")
    page.get_by_role("link", name="Invite somebody").click()
    heading(page, "Invite somebody")
    page.get_by_label("E-mail address").fill("mona@nile")
    page.get_by_role("button", name="Send the invitation").click()
    problem = page.get_by_role("alert").filter(has_text="There is a problem")
    expect(problem).to_contain_text("Choose the account")
    look(page, "invitation-new")
    page.get_by_label("E-mail address").fill("mona@nile.example")
    page.get_by_role("combobox", name="Account").click()
    page.get_by_role("option", name=re.compile("Marketing")).click()
    page.get_by_role("radio", name=re.compile("^Member")).check()
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.locator("#messages")).to_contain_text("mona@nile.example is invited")
    mail_all()

    guest = browser.new_context(**browser_context_args).new_page()
    guest.goto(mailbox)
    guest.get_by_role("link", name=re.compile("Aya Hassan invites you")).click()
    frame = guest.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_contain_text("Nile Retail Group")
    look(guest, "mailbox-mail")
    with guest.context.expect_page() as opened:
        frame.get_by_role("link", name="Look at the invitation").click()
    heading(opened.value, "Invitation to Nile Retail Group")
    opened.value.close()
    guest.get_by_role("link", name="/invitations/").click()
    heading(guest, "Invitation to Nile Retail Group")
    look(guest, "invitation")
    guest.get_by_label("Your name").fill("Mona Adel")
    guest.get_by_label("Password", exact=True).fill("short")
    guest.get_by_label("Password (again)").fill("short")
    guest.get_by_role("button", name="Accept and sign in").click()
    expect(guest.get_by_role("alert")).to_contain_text("at least 10")
    expect(guest.get_by_label("Your name")).to_have_value("Mona Adel")
    guest.get_by_label("Password", exact=True).fill("seven tall ships")
    guest.get_by_label("Password (again)").fill("seven tall ships")
    guest.get_by_role("button", name="Accept and sign in").click()
    expect(guest.locator("#messages")).to_contain_text("Welcome to Nile Retail Group")
    expect(guest.get_by_role("link", name="People")).to_have_count(0)

    invitations.invite(
        company=cast.nile,
        account=cast.retail,
        email="a.long.address.of.somebody@branches.nile-retail-group.example",
        role=Role.SUBACCOUNT_ADMIN,
        by=cast.admin,
    )
    follow(page, "People")
    search = page.get_by_role("searchbox")
    search.fill("mona")
    expect(page.locator("#people-table tbody tr")).to_have_count(1)
    search.fill("")
    expect(page.locator("#people-table tbody tr")).to_have_count(6)
    look(page, "people")
    page.get_by_role("link", name=re.compile("Change role.*Mona")).click()
    heading(page, "Change the role of Mona Adel")
    look(page, "person-role")
    page.get_by_role("radio", name=re.compile("^Subaccount admin")).check()
    page.get_by_role("button", name="Change the role").click()
    expect(page.locator("#messages")).to_contain_text("Mona Adel has a role at Marketing now")
    # In the browser that is open, with the next page.
    guest.reload()
    follow(guest, "People")
    expect(guest.locator("#people-table tbody tr")).to_have_count(3)

    page.get_by_role("link", name=re.compile("Remove.*Mona")).click()
    heading(page, "Remove Mona Adel from Marketing")
    look(page, "person-remove")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("Mona Adel no longer belongs to Marketing")
    assert guest.reload().status == 404
    guest.context.close()
    assert Membership.objects.count() == 6


def test_an_admin_makes_a_key_keeps_it_and_revokes_it(page: Page, cast, sign_in, look):
    sign_in(page, cast.admin)
    follow(page, "API keys")
    heading(page, "API keys")
    look(page, "api-keys-empty")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill("SMS gateway, Cairo")
    page.get_by_label("Read balances").check()
    page.get_by_label("Charge usage", exact=True).check()
    look(page, "api-key-new")
    page.get_by_role("button", name="Make the key").click()
    heading(page, "The key for SMS gateway, Cairo")
    expect(page.locator("#key")).to_contain_text("cck_")
    look(page, "api-key-made")
    page.get_by_role("link", name="I have kept it").click()
    look(page, "api-keys")
    page.get_by_role("link", name=re.compile("Revoke.*SMS gateway")).click()
    look(page, "api-key-revoke")
    page.get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_role("heading", name="Revoked keys")).to_be_visible()
    look(page, "api-keys-revoked")


def test_without_scripts_one_invites_and_withdraws(
    browser: Browser, browser_context_args, cast, live_server, sign_in
):
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, cast.marketing_admin)
        page.goto(f"{live_server.url}/accounts/nile/people/invite/")
        page.get_by_label("E-mail address").fill("mona@nile.example")
        page.get_by_role("button", name="Send the invitation").click()
        expect(page.locator("#messages")).to_contain_text("mona@nile.example is invited")
        page.get_by_role("button", name=re.compile("Withdraw.*mona")).click()
        expect(page.locator("#messages")).to_contain_text("is withdrawn")
        expect(page.get_by_text("Open invitations")).to_have_count(0)
        page.goto(f"{live_server.url}/accounts/nile/people/?q=nobody-here")
        expect(page.get_by_role("heading", name="Nobody found")).to_be_visible()
