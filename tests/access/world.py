"""One company with one of everything, everybody who might knock, and what their browsers carry."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from fido2.cose import ES256
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorAttestationResponse,
    AuthenticatorData,
    CollectedClientData,
    RegistrationResponse,
)

from accounts import api_keys, invitations, viewing
from accounts.access import access_or_404
from accounts.models import Account, ApiKey, Membership, Role, Scope, SignIn, User
from accounts.sign_ins import SEEN
from billing import alerts, caps, charges, holds, refunds, settlement, transfer_batches, transfers
from billing.gateways.protocol import Fact, What
from billing.models import Balance, Entry, Notice, Payment
from reports import export_jobs, saved_views, statements
from reports.pages import write_key
from tests.access import others
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, entry
from tests.billing.payments.operators import take
from tests.factories import Cast, make_cast, make_user, set_limit

# What only the platform does, wherever its page is.
PLATFORMS = re.compile(r"/operator/")


@dataclass
class World:
    """What the tests need to know of it."""

    cast: Cast
    root: Path
    browsers: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    pending: Payment | None = None
    paid: Payment | None = None
    of_retail: Payment | None = None
    hold: UUID | None = None
    token: str = ""
    # The shared balance, in figures that occur nowhere else.
    pool: tuple[str, ...] = ()
    at: dict[str, Any] = field(default_factory=dict)
    # By kind of thing: another company's, and one of Nile's that Marketing's people do not see.
    foreign: dict[str, Any] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)

    def browser(self, who: str, path: str = "", **options: Any) -> Client:
        """A browser as this person has it open; a new one each time."""
        client = Client(**options)
        if who == "stale":
            who = "stale operator" if PLATFORMS.match(path) else "stale admin"
        if who in self.browsers:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.browsers[who]
        return client


def make_world(root: Path) -> World:
    """Made by the verbs, as it would come about. Files go below ``root``."""
    cast = make_cast()
    world = World(cast, root)
    _move_money(world)
    _take_payments(world)
    _keep_books(world)
    _know_people(world)
    world.at |= others.of_operators(cast)
    _make_keys(world)
    _keep_mail(world)
    world.foreign = others.of_gulf(cast)
    world.hidden = others.of_retail(world)
    _sign_in(world)
    world.pool = _figures(Balance.objects.get(account=cast.nile))
    return world


def _figures(pool: Balance) -> tuple[str, ...]:
    """The shared balance as pages and files write it."""
    found = [
        f"{amount:{form}}"
        for amount in (pool.credit, pool.available, pool.available - pool.credit_limit)
        for form in (".2f", ",.2f", ".6f")
    ]
    assert pool.credit > 1000, "too small to be known by its figures"
    return tuple(found)


def _move_money(world: World) -> None:
    cast = world.cast
    set_limit(cast.nile, "250")
    caps.change(account=cast.marketing, cap=Decimal(400), by=cast.admin)
    moved = transfers.make(
        source=cast.nile,
        destination=cast.marketing,
        amount=Decimal("765.68"),
        key=uuid4(),
        by=cast.admin,
    )
    elsewhere = transfers.make(
        source=cast.nile,
        destination=cast.retail,
        amount=Decimal(10),
        key=uuid4(),
        by=cast.admin,
    )
    batch = transfer_batches.make_many(
        source=cast.nile,
        lines=[
            transfer_batches.Line(cast.marketing, Decimal(5)),
            transfer_batches.Line(cast.retail, Decimal(6)),
        ],
        key=uuid4(),
        by=cast.admin,
    )
    alert = alerts.add(
        account=cast.marketing, threshold=Decimal(1200), recipients=[cast.admin], by=cast.admin
    )
    for account, amount in ((cast.marketing, "225"), (cast.otp, "3.25"), (cast.retail, "1")):
        charges.charge(account=account, amount=Decimal(amount), reference=f"m-{account.code}")
    held = holds.hold(account=cast.marketing, amount=Decimal(12), reference="h-1").hold
    assert held is not None
    world.hold = held.id
    entry_of = {
        account.code: write_key(
            Entry.objects.filter(account=account, holder=account.holder_id).latest("posted_at")
        )
        for account in (cast.nile, cast.marketing, cast.retail, cast.otp)
    }
    world.at |= {
        "alert": alert.pk,
        "transfer": moved.pk,
        "transfer of retail": elsewhere.pk,
        "batch": batch.pk,
        "entry": entry_of,
    }


def _take_payments(world: World) -> None:
    cast = world.cast
    paid, other, waiting = ask(cast.marketing), ask(cast.retail), ask(cast.marketing, "1600")
    done = take(
        cast, camt(entry("1500.00", paid.reference, bank="1"), entry("2.00", "?", bank="2"))
    )
    fact = Fact(What.PAID, reference="x", amount=Decimal(7), currency="EGP")
    settlement.learn_about(other, [fact])
    refund = refunds.request(
        payment=paid, amount=Decimal(3), reason="asked", key=uuid4(), by=cast.operator
    )
    paid.refresh_from_db()
    world.paid, world.pending, world.of_retail = paid, waiting, other
    world.at |= {
        "arrival": other.arrivals.get().pk,
        "refund": refund.pk,
        "bank statement": done.pk,
        "bank line": done.lines.get(bank_reference="2").pk,
        "receipt": paid.arrivals.get().receipt,
    }


def _keep_books(world: World) -> None:
    cast = world.cast
    today: date = export_jobs.clock().astimezone(cast.nile.zone).date()
    of = {
        account.code: statements.issue(holder=account, first=today, last=today, by=cast.admin).name
        for account in (cast.marketing, cast.nile)
    }
    access = access_or_404(cast.admin, "nile")
    ordered = {}
    for format in ("csv", "json"):
        ordered[format], _new = export_jobs.order(
            access=access, format=format, query="", key=uuid4(), rows=None
        )
    export_jobs.make(str(ordered["csv"].pk))
    notice = Notice.objects.filter(account=cast.marketing).latest("pk")
    world.at |= {
        "statement": of,
        "export": ordered["csv"].pk,
        "running export": ordered["json"].pk,
        "view": saved_views.save(
            user=cast.admin, company=cast.nile, name="Mine", query="kind=usage"
        ).pk,
        "notice": notice.pk,
        "today": today,
    }


def _know_people(world: World) -> None:
    cast = world.cast
    invited = invitations.invite(
        company=cast.nile,
        account=cast.marketing,
        email="new@nile.example",
        role=Role.MEMBER,
        by=cast.admin,
    )
    passkey = Authenticator.objects.create(
        user=cast.admin,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "Laptop", "credential": a_passkey()},
    )
    RecoveryCodes.activate(cast.admin)
    newcomer = make_user("newcomer@elsewhere.example")
    address = EmailAddress.objects.create(user=newcomer, email="other@elsewhere.example")
    world.token = invitations.token_of(invited)
    world.at |= {
        "invitation": invited.pk,
        "membership": Membership.objects.get(user=cast.member).pk,
        "membership of finance": Membership.objects.get(user=cast.finance).pk,
        "passkey": passkey.pk,
        "confirmation": EmailConfirmationHMAC(address).key,
        "reset": {
            "uidb36": user_pk_to_url_str(cast.member),
            "key": default_token_generator.make_token(cast.member),
        },
    }


def _make_keys(world: World) -> None:
    cast = world.cast

    def key(name: str, master: Account | None, *scopes: Scope) -> ApiKey:
        row, world.keys[name] = api_keys.create(
            name=name, scopes=scopes or list(Scope), master=master, by=cast.admin
        )
        return row

    world.at["key"] = key("right", cast.nile).prefix
    key("foreign", cast.gulf)
    key("platform", None)
    for scope in Scope:
        key(f"without {scope}", cast.nile, *(each for each in Scope if each != scope))
    api_keys.revoke(prefix=key("revoked", cast.nile).prefix, by=cast.admin)
    world.keys["wrong"] = world.keys["right"][:-1] + (
        "a" if world.keys["right"][-1] != "a" else "b"
    )


def a_passkey() -> dict[str, Any]:
    """What a browser tells of a new passkey: well made, and nobody has its other half."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    about = AuthenticatorData.create(
        sha256(b"localhost").digest(),
        AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT,
        0,
        AttestedCredentialData.create(bytes(16), b"laptop", ES256.from_cryptography_key(key)),
    )
    told = RegistrationResponse(
        raw_id=b"laptop",
        response=AuthenticatorAttestationResponse(
            client_data=CollectedClientData.create("webauthn.create", b"x", "http://localhost"),
            attestation_object=AttestationObject.create("none", about, {}),
        ),
    )
    return dict(told)


def _keep_mail(world: World) -> None:
    """For the demo's mailbox."""
    box = world.root / "mailbox"
    box.mkdir()
    mail = EmailMultiAlternatives("Hello", "Good morning", to=["admin@nile.example"])
    mail.attach_alternative("<html><head></head><p>Good morning</p></html>", "text/html")
    name = "1-1-1"
    (box / f"{name}.eml").write_bytes(mail.message().as_bytes())
    world.at["mail"] = name


def _sign_in(world: World) -> None:
    cast = world.cast
    bare = make_user("new-operator@platform.example", is_staff=True)
    Authenticator.objects.filter(user=bare).delete()
    people: dict[str, User] = {
        "stranger": cast.stranger,
        "member": cast.member,
        "shared": cast.otp_member,
        "subadmin": cast.marketing_admin,
        "finance": cast.finance,
        "admin": cast.admin,
        "foreign": cast.gulf_admin,
        "operator": cast.operator,
        "bare": bare,
        "stale admin": cast.admin,
        "stale operator": cast.operator,
        "elsewhere": cast.admin,
        "viewing": cast.operator,
    }
    for who, user in people.items():
        client = Client()
        client.force_login(user)
        world.browsers[who] = client.cookies[settings.SESSION_COOKIE_NAME].value
    for who, key in world.browsers.items():
        session = SessionStore(key)
        # Or each request would note that somebody was there.
        session[SEEN] = time.time() + 3600
        if who.startswith("stale"):
            proofs = session[AUTHENTICATION_METHODS_SESSION_KEY]
            session[AUTHENTICATION_METHODS_SESSION_KEY] = [
                proof | {"at": proof["at"] - 3600} for proof in proofs
            ]
        if who == "viewing":
            # As the view's own page leaves it.
            session[viewing.KEPT] = {
                "operator": cast.operator.pk,
                "person": cast.admin.pk,
                "company": cast.nile.pk,
                "code": "nile",
                "began": time.time(),
            }
        session.save()
    world.at["sign-in"] = SignIn.objects.create(
        user=cast.admin,
        session_key=world.browsers.pop("elsewhere"),
        created_at=export_jobs.clock(),
        seen_at=export_jobs.clock(),
    ).pk
