"""Exports in the background: ordered by a person, made by the worker, kept for a week.

Making one may be killed at any moment and begun again: a draft becomes the file when it is whole,
and each beginning has its number, of which only the last may finish. Two workers that make the
same export do no harm.
"""

from __future__ import annotations

import hashlib
import io
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files import File
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.http import Http404
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import audit
from accounts.access import Access, access_or_404
from accounts.audit_actions import AuditAction
from accounts.models import User
from billing import jobs
from billing.locking import clock
from reports.export_room import check_size, make_room, remove_expired_files
from reports.exports import FORMATS, Progress, Unwritable
from reports.exports.names import file_name
from reports.exports.selection import chosen_accounts, filters_of
from reports.filters import TransactionFilter
from reports.models import (
    KEPT,
    REMEMBERED,
    UNFINISHED,
    Export,
    ExportState,
    Reach,
    exports_storage,
)
from reports.queries import Scope, snapshot

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAKE = "reports.tasks.make_export"
MAIL = "reports.tasks.mail_export"

# Of one person, waiting or being made.
MOST_UNFINISHED = 5
# Finished, and no file to fetch.
GONE = (ExportState.FAILED, ExportState.CANCELLED, ExportState.EXPIRED)
# Seconds between two words of progress.
PACE = 1.0
# A draft, or an export being made, that has not moved for so long is dead: its job was given up.
DEAD = timedelta(hours=1)


class TooManyExports(Exception):
    """The person has as many as may wait; ``message`` says so."""

    def __init__(self) -> None:
        self.message = ngettext(
            "You have %(most)d export that is not finished. Wait for it, or cancel it.",
            "You have %(most)d exports that are not finished. Wait for one, or cancel one.",
            MOST_UNFINISHED,
        ) % {"most": MOST_UNFINISHED}
        super().__init__(self.message)


class Cancelled(Exception):
    """Nobody wants the export any more, or another worker makes it."""


def write_now(
    *, format: str, access: Access, query: str, out: BinaryIO
) -> tuple[int, TransactionFilter]:
    """Write the file at once, in one snapshot; how many rows, and the filter that was used.

    Opens a transaction of its own. Raises Unwritable and PermissionDenied.
    """
    with snapshot():
        scope = Scope.of(access)
        filters = filters_of(query, scope)
        return _write(format, scope, filters, out, lambda done: None), filters


def order(
    *, access: Access, format: str, query: str, key: uuid.UUID, rows: int | None
) -> tuple[Export, bool]:
    """Have the worker make a file; the export, and whether it is new.

    ``query`` is canonical and its filter valid, ``rows`` how many there will be, None where that
    is not known. ``key`` comes with the form: a second call with the same of everything returns
    the first export. Raises TooManyExports.
    """
    about = f"{access.user.pk}\n{access.company.pk}\n{format}\n{query}"
    pk = uuid.uuid5(key, about)
    scope = Scope.of(access)
    filters = filters_of(query, scope)
    with transaction.atomic():
        # One at a time for each person, or two at once would both be the fifth.
        User.objects.select_for_update(no_key=True).get(pk=access.user.pk)
        if found := Export.objects.filter(pk=pk).first():
            return found, False
        if Export.objects.filter(user=access.user).unfinished().count() >= MOST_UNFINISHED:
            raise TooManyExports
        reach, accounts = _seen(scope, filters)
        export = Export.objects.create(
            pk=pk,
            master=access.company,
            user=access.user,
            report=FORMATS[format].report,
            format=format,
            query=query,
            language=translation.get_language() or settings.LANGUAGE_CODE,
            reach=reach,
            accounts=accounts,
            rows_total=rows,
            file_name=file_name(access.company, filters, format).full,
            created_at=clock(),
        )
        jobs.order(MAKE, {"export_id": str(export.pk)})
        audit.record(
            action=AuditAction.EXPORT_ORDERED,
            by=access.user,
            master=access.company,
            after={"format": format, "rows": rows},
            about=export.file_name,
        )
    return export, True


def order_again(export: Export, *, access: Access, rows: int | None) -> tuple[Export, bool]:
    """Have the same selection made anew; the export, and whether it is new.

    A second call returns what the first one ordered, until that was cancelled, failed or expired:
    then there is nothing to fetch, and it is made once more. Raises TooManyExports.
    """
    made, is_new = export, False
    while made.pk == export.pk or made.state in GONE:
        made, is_new = order(
            access=access, format=export.format, query=export.query, key=made.pk, rows=rows
        )
    return made, is_new


def cancel(export: Export) -> bool:
    """Stop it, if it is not finished; whether it was this call. The worker notices by itself."""
    cancelled = Export.objects.filter(pk=export.pk, state__in=UNFINISHED).update(
        state=ExportState.CANCELLED, finished_at=clock()
    )
    return bool(cancelled)


def may_fetch(export: Export, access: Access) -> bool:
    """Whether its owner still sees all that the file was made from; two queries at most."""
    if export.reach == Reach.OPERATOR:
        return access.user.is_staff
    if export.reach == Reach.TREE:
        return access.sees_tree
    if access.sees_tree:
        return True
    return access.accounts.filter(pk__in=export.accounts).count() == len(export.accounts)


def make(export_id: str) -> str:
    """Make the file of an ordered export; the state it is in now.

    What is finished or cancelled stays so. Raises OperationalError and InterfaceError, after which
    it may be called again; of every other trouble the export itself tells.
    """
    export = _begin(export_id)
    if export is None:
        return str(Export.objects.values_list("state", flat=True).filter(pk=export_id).first())
    with translation.override(export.language):
        try:
            made = _make(export)
        except Cancelled:
            pass
        except Unwritable as refusal:
            _fail(export, refusal.message)
        except Http404:
            _fail(export, _("You may not see these accounts any more."))
        except PermissionDenied as refusal:
            _fail(export, str(refusal))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            _fail(export, _("Something went wrong with us. Try again; if it stays so, tell us."))
            raise
        else:
            _finish(export, made)
    export.refresh_from_db()
    return export.state


def clear_away() -> int:
    """Remove files past their time, and what dead workers left; how many exports have expired.

    May run twice, also at the same moment.
    """
    now = clock()
    Export.objects.filter(state=ExportState.RUNNING, touched_at__lt=now - DEAD).update(
        state=ExportState.FAILED,
        finished_at=now,
        error=_("It came to no end. Try again; a shorter period is quicker."),
    )
    expired = Export.objects.filter(state=ExportState.READY, expires_at__lte=now).update(
        state=ExportState.EXPIRED
    )
    # Where a worker was killed before it could.
    for master in Export.objects.filter(state=ExportState.READY).values_list("master").distinct():
        expired += make_room(master[0])
    # First the state, then the file: killed between the two, the next run goes on here.
    remove_expired_files()
    for export in Export.objects.filter(finished_at__lt=now - REMEMBERED).exclude(
        state=ExportState.READY
    ):
        _forget(export, export.attempt + 1)
        export.delete()
    for draft in settings.EXPORTS_ROOT.glob("*"):
        # Drafts, and the parts of workbooks: files of exports lie in folders.
        with suppress(FileNotFoundError):
            if draft.is_file() and draft.stat().st_mtime < time.time() - DEAD.total_seconds():
                draft.unlink()
    return expired


class _Made(NamedTuple):
    file: str
    size: int
    sha256: str
    rows: int
    reach: Reach
    accounts: list[int]


def _begin(export_id: str) -> Export | None:
    """The export, which is this worker's from now on; None when there is nothing left to do."""
    now = clock()
    begun = Export.objects.filter(pk=export_id, state__in=UNFINISHED).update(
        state=ExportState.RUNNING,
        attempt=F("attempt") + 1,
        started_at=now,
        touched_at=now,
        rows_done=0,
    )
    if not begun:
        return None
    export = Export.objects.select_related("master", "user").get(pk=export_id)
    _forget(export, export.attempt)
    return export


def _forget(export: Export, before: int) -> None:
    """Remove what earlier attempts may have left between saving a file and telling of it."""
    for attempt in range(1, before):
        exports_storage().delete(_stored_as(export, attempt))


def _make(export: Export) -> _Made:
    root: Path = settings.EXPORTS_ROOT
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = root / f"{export.pk}.{export.attempt}.draft"
    try:
        with draft.open("wb") as file, _Heart(export) as heart:
            hashed = _Hashed(file)
            with io.BufferedWriter(hashed, buffer_size=1 << 20) as out, snapshot():
                # The rights of this moment.
                scope = Scope.of(access_or_404(export.user, export.master.code))
                filters = filters_of(export.query, scope)
                rows = _write(export.format, scope, filters, out, heart)
                reach, accounts = _seen(scope, filters)
            heart.beat(rows)
        with draft.open("rb") as whole:
            name = exports_storage().save(_stored_as(export, export.attempt), _Draft(whole))
    finally:
        draft.unlink(missing_ok=True)
    return _Made(name, hashed.size, hashed.digest.hexdigest(), rows, reach, accounts)


def _write(
    format: str, scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress
) -> int:
    """Check what is asked with the rights of now, and write it."""
    if not filters.is_valid():
        raise Unwritable(
            _("The filter cannot be used any more: you may not see one of its accounts now.")
        )
    FORMATS[format].check(scope, filters)
    return FORMATS[format].write(scope, filters, out, progress)


def _seen(scope: Scope, filters: TransactionFilter) -> tuple[Reach, list[int]]:
    """What the person sees of what the filter selects."""
    if scope.access.user.is_staff:
        return Reach.OPERATOR, []
    if scope.access.sees_tree:
        return Reach.TREE, []
    return Reach.ACCOUNTS, sorted(chosen_accounts(filters) or scope.names)


def _finish(export: Export, made: _Made) -> None:
    """The file is there: say so, and have its owner told; in one transaction."""
    with transaction.atomic():
        now = clock()
        finished = Export.objects.filter(
            pk=export.pk, state=ExportState.RUNNING, attempt=export.attempt
        ).update(
            state=ExportState.READY,
            rows_done=made.rows,
            rows_total=made.rows,
            file=made.file,
            size=made.size,
            sha256=made.sha256,
            reach=made.reach,
            accounts=made.accounts,
            touched_at=now,
            finished_at=now,
            expires_at=now + KEPT,
        )
        if finished:
            jobs.order(MAIL, {"export_id": str(export.pk)})
    if finished:
        make_room(export.master_id)
    else:  # Cancelled at the last moment, or another worker's by now.
        exports_storage().delete(made.file)


def _fail(export: Export, sentence: str) -> None:
    Export.objects.filter(pk=export.pk, state=ExportState.RUNNING, attempt=export.attempt).update(
        state=ExportState.FAILED, error=sentence, finished_at=clock()
    )


def _stored_as(export: Export, attempt: int) -> str:
    return f"{export.master_id}/{export.pk}.{attempt}"


class _Heart:
    """Tells how far it is, at most once a second, and hears whether it is still wanted.

    By a connection of its own: the other one reads a snapshot, in which nothing can be written.
    """

    def __init__(self, export: Export) -> None:
        self.export = export
        self.beside = connection.copy()
        self.told = 0.0

    def __enter__(self) -> _Heart:
        return self

    def __exit__(self, *trouble: object) -> None:
        self.beside.close()

    def __call__(self, done: int) -> None:
        """Called after some rows. Raises Cancelled."""
        if time.monotonic() - self.told >= PACE:
            self.beat(done)

    def beat(self, done: int) -> None:
        """Write it down. Raises Cancelled when the export is not this worker's any more."""
        self.told = time.monotonic()
        with self.beside.cursor() as cursor:
            cursor.execute(
                "UPDATE reports_export SET rows_done = %s, touched_at = clock_timestamp()"
                " WHERE id = %s AND state = 'running' AND attempt = %s",
                [done, self.export.pk, self.export.attempt],
            )
            if not cursor.rowcount:
                raise Cancelled


class _Hashed(io.RawIOBase):
    """Counts and digests what goes through to the file."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Buffer) -> int:
        """All of it. Raises Unwritable for more than may be kept."""
        view = memoryview(data)
        self.file.write(view)
        self.digest.update(view)
        self.size += view.nbytes
        check_size(self.size)
        return view.nbytes


class _Draft(File):  # type: ignore[type-arg]
    """A whole draft, which a storage on the same disk may take as it is: whole or not at all."""

    def temporary_file_path(self) -> str:
        """Where it lies."""
        return str(self.name)
