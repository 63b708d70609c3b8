"""What a file is called: company, report and period."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import quote

from django.utils.translation import gettext as _

from accounts.models import Account
from reports.exports.base import period_of
from reports.filters import TransactionFilter

# What some file system or header has no place for, and signs that turn the direction of text: by
# them a name could pretend to another ending.
_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')


class FileName(NamedTuple):
    """A name for today's programs, and one in ASCII for those that know no other."""

    full: str
    ascii: str

    @property
    def disposition(self) -> str:
        """The header Content-Disposition, by RFC 6266 and 5987."""
        return (
            f"attachment; filename=\"{self.ascii}\"; filename*=UTF-8''{quote(self.full, safe='')}"
        )


def file_name(company: Account, filters: TransactionFilter, format: str) -> FileName:
    """The name of a file of a valid filter."""
    from reports.exports import FORMATS  # noqa: PLC0415 - the registry names the formats, too

    kind = FORMATS[format]
    reports = {
        "transactions": _("transactions"),
        "statement": _("statement"),
        "journal": _("journal"),
    }
    if filters.whole_statement is not None:
        number = filters.whole_statement.name
        full = _("%(company)s statement %(number)s") % {
            "company": _clean(company.name),
            "number": number,
        }
        plain = f"{company.code}-statement-{number}"
        return FileName(f"{full}.{kind.extension}", f"{plain}.{kind.extension}")
    first, last = period_of(filters)
    if first and last:
        period = _("%(first)s to %(last)s") % {"first": first, "last": last}
    elif first:
        period = _("from %(first)s") % {"first": first}
    elif last:
        period = _("until %(last)s") % {"last": last}
    else:
        period = _("all days")
    full = f"{_clean(company.name)} {reports[kind.report]} {period}.{kind.extension}"
    plain = "-".join(filter(None, (company.code, kind.report, first or "start", last or "today")))
    return FileName(full, f"{plain}.{kind.extension}")


def disposition(company: Account, full: str, format: str) -> str:
    """The header for a file that was named before."""
    ascii_name = unicodedata.normalize("NFKD", full).encode("ascii", "ignore").decode()
    ascii_name = re.sub(r"[^A-Za-z0-9.]+", "-", ascii_name).strip("-.")
    if not ascii_name.startswith(company.code):
        ascii_name = f"{company.code}-{ascii_name}"
    return FileName(full, ascii_name).disposition


def _clean(name: str) -> str:
    """The company's name without what no file's name may have."""
    kept = "".join(
        each
        for each in _FORBIDDEN.sub(" ", name)
        if unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )
    return " ".join(kept.split())[:80].strip(". ")
