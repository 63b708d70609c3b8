"""CSV, made by PostgreSQL itself: no row becomes an object of Python's.

The cells say what ``reports.rows.Row`` says, and a test compares the two. Times are local, to the
second, with the offset beside them: so a spreadsheet takes them for times. Texts that it would
take for a formula get an apostrophe before them; amounts stay numbers.
"""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils.translation import gettext as _
from psycopg import ClientCursor, Cursor
from psycopg.sql import SQL, Composable, Composed, Literal

from billing.models import CONTRA, REVERSIBLE, Entry, Kind
from reports.exports.base import STEP, Progress, oldest_first
from reports.filters import TransactionFilter
from reports.queries import Scope

# What a spreadsheet may take for the beginning of a formula, in both widths.
FORMULAS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)

FIELDS = (
    "master_id",
    "holder_id",
    "seq",
    "account_id",
    "by_id",
    "posted_at",
    "occurred_at",
    "leg",
    "kind",
    "origin",
    "reference",
    "description",
    "amount",
    "balance_after",
)

# The order is that of an index, which a hash join would lose: the one join is a lookup that
# PostgreSQL remembers, and what is rare is looked up only where it is. The zone is the session's.
COPY = SQL(
    """COPY (
SELECT date_trunc('second', e.posted_at)::timestamp, {posted_offset},
       date_trunc('second', e.occurred_at)::timestamp, {occurred_offset},
       a.code, {name}, {holder}, {seq}, e.kind, {description}, e.origin, {reference},
       CASE WHEN e.by_id IS NOT NULL THEN
           (SELECT {author} FROM (SELECT {by} AS author FROM accounts_user u WHERE u.id = e.by_id))
       END,
       {contra}, round(e.amount, greatest(min_scale(e.amount), {decimals})), {balance_after},
       CASE WHEN e.kind = 'transfer' THEN {note} END
FROM ({entries}) e
JOIN accounts_account a ON a.id = e.account_id
ORDER BY e.posted_at, e.holder_id, e.seq
) TO STDOUT (FORMAT csv)"""
)
# A holder is the account itself or its master account.
HOLDER = SQL(
    "CASE WHEN {is_seen} THEN CASE WHEN e.holder_id = e.account_id THEN a.code ELSE {company} END"
    " END"
)
OFFSET = SQL("to_char({moment}, 'TZH:TZM')")
# An entry's title as ``reports.descriptions`` has it: the other leg is looked up for transfers
# only, by the key of postings. What most entries are comes first.
DESCRIPTION = SQL(
    "CASE WHEN e.kind <> 'transfer' AND e.description <> '' THEN {text} ELSE {title} END"
)
TITLE = SQL(
    """(CASE WHEN e.kind = 'transfer' THEN coalesce(
    (SELECT replace(CASE WHEN e.amount > 0 THEN {came_from} ELSE {went_to} END, '{{}}', n.name)
     FROM billing_entry o JOIN accounts_account n ON n.id = o.account_id
     WHERE o.master_id = e.master_id AND o.origin = e.origin AND o.reference = e.reference
       AND o.leg = 1 - e.leg AND {is_seen}),
    CASE WHEN e.amount > 0 THEN {came} ELSE {went} END)
  ELSE {kind} END)"""
)
DEFUSED = SQL(
    "CASE WHEN ascii({text}) = ANY({formulas}::int[]) THEN '''' || {text} ELSE {text} END"
)


def write(scope: Scope, filters: TransactionFilter, out: BinaryIO, progress: Progress) -> int:
    """Write the heading and the rows, in UTF-8 with its mark, so that Excel reads Arabic."""
    out.write(BOM_UTF8 + _heading(scope))
    with connection.cursor() as cursor:
        # Whatever the server's own settings are; until the end of the snapshot.
        cursor.execute("SELECT set_config('DateStyle', 'ISO', true)")
        # Compiling the statement would only put off its first row.
        cursor.execute("SELECT set_config('jit', 'off', true)")
        # Several processes of the server would sort all rows before the first one comes out, where
        # one follows an index; and they are not an export's to take.
        cursor.execute("SELECT set_config('max_parallel_workers_per_gather', '0', true)")
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [scope.company.time_zone])
        native = cursor.cursor
        rows = _copy(native, _statement(scope, filters, native), out, progress)
        cursor.execute("SELECT set_config('TimeZone', %s, true)", ["UTC"])
    return rows


def _copy(
    cursor: Cursor[tuple[object, ...]], statement: Composed, out: BinaryIO, progress: Progress
) -> int:
    rows = 0
    some = bytearray()
    with cursor.copy(statement) as copy:
        for row in copy:
            # Added one by one: joining a list of them takes as long as PostgreSQL does.
            some += row
            rows += 1
            # The first goes out alone, for whoever waits for it.
            if rows == 1 or rows % STEP == 0:
                _pass_on(some, out)
                progress(rows)
        _pass_on(some, out)
        progress(rows)
    return rows


def _pass_on(some: bytearray, out: BinaryIO) -> None:
    out.write(bytes(some))
    some.clear()


def _heading(scope: Scope) -> bytes:
    """The names of the columns, with the zone and the currency that all cells share."""
    zone, currency = scope.company.time_zone, scope.company.currency
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        [
            _("Posted (%(zone)s)") % {"zone": zone},
            _("Posted, offset from UTC"),
            _("Happened (%(zone)s)") % {"zone": zone},
            _("Happened, offset from UTC"),
            _("Account"),
            _("Account name"),
            _("Balance of"),
            _("Number"),
            _("Kind"),
            _("Description"),
            _("Origin"),
            _("Reference"),
            _("By"),
            _("Contra account"),
            _("Amount, %(currency)s") % {"currency": currency},
            _("Balance after, %(currency)s") % {"currency": currency},
            _("Note"),
        ]
    )
    return text.getvalue().encode()


def _statement(
    scope: Scope, filters: TransactionFilter, cursor: Cursor[tuple[object, ...]]
) -> Composed:
    """The COPY of the filtered entries as their reader may see them."""
    access, company = scope.access, scope.company
    entries = oldest_first(filters.qs).select_related(None).order_by().values(*FIELDS)
    seen = Literal(list(scope.names)) + SQL("::bigint[]")
    sees_holder = SQL("true") if access.sees_tree else SQL("e.holder_id = ANY({})").format(seen)
    # Whoever sees an account knows what its company is called.
    sees_other = (
        SQL("true")
        if access.sees_tree
        else SQL("(n.id = {} OR n.id = ANY({}))").format(Literal(company.pk), seen)
    )
    decimals = Literal(company.decimals)
    title = TITLE.format(
        came_from=Literal(_("Transfer from %(account)s") % {"account": "{}"}),
        went_to=Literal(_("Transfer to %(account)s") % {"account": "{}"}),
        came=Literal(_("Transfer in")),
        went=Literal(_("Transfer out")),
        is_seen=sees_other,
        kind=_case(SQL("e.kind"), {kind.value: str(kind.label) for kind in Kind}),
    )
    author: Composable = SQL("coalesce(nullif(name, ''), email)")
    if not access.user.is_staff:
        author = SQL("CASE WHEN is_staff THEN {} ELSE {} END").format(
            Literal(_("an operator")), author
        )
    return COPY.format(
        entries=_as_text(entries.query.sql_with_params(), cursor),
        name=_defused(SQL("a.name")),
        by=author,
        author=_defused(SQL("author")),
        posted_offset=_posted_offset(company.zone),
        occurred_offset=OFFSET.format(moment=SQL("e.occurred_at")),
        holder=HOLDER.format(is_seen=sees_holder, company=Literal(company.code)),
        seq=SQL("CASE WHEN {} THEN e.seq END").format(sees_holder),
        description=DESCRIPTION.format(text=_defused(SQL("e.description")), title=_defused(title)),
        reference=_defused(SQL("e.reference")),
        contra=_contra(),
        decimals=decimals,
        note=_defused(SQL("e.description")),
        balance_after=SQL(
            "CASE WHEN {} THEN round(e.balance_after, greatest(min_scale(e.balance_after), {}))"
            " END"
        ).format(sees_holder, decimals),
    )


def _as_text(
    query: tuple[str, tuple[object, ...]], cursor: Cursor[tuple[object, ...]]
) -> Composable:
    """The query with its values written into it, quoted by psycopg: COPY takes no parameters."""
    return SQL(ClientCursor(cursor.connection).mogrify(*query))


def _posted_offset(zone: ZoneInfo) -> Composable:
    """How far the zone is from UTC at ``posted_at``, which lies between 2000 and now.

    The latest changes first: for most entries a comparison or two, where formatting each moment
    would cost a seventh of the whole.
    """
    changes = SQL(" ").join(
        SQL("WHEN e.posted_at >= {} THEN {}").format(Literal(moment), Literal(offset))
        for moment, offset in reversed(changes_of(zone, datetime.now(UTC) + DAY))
    )
    otherwise = OFFSET.format(moment=SQL("e.posted_at"))
    return SQL("CASE {} ELSE {} END").format(changes, otherwise)


def changes_of(zone: ZoneInfo, until: datetime) -> list[tuple[datetime, str]]:
    """The offset of 2000-01-01 and each later one, as "+02:00", with the moment it began."""
    at = datetime(2000, 1, 1, tzinfo=UTC)
    changes = [(at, _offset(at, zone))]
    while (after := at + DAY) <= until:
        if _offset(after, zone) != changes[-1][1]:
            first, last = at, after
            while last - first > SECOND:
                middle = first + (last - first) // 2
                if _offset(middle, zone) == changes[-1][1]:
                    first = middle
                else:
                    last = middle
            changes.append((last.replace(microsecond=0), _offset(after, zone)))
        at = after
    return changes


def _offset(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat()[-6:]


def _defused(text: Composable) -> Composable:
    return DEFUSED.format(text=text, formulas=Literal([ord(sign) for sign in FORMULAS]))


def _contra() -> Composable:
    """``Entry.contra``; usage first, for most entries are that."""
    kinds = sorted(CONTRA, key=lambda kind: kind != Kind.USAGE)
    undone = {kind.value: Entry(kind=kind).contra.value for kind in REVERSIBLE}
    return SQL("CASE e.kind {} ELSE {} END").format(
        _whens({kind.value: CONTRA[kind].value for kind in kinds}),
        _case(SQL("split_part(e.reference, ':', 1)"), undone),
    )


def _case(of: Composable, values: dict[str, str]) -> Composable:
    return SQL("CASE {} {} END").format(of, _whens(values))


def _whens(values: dict[str, str]) -> Composable:
    return SQL(" ").join(
        SQL("WHEN {} THEN {}").format(Literal(a), Literal(b)) for a, b in values.items()
    )
