"""Reading camt.053, the bank's statement in ISO 20022 XML: strictly, and nothing but the file.

The file comes from outside: it has no document type and no entities, names nothing elsewhere that
would be fetched, and is bounded in size, depth and number of entries. What it says is read by the
standard's paths; whatever else stands in it means nothing. What cannot be read refuses the file
whole, in a sentence, for half a statement would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from lxml import etree
from stdnum import iso11649

from console import money

MAX_BYTES = 10_000_000
MAX_ENTRIES = 50_000
# An account has one a day: some years of several accounts.
MAX_STATEMENTS = 1_000

_ROOT = re.compile(
    r"\{urn:iso:std:iso:20022:tech:xsd:((?:camt|pain|pacs)\.\d{3})\.\d{3}\.(\d\d)\}"
)
_VERSIONS = {f"{number:02}" for number in range(2, 9)}
_AMOUNT = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,5})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_NO_SIGNS = re.compile(r"[^0-9A-Z]+")
# Ours: RF, two check digits, ten signs. Every place where one may begin, for text runs together.
_REFERENCE = re.compile(r"(?=(RF[0-9]{2}[0-9A-Z]{10}))")
# What banks write where there is no reference.
_NONE = {"", "NONREF", "NOTPROVIDED", "NOT PROVIDED", "NONE"}


class NotAStatement(ValueError):
    """A file that cannot be taken; ``message`` is a sentence that says what is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Line:
    """One movement. ``references`` are creditor references with right check digits, each once."""

    bank_reference: str
    is_credit: bool
    is_reversal: bool
    amount: Decimal
    currency: str
    booked_on: date
    remittance: str
    references: tuple[str, ...]
    end_to_end: str
    debtor: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of one account; ``pending`` counts entries that are not booked yet.

    ``id`` is ``number`` with the page, where it has several.
    """

    account_number: str
    id: str
    number: str
    currency: str
    starts_on: date | None
    ends_on: date | None
    opening: Decimal | None
    closing: Decimal | None
    lines: Sequence[Line]
    pending: int


def read(content: bytes) -> list[Statement]:
    """The statements of a camt.053 file, version 2 to 8. Raises NotAStatement."""
    root = _parse(content)
    space = etree.QName(root).namespace
    message = root.find(f"{{{space}}}BkToCstmrStmt")
    found = [] if message is None else message.findall(f"{{{space}}}Stmt")
    if message is None or not found:
        raise NotAStatement(_("The file is camt.053, but there is no statement in it."))
    if len(found) > MAX_STATEMENTS:
        raise NotAStatement(
            _("The file has more than %(most)s statements: ask the bank for a shorter period.")
            % {"most": money.format_amount(Decimal(MAX_STATEMENTS), 0)}
        )
    if sum(1 for each in found for _entry in each.iter(f"{{{space}}}Ntry")) > MAX_ENTRIES:
        raise NotAStatement(_too_many())
    statements = [_Reader(str(space), each).statement() for each in found]
    if sum(len(each.lines) for each in statements) > MAX_ENTRIES:
        raise NotAStatement(_too_many())
    return statements


def references_in(*texts: str) -> tuple[str, ...]:
    """The creditor references of ours that texts name, with spaces and in any case, each once."""
    found = [
        candidate
        for text in texts
        for candidate in _REFERENCE.findall(_NO_SIGNS.sub("", text.upper()))
        if iso11649.is_valid(candidate)
    ]
    return tuple(dict.fromkeys(found))


def _too_many() -> str:
    return _("The file has more than %(most)s entries: ask the bank for a shorter period.") % {
        "most": money.format_amount(Decimal(MAX_ENTRIES), 0)
    }


def _parse(content: bytes) -> etree._Element:
    """The document's root, when it is one of ours. Nothing is fetched or expanded."""
    if len(content) > MAX_BYTES:
        raise NotAStatement(_("The file is larger than 10 MB: ask the bank for a shorter period."))
    if not content.strip():
        raise NotAStatement(_("The file is empty."))
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise NotAStatement(
            _("The file is not XML that can be read: it is broken, cut short, or something else.")
        ) from error
    about = root.getroottree().docinfo
    if about.doctype or about.internalDTD is not None or about.externalDTD is not None:
        raise NotAStatement(
            _("The file declares a document type or entities, which no bank statement does.")
        )
    match = _ROOT.match(root.tag)
    if match is None or not root.tag.endswith("}Document"):
        raise NotAStatement(_("The file is XML, but no camt.053 bank statement."))
    kind, version = match.groups()
    if kind != "camt.053":
        raise NotAStatement(
            _("The file is a %(kind)s message. Upload the bank's statement, camt.053.")
            % {"kind": kind}
        )
    if version not in _VERSIONS:
        raise NotAStatement(
            _("The file is camt.053 in version %(version)s. Versions 02 to 08 are understood.")
            % {"version": version}
        )
    return root


class _Reader:
    """Reads one statement; its errors name it."""

    def __init__(self, space: str, statement: etree._Element) -> None:
        self.space = space
        self.root = statement
        self.id = self._text(statement, "Id")

    def statement(self) -> Statement:
        """What it says."""
        number = self._text(self.root, "Acct/Id/IBAN") or self._text(self.root, "Acct/Id/Othr/Id")
        if not self.id or not number:
            raise NotAStatement(_("A statement in the file lacks its number or its account."))
        entries = self._all(self.root, "Ntry")
        booked = [each for each in entries if self._is_booked(each)]
        page = self._text(self.root, "StmtPgntn/PgNb")
        return Statement(
            account_number=number.replace(" ", "").upper()[:34],
            id=(f"{self.id}/{page}" if page else self.id)[:80],
            number=self.id,
            currency=self._text(self.root, "Acct/Ccy")[:3],
            starts_on=self._day(self.root, "FrToDt/FrDtTm"),
            ends_on=self._day(self.root, "FrToDt/ToDtTm"),
            opening=self._balance("OPBD", "PRCD"),
            closing=self._balance("CLBD"),
            lines=[line for entry in booked for line in self._lines(entry)],
            pending=len(entries) - len(booked),
        )

    def _lines(self, entry: etree._Element) -> Iterator[Line]:
        """The entry as it was booked; a batch as its transfers, when they add up to it."""
        amount, currency = self._amount(entry, "Amt")
        is_credit = self._is_credit(entry)
        booked_on = self._day(entry, "BookgDt/Dt") or self._day(entry, "BookgDt/DtTm")
        booked_on = booked_on or self._day(entry, "ValDt/Dt") or self._day(entry, "ValDt/DtTm")
        if booked_on is None:
            raise NotAStatement(self._wrong(_("an entry has no date")))
        reversal = self._text(entry, "RvslInd").lower() in {"true", "1"}
        reference = self._reference(entry, "AcctSvcrRef")
        details = self._all(entry, "NtryDtls/TxDtls")
        shares = self._shares(details, amount, currency, is_credit=is_credit)
        if shares is None:
            # Of a batch that is not told apart, nobody knows which part is whose.
            texts = [self._remittance(each) for each in details]
            facts = (" ".join(texts) or self._text(entry, "AddtlNtryInf"))[:2000]
            whole = [ref for each in details for ref in self._references(each)]
            found = tuple(dict.fromkeys(whole)) or references_in(facts)
            yield Line(
                reference, is_credit, reversal, amount, currency, booked_on, facts, found, "", ""
            )
            return
        for share, detail in zip(shares, details, strict=True):
            text = self._remittance(detail)
            found = self._references(detail)
            if len(details) == 1 and not text and not found:
                # Some banks put the payer's text there.
                text = self._text(entry, "AddtlNtryInf")[:2000]
                found = references_in(text)
            yield Line(
                bank_reference=self._reference(detail, "Refs/AcctSvcrRef") or reference,
                is_credit=is_credit if share >= 0 else not is_credit,
                is_reversal=reversal,
                amount=abs(share),
                currency=currency,
                booked_on=booked_on,
                remittance=text,
                references=found,
                end_to_end=self._reference(detail, "Refs/EndToEndId"),
                debtor=self._debtor(detail),
            )

    def _shares(
        self,
        details: Sequence[etree._Element],
        amount: Decimal,
        currency: str,
        *,
        is_credit: bool,
    ) -> list[Decimal] | None:
        """How much of the entry each of its transfers is; None when that cannot be told.

        What was booked is the entry's amount: that of a single transfer may be another currency's.
        """
        if len(details) == 1:
            return [amount]
        shares = []
        for each in details:
            path = next(
                (p for p in ("Amt", "AmtDtls/TxAmt/Amt") if self._one(each, p) is not None), ""
            )
            if not path:
                return None
            share, own = self._amount(each, path)
            if own != currency:
                return None
            same = self._one(each, "CdtDbtInd") is None or self._is_credit(each) == is_credit
            shares.append(share if same else -share)
        return shares if shares and sum(shares) == amount else None

    def _references(self, detail: etree._Element) -> tuple[str, ...]:
        """From the structured reference, the payer's own, and the text; see ``references_in``."""
        structured = self._all(detail, "RmtInf/Strd/CdtrRefInf/Ref")
        return references_in(
            *(each.text or "" for each in structured),
            self._text(detail, "Refs/EndToEndId"),
            "".join(each.text or "" for each in self._all(detail, "RmtInf/Ustrd")),
        )

    def _remittance(self, detail: etree._Element) -> str:
        texts = [
            *self._all(detail, "RmtInf/Strd/CdtrRefInf/Ref"),
            *self._all(detail, "RmtInf/Ustrd"),
        ]
        return _plain(" ".join(each.text or "" for each in texts))[:2000]

    def _debtor(self, detail: etree._Element) -> str:
        # Up to version 7 the party stands there itself, from 8 on in an element of its own.
        name = self._text(detail, "RltdPties/Dbtr/Nm") or self._text(
            detail, "RltdPties/Dbtr/Pty/Nm"
        )
        return name[:140]

    def _reference(self, at: etree._Element, path: str) -> str:
        text = self._text(at, path)
        return "" if text.upper() in _NONE else text[:80]

    def _is_booked(self, entry: etree._Element) -> bool:
        # A code itself, from version 8 on an element of its own. A statement has booked ones only.
        status = self._text(entry, "Sts/Cd") or self._text(entry, "Sts")
        return status in {"", "BOOK"}

    def _is_credit(self, at: etree._Element) -> bool:
        text = self._text(at, "CdtDbtInd")
        if text not in {"CRDT", "DBIT"}:
            raise NotAStatement(self._wrong(_("an entry is neither credit nor debit")))
        return text == "CRDT"

    def _balance(self, *codes: str) -> Decimal | None:
        for balance in self._all(self.root, "Bal"):
            if self._text(balance, "Tp/CdOrPrtry/Cd") in codes:
                amount, _currency = self._amount(balance, "Amt")
                return amount if self._is_credit(balance) else -amount
        return None

    def _amount(self, at: etree._Element, path: str) -> tuple[Decimal, str]:
        """An amount and its currency. Refused: no amount, or more decimals than the currency."""
        found = self._one(at, path)
        text = "" if found is None else (found.text or "").strip()
        currency = "" if found is None else found.get("Ccy", "")
        if not _AMOUNT.fullmatch(text) or not _CURRENCY.fullmatch(currency):
            raise NotAStatement(self._wrong(_("an amount is missing, or is no amount")))
        amount = Decimal(text)
        decimals = money.currency_decimals(currency)
        if amount != money.round_down(amount, decimals):
            raise NotAStatement(
                self._wrong(
                    _("%(currency)s %(amount)s has more decimals than the currency")
                    % {"currency": currency, "amount": text}
                )
            )
        if len(text.partition(".")[0].lstrip("0")) > money.MAX_WHOLE_DIGITS:
            raise NotAStatement(self._wrong(_("an amount is larger than the books can hold")))
        return amount, currency

    def _day(self, at: etree._Element, path: str) -> date | None:
        text = self._text(at, path)
        if not text:
            return None
        try:
            return datetime.fromisoformat(text).date()
        except ValueError as error:
            # XML's dates may bear a zone, which does not make them another day.
            try:
                return date.fromisoformat(text[:10])
            except ValueError:
                raise NotAStatement(
                    self._wrong(_("“%(text)s” is no date") % {"text": text[:40]})
                ) from error

    def _wrong(self, what: str) -> str:
        return _("Statement %(id)s cannot be read: %(what)s. Nothing of the file was taken.") % {
            "id": self.id[:40],
            "what": what,
        }

    def _text(self, at: etree._Element, path: str) -> str:
        found = self._one(at, path)
        return "" if found is None else _plain(found.text or "")

    def _one(self, at: etree._Element, path: str) -> etree._Element | None:
        return at.find(self._path(path))

    def _all(self, at: etree._Element, path: str) -> list[etree._Element]:
        found: list[etree._Element] = at.findall(self._path(path))
        return found

    def _path(self, path: str) -> str:
        return "/".join(f"{{{self.space}}}{name}" for name in path.split("/"))


def _plain(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())
