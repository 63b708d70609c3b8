"""A newcomer's first day: from the mail to a transfer that a passkey proves, in one browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect

from accounts import invitations, sign_in_rules
from accounts.models import Role
from tests.accounts.people import mail_all
from tests.factories import balance_of, code_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def base(live_server, settings, tmp_path: Path) -> str:
    """The console under a name, to which passkeys belong; its mails go to the demo's mailbox."""
    base = live_server.url.replace("127.0.0.1", "localhost")
    settings.EMAIL_BACKEND = "console.mailbox.Backend"
    settings.DEMO_MAILBOX = tmp_path / "mailbox"
    settings.BASE_URL = base
    return base


def test_a_newcomer_comes_by_mail_secures_the_sign_in_and_moves_credit(
    page: Page, cast, base, look, settings, authenticator
):
    invitations.invite(
        company=cast.nile,
        account=cast.nile,
        email="nadia@nile.example",
        role=Role.MASTER_ADMIN,
        by=cast.admin,
    )
    mail_all()
    sign_in_rules.change(company=cast.nile, needs_second_factor=True, confirm_above=50)

    # The mail, and what is behind its link.
    page.goto(f"{base}/demo/mailbox/")
    page.get_by_role("link", name=re.compile("invites you")).click()
    page.get_by_role("link", name="/invitations/").click()
    page.get_by_label("Your name").fill("Nadia Amin")
    page.get_by_label("Password", exact=True).fill("seven tall ships")
    page.get_by_label("Password (again)").fill("seven tall ships")
    page.get_by_role("button", name="Accept and sign in").click()

    # The company asks for a second factor; the password was chosen a moment ago.
    expect(page.get_by_text("Welcome to Nile Retail Group")).to_be_visible()
    page.get_by_role("link", name="Set up an authenticator app").click()
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()

    authenticator(page)
    page.goto(f"{base}/auth/security/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Passkey: My laptop")).to_be_visible()
    kinds = Authenticator.objects.filter(user__email="nadia@nile.example").values_list("type")
    assert {kind for (kind,) in kinds} == {"totp", "recovery_codes", "webauthn"}

    page.get_by_role("link", name="Back to the console").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    look(page, "newcomer-overview")

    # Nobody waits ten minutes: from now on a proof is good for no time at all.
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    page.goto(
        f"{base}/accounts/nile/transfers/new/"
        f"?amount=60&from={cast.nile.pk}&to={cast.marketing.pk}&note=rent"
    )
    page.get_by_role("button", name=re.compile("^Transfer")).click()
    page.get_by_role("link", name="Use a passkey instead").click()
    assert balance_of(cast.marketing).credit == 500
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("Moved EGP 60.00").first).to_be_visible()
    assert balance_of(cast.marketing).credit == 560
