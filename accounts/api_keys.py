"""Keys of the API: make, find, revoke. A key is shown once, when it is made.

At rest there is only its SHA-256. A fast hash is right here: the secret is 32 random bytes, so no
list of guesses is shorter than 2**256, which is what a slow hash would have to make up for in a
password; and it is computed for every request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db import Error, connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit_actions import AuditAction
from accounts.locking import lock_company
from accounts.models import Account, ApiKey, Scope, User
from accounts.refusals import Refused

logger = logging.getLogger(__name__)

MOST_OF_A_COMPANY = 50

# Begins with its public name, and is recognised by those who scan code for secrets.
_KEY = re.compile(r"(cck_[a-z2-7]{8})_([A-Za-z0-9_-]{43})", re.ASCII)

# Read at each request, so that a revoked key is refused at once by every process; and in SQL of
# our own, because the ORM would take longer to write the query than PostgreSQL to answer it.
FIND = """
SELECT k.id, k.digest, k.master_id, k.scopes,
       k.last_used_at IS NULL OR k.last_used_at < clock_timestamp() - interval '1 minute'
FROM accounts_apikey k
WHERE k.prefix = %s AND k.revoked_at IS NULL
"""

# SKIP LOCKED: whoever comes second need not wait for the first to write the same.
NOTE_USE = """
UPDATE accounts_apikey SET last_used_at = greatest(clock_timestamp(), created_at)
WHERE id = (
    SELECT id FROM accounts_apikey
    WHERE id = %s
      AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
    FOR NO KEY UPDATE SKIP LOCKED)
"""


class Bearer(NamedTuple):
    """Whoever asks with a valid key. ``master`` is the company's id, None for the platform."""

    id: int
    prefix: str
    master: int | None
    scopes: frozenset[str]
    use_is_stale: bool


class TooManyKeys(Refused):
    """A company has so many keys that nobody could know them all."""


class KeyMadeAlready(Refused):
    """The same form was sent before; its ``row`` was made then, and its key shown then."""

    def __init__(self, row: ApiKey) -> None:
        super().__init__(
            _(
                "The key %(prefix)s was made already, and shown then: it cannot be shown again."
                " If you have not kept it, revoke it and make another."
            )
            % {"prefix": row.prefix}
        )
        self.row = row


def create(
    *,
    name: str,
    scopes: Collection[Scope],
    master: Account | None,
    by: User | None = None,
    form: UUID | None = None,
) -> tuple[ApiKey, str]:
    """Make a key for the company ``master``, or for the whole platform where that is None.

    Gives back the row and the key itself, which nobody can read again. Called twice, it makes two
    keys, unless both calls name the same ``form``: then the second raises KeyMadeAlready. Raises
    ValidationError for a blank name, no scope or an unknown one, TooManyKeys, and ValueError for a
    subaccount.
    """
    if master is not None and not master.is_master:
        raise ValueError(f"{master.code} is a subaccount: a key is for a master account")
    # 40 bits name it, 256 are the secret.
    prefix = "cck_" + base64.b32encode(secrets.token_bytes(5)).decode().lower()
    key = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey(
        prefix=prefix,
        digest=_digest(key),
        name=name.strip(),
        master=master,
        scopes=sorted({str(scope) for scope in scopes}),
        created_by=by,
        form=form,
    )
    row.full_clean(exclude=["master", "created_by", "form", "last_used_at", "revoked_at"])
    with transaction.atomic():
        if master is not None:
            # Then two who send the same form come one after the other, too.
            lock_company(master)
            _require_new_and_few(master, form)
        row.save(force_insert=True)
        audit.record(
            action=AuditAction.KEY_MADE,
            by=by,
            master=master,
            after={"prefix": row.prefix, "scopes": row.scopes},
            about=row.name,
        )
    return row, key


def _require_new_and_few(master: Account, form: UUID | None) -> None:
    before = ApiKey.objects.filter(master=master, form=form).first() if form else None
    if before is not None:
        raise KeyMadeAlready(before)
    count = ApiKey.objects.filter(master=master, revoked_at__isnull=True).count()
    if count >= MOST_OF_A_COMPANY:
        raise TooManyKeys(
            _("%(company)s has %(count)d keys, and cannot have more: revoke those not in use.")
            % {"company": master.name, "count": count}
        )


def revoke(*, prefix: str, by: User | None = None) -> ApiKey:
    """Revoke the key for good; the next request with it is refused, in every process.

    A second call changes nothing. Raises ApiKey.DoesNotExist for an unknown prefix.
    """
    with transaction.atomic():
        revoked = ApiKey.objects.filter(prefix=prefix, revoked_at__isnull=True).update(
            revoked_at=Greatest(Now(), F("created_at"))
        )
        row = ApiKey.objects.get(prefix=prefix)
        if revoked:
            audit.record(
                action=AuditAction.KEY_REVOKED,
                by=by,
                master=row.master_id,
                before={"prefix": prefix},
                about=row.name,
            )
    return row


def find(key: str) -> Bearer | None:
    """Who has this key, or None for what is no key, an unknown or a revoked one. One query."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(FIND, [match[1]])
        found = cursor.fetchone()
    if found is None:
        return None
    number, digest, master, scopes, use_is_stale = found
    # In constant time: how much of it is right must not show.
    if not hmac.compare_digest(digest, _digest(key)):
        return None
    return Bearer(number, match[1], master, frozenset(scopes), use_is_stale)


def note_use(bearer: Bearer) -> None:
    """Write down that the key is in use, once a minute. It never fails, and waits for nobody."""
    if not bearer.use_is_stale:
        return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Not worth waiting for the disk; if it is lost, the next request says it again.
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute(NOTE_USE, [bearer.id])
    except Error as error:
        logger.warning("The use of key %s could not be noted: %s", bearer.prefix, error)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
