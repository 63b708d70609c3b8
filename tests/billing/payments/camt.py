"""Bank statements as a bank would write them: camt.053, version 2."""

from __future__ import annotations

from xml.sax.saxutils import escape

CAIRO = "EG380019000500000000263180002"
SPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.{}"


def entry(
    amount: str,
    text: str = "",
    *,
    currency: str = "EGP",
    bank: str = "",
    sign: str = "CRDT",
    more: str = "",
    details: str = "",
    day: str = "2026-11-20",
) -> str:
    """One entry; its text is what the payer has written, ``bank`` the bank's own reference."""
    details = details or f"<TxDtls><RmtInf><Ustrd>{escape(text)}</Ustrd></RmtInf></TxDtls>"
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{more}'
        f"<Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt>"
        + (f"<AcctSvcrRef>{bank}</AcctSvcrRef>" if bank else "")
        + f"<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def share(amount: str, text: str, *, currency: str = "EGP") -> str:
    """One transfer of a batch."""
    return (
        f'<TxDtls><AmtDtls><TxAmt><Amt Ccy="{currency}">{amount}</Amt></TxAmt></AmtDtls>'
        f"<RmtInf><Ustrd>{escape(text)}</Ustrd></RmtInf></TxDtls>"
    )


def statement(*entries: str, number: str = "S-1", account: str = CAIRO) -> str:
    """One statement."""
    return (
        f"<Stmt><Id>{number}</Id><Acct><Id><IBAN>{account}</IBAN></Id></Acct>"
        f"{''.join(entries)}</Stmt>"
    )


def document(*statements: str, version: str = "02", head: str = "") -> bytes:
    """The file."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        f'<Document xmlns="{SPACE.format(version)}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>M</MsgId></GrpHdr>{''.join(statements)}</BkToCstmrStmt></Document>"
    ).encode()


def camt(*entries: str, number: str = "S-1", account: str = CAIRO, **more: str) -> bytes:
    """A file with one statement."""
    return document(statement(*entries, number=number, account=account), **more)
