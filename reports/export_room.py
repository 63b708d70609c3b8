"""Room for kept exports: so much for each person in a company, and for each company.

The oldest files give way, and no order is refused: how large a file becomes is known only when it
is made, nobody has to tidy up before working on, and what gave way can be made again as long as
its row is remembered. A file that alone is larger than a person's room is not made at all.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Q, Sum, Window
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from billing.locking import clock
from reports.exports import Unwritable
from reports.models import Export, ExportState, exports_storage

# Files of one person in a company; as many are listed.
MOST_KEPT = 100
MEGABYTE = 1_000_000
NEWEST_FIRST = (F("finished_at").desc(), F("pk").desc())


def check_size(size: int) -> None:
    """Raise Unwritable for a file that has grown beyond a person's room."""
    if size > settings.EXPORTS_PERSON_MB * MEGABYTE:
        raise Unwritable(
            _(
                "The file would be larger than %(most)s, which is the room for your exports."
                " Choose a shorter period, and export it in parts."
            )
            % {"most": filesizeformat(settings.EXPORTS_PERSON_MB * MEGABYTE)}
        )


def make_room(master_id: int) -> int:
    """Let the oldest files of a company give way, where they take more than their room; how many.

    Called when a file was finished, outside of a transaction: of two that finish at once, whoever
    comes second sees both. May run twice, also at the same moment.
    """
    ready = Export.objects.filter(master=master_id, state=ExportState.READY)
    # First within each person, so that no file of others gives way for these.
    of_persons = ready.annotate(
        mine=Window(Sum("size"), partition_by=F("user"), order_by=NEWEST_FIRST),
        files=Window(Count("pk"), partition_by=F("user"), order_by=NEWEST_FIRST),
    ).filter(Q(mine__gt=settings.EXPORTS_PERSON_MB * MEGABYTE) | Q(files__gt=MOST_KEPT))
    gone = _let_go([export.pk for export in of_persons])
    of_all = ready.annotate(together=Window(Sum("size"), order_by=NEWEST_FIRST)).filter(
        together__gt=settings.EXPORTS_COMPANY_MB * MEGABYTE
    )
    return gone + _let_go([export.pk for export in of_all])


def remove_expired_files() -> None:
    """Remove the files of exports that have expired. May run twice, also at the same moment."""
    storage = exports_storage()
    for export in Export.objects.filter(state=ExportState.EXPIRED).exclude(file=""):
        storage.delete(export.file)
        Export.objects.filter(pk=export.pk).update(file="")


def _let_go(keys: list[UUID]) -> int:
    """First the state, then the file: killed between the two, the hourly job goes on here."""
    if not keys:
        return 0
    gone = Export.objects.filter(pk__in=keys, state=ExportState.READY).update(
        state=ExportState.EXPIRED, expires_at=clock()
    )
    remove_expired_files()
    return gone
