"""Reading charges as they are sent: one, a list of them, or one a line. Fast, for there are 5,000.

A row that is no charge does not stop the others; it is given back as the list of its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from billing.api import bodies, fields
from billing.api.bodies import Twice
from billing.api.problems import FieldError, Problem, few
from billing.charges import Charge

MOST_CHARGES = 5_000
# So many with the longest reference and description in letters of two bytes, such as Arabic's.
MOST_BYTES = 10_000_000

REQUIRED: dict[str, Callable[[Any], Any]] = {
    "reference": fields.reference,
    "account": fields.code,
    "amount": fields.amount,
}
OPTIONAL: dict[str, Callable[[Any], Any]] = {
    "description": fields.description,
    "occurred_at": fields.occurred_at,
    "enforce_limit": fields.boolean,
}
KNOWN = {*REQUIRED, *OPTIONAL}

Errors = list[FieldError]


class Unreadable(str):
    """What is wrong with a line that is no JSON."""


def read_list(raw: bytes) -> Sequence[Any]:
    """The rows of ``{"charges": [...]}``. Raises Problem (413, 422)."""
    found = bodies.parse(raw)
    rows = found.get("charges") if isinstance(found, dict) else None
    if not isinstance(rows, list) or len(found) != 1:
        raise Problem("malformed", 'The body is an object {"charges": [...]} and nothing else.')
    _check_count(len(rows))
    if bodies.has_twins(raw, [found, *rows]):
        found = bodies.parse_twins(raw)
        if isinstance(found, Twice):
            raise Problem("malformed", "A field stands twice in the body.")
        rows = found["charges"]
    return rows


def read_lines(raw: bytes) -> Sequence[Any]:
    """The rows of NDJSON, without its empty lines. Raises Problem (413, 422)."""
    lines = [line for line in raw.split(b"\n") if line and not line.isspace()]
    _check_count(len(lines))
    rows = [_read_line(line) for line in lines]
    # Asked once for all of them; line by line only where there is something to find.
    if bodies.has_twins(raw, rows):
        rows = [
            _read_twins(line) if type(row) is dict else row
            for line, row in zip(lines, rows, strict=True)
        ]
    return rows


def accounts_of(rows: Sequence[Any]) -> set[str]:
    """The codes that the rows name."""
    return {row["account"] for row in rows if type(row) is dict and _names_account(row)}


def read_charge(row: Any, accounts: Mapping[str, int]) -> Charge | Errors:
    """The charge that a row asks for, or what is wrong with it. ``accounts``: ids by code."""
    # The straight way is for the many that are right; the wrong ones are then looked at closely.
    try:
        if type(row) is dict and row.keys() <= KNOWN:
            return Charge(
                accounts[row["account"]],
                fields.amount(row["amount"]),
                fields.reference(row["reference"]),
                fields.description(row["description"]) if "description" in row else "",
                fields.occurred_at(row["occurred_at"]) if "occurred_at" in row else None,
                fields.boolean(row["enforce_limit"]) if "enforce_limit" in row else True,
            )
    except (KeyError, TypeError, ValueError):
        pass
    return few(_errors(row, accounts))


def _errors(row: Any, accounts: Mapping[str, int]) -> Iterator[FieldError]:
    if isinstance(row, Unreadable):
        yield FieldError("", str(row))
    elif isinstance(row, Twice):
        yield FieldError("", "A field stands twice.")
    elif isinstance(row, dict):
        yield from bodies.unknown_fields(row, KNOWN)
        yield from _wrong_fields(row, accounts)
    else:
        yield FieldError("", "A charge is a JSON object.")


def _wrong_fields(row: dict[str, Any], accounts: Mapping[str, int]) -> Iterator[FieldError]:
    for name, read in (REQUIRED | OPTIONAL).items():
        if name in row:
            try:
                value = read(row[name])
                if name == "account" and value not in accounts:
                    raise ValueError("The company has no account with this code.")  # noqa: TRY301
            except ValueError as error:
                yield FieldError(name, str(error))
        elif name in REQUIRED:
            yield FieldError(name, "This field is missing.")


def _names_account(row: dict[str, Any]) -> bool:
    # A list would not even go into a set.
    return type(row.get("account")) is str


def _read_line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Unreadable(f"The line is not JSON in UTF-8: {error.msg}.")


def _read_twins(line: bytes) -> Any:
    try:
        return bodies.parse_twins(line)
    except Problem as problem:
        return Unreadable(problem.detail)


def _check_count(count: int) -> None:
    if count > MOST_CHARGES:
        detail = f"A batch has at most {MOST_CHARGES:,} charges; these are {count:,}."
        raise Problem("too-large", detail, limit=MOST_CHARGES)
    if count == 0:
        raise Problem("malformed", "The batch has no charges.")
