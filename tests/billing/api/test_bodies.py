"""Whatever a client can send: a problem document, never a page, never a 500."""

from __future__ import annotations

import io
import json
from wsgiref.util import setup_testing_defaults

import pytest
from django.test.client import FakePayload

from billing.api import problems
from billing.models import Entry, Hold, Origin
from console.wsgi import application
from tests.billing.api.conftest import Program

pytestmark = pytest.mark.django_db
ONE = "masters/nile/accounts/marketing/charges"
MANY = "masters/nile/charges"
HOLDS = "masters/nile/accounts/marketing/holds"
ENDS = ("captures", "release")

MALFORMED = [
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe",
    b'{"amount": "\xff"}',
    b'\xef\xbb\xbf{"amount": "1"}',
    '{"amount": "1"}'.encode("utf-16"),
    b'{"amount": "\\ud800"}',
    b'{"amount": "1"',
    b"{'amount': '1'}",
    b'{"amount": NaN}',
    b'{"amount": Infinity}',
    b'{"amount": 01}',
    b'{"amount": "1",}',
    b'{"amount": "1"} {}',
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"null",
    b"true",
    b"17",
    b'"amount"',
    b"[]",
    b'[{"amount": "1"}]',
    b"amount=1",
    b"<amount>1</amount>",
    b'{"amount": "1", "amount": "1000"}',
    b'{"amount" : "1", "amount" : "1000"}',
    b'{"amount"\n:"1","amount"\t:"1000"}',
]


def problem(answer, status, slug):
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"/api/v1/problems/{slug}"
    assert document["detail"]
    return document


def nothing_was_written():
    return not Entry.objects.filter(origin=Origin.API).exists() and not Hold.objects.exists()


@pytest.mark.parametrize("path", [ONE, MANY, HOLDS])
def test_a_body_that_is_no_object_is_malformed(nile, path):
    for body in MALFORMED:
        answer = nile.post(path, body, idempotency_key="r")
        slug = "too-large" if len(body) > 16_000 and path != MANY else "malformed"
        problem(answer, 413 if slug == "too-large" else 422, slug)
    assert nothing_was_written()


@pytest.mark.parametrize(
    "body",
    [
        {"charges": {}},
        {"charges": None},
        {"charges": []},
        {"charge": []},
        {"charges": [], "more": 1},
        {},
        {"charges": "x"},
    ],
)
def test_a_batch_of_another_form_is_malformed(nile, body):
    problem(nile.post(MANY, body), 422, "malformed")


def test_a_batch_whose_list_stands_twice_is_malformed(nile):
    row = '{"reference": "r", "account": "marketing", "amount": "1"}'
    problem(nile.post(MANY, f'{{"charges": [{row}], "charges": []}}'), 422, "malformed")
    problem(nile.post(MANY, f'{{"charges": [], "charges": [{row}]}}'), 422, "malformed")
    assert nothing_was_written()


OTHER_TYPES = [
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/problem+json",
    "application/jsonp",
    "json",
    "application/json, text/plain",
    "\u00ff",
    ";",
]


@pytest.mark.parametrize("path", [ONE, HOLDS])
def test_unknown_fields_by_the_thousand_are_answered_with_a_few(nile, path):
    body = {"amount": 1} | {f"field-{number:04}": 1 for number in range(700)}
    answer = nile.post(path, body, idempotency_key="r")
    document = problem(answer, 422, "invalid")
    told = [error["field"] for error in document["errors"]]
    assert told == [*(f"field-000{number}" for number in range(5)), ""]
    assert document["errors"][-1]["message"] == "And 695 more."
    assert len(answer.content) < 1_000
    assert len(document["detail"]) < 200


def test_far_too_many_parameters_are_told_in_our_words(nile):
    query = "&".join(f"p{number}=1" for number in range(501))
    document = problem(nile.get(f"masters/nile/subaccounts?{query}"), 400, "bad-request")
    assert document["detail"] == "The request has far too many parameters."
    few = "&".join(f"p{number}=1" for number in range(500))
    answer = nile.get(f"masters/nile/subaccounts?{few}")
    assert len(problem(answer, 422, "invalid")["errors"]) == 6


@pytest.mark.parametrize("path", [ONE, MANY, HOLDS])
def test_another_content_type_is_refused(nile, path):
    for kind in OTHER_TYPES:
        answer = nile.post(path, {"amount": "1"}, idempotency_key="r", content_type=kind)
        problem(answer, 415, "unsupported-media-type")
    assert nothing_was_written()


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON ;x=y"])
def test_the_content_type_may_have_parameters(nile, kind):
    answer = nile.post(ONE, {"amount": "1"}, idempotency_key="r", content_type=kind)
    assert answer.status_code == 201


def test_one_charge_is_not_taken_as_ndjson(nile):
    answer = nile.post(
        ONE, {"amount": "1"}, idempotency_key="r", content_type="application/x-ndjson"
    )
    problem(answer, 415, "unsupported-media-type")


def test_a_compressed_body_is_refused(nile):
    answer = nile.post(ONE, {"amount": "1"}, idempotency_key="r", content_encoding="gzip")
    problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("path", [ONE, HOLDS])
def test_a_body_beyond_the_limit_is_not_read(nile, path):
    body = {"amount": "1", "description": "x" * 17_000}
    document = problem(nile.post(path, body, idempotency_key="r"), 413, "too-large")
    assert document["limit"] == 16_000


class Endless(io.RawIOBase):
    """A body that must not be read to its end."""

    def read(self, size=-1):
        assert 0 <= size <= 20_000_000, "it was read without a bound"
        return b" " * size


def test_a_body_that_is_announced_too_large_is_not_read_at_all(nile):
    class Untouched(FakePayload):
        def read(self, *args):
            raise AssertionError("it was read")

    answer = nile.client.generic(
        "POST",
        f"/api/v1/{MANY}",
        b"",
        headers=nile.headers,
        **{
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": "10000001",
            "wsgi.input": Untouched(),
        },
    )
    problem(answer, 413, "too-large")


def chunked(program: Program, path: str, stream: object, **more: object):
    """As gunicorn hands on a body that comes in chunks: without a length."""
    return program.client.generic(
        "POST",
        f"/api/v1/{path}",
        b"",
        headers=program.headers | {"Idempotency-Key": "r"},
        **{
            "CONTENT_TYPE": "application/json",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": stream,
            "wsgi.input_terminated": True,
            **more,
        },
    )


def test_a_body_in_chunks_is_read(nile):
    assert chunked(nile, ONE, io.BytesIO(b'{"amount": "1"}')).status_code == 201


@pytest.mark.parametrize(
    "coding", ["gzip, chunked", "identity, chunked", "chunked, chunked", "gzip", "identity", ""]
)
def test_a_body_in_another_transfer_coding_is_never_taken_for_empty(nile, coding):
    held = nile.post(HOLDS, {"amount": "100"}, idempotency_key="h").json()["id"]
    kept = nile.get(f"masters/nile/holds/{held}").json()
    for path in (ONE, MANY, HOLDS, *(f"masters/nile/holds/{held}/{end}" for end in ENDS)):
        for terminated in (True, False):
            answer = chunked(
                nile,
                path,
                io.BytesIO(b'{"amount": "1"}'),
                HTTP_TRANSFER_ENCODING=coding,
                **{"wsgi.input_terminated": terminated},
            )
            problem(answer, 400, "bad-request")
    assert nile.get(f"masters/nile/holds/{held}").json() == kept
    assert not Entry.objects.filter(origin=Origin.API).exists()


def test_chunks_that_the_server_does_not_undo_are_never_taken_for_empty(nile):
    held = nile.post(HOLDS, {"amount": "100"}, idempotency_key="h").json()["id"]
    for end in ENDS:
        path = f"masters/nile/holds/{held}/{end}"
        answer = chunked(nile, path, io.BytesIO(), **{"wsgi.input_terminated": False})
        problem(answer, 400, "bad-request")
    assert nile.get(f"masters/nile/holds/{held}").json()["state"] == "open"


def test_a_body_in_chunks_is_bounded_too(nile):
    problem(chunked(nile, ONE, Endless()), 413, "too-large")
    problem(chunked(nile, MANY, Endless()), 413, "too-large")


def test_chunks_that_break_off_are_a_bad_request(nile):
    class Broken(io.RawIOBase):
        def read(self, size=-1):
            raise ValueError("what a server raises at a broken chunk")

    problem(chunked(nile, ONE, Broken()), 400, "bad-request")
    assert nothing_was_written()


def test_a_body_shorter_than_announced_is_not_acted_on(nile):
    row = b'{"reference": "r", "account": "marketing", "amount": "1"}\n'
    answer = nile.client.generic(
        "POST",
        f"/api/v1/{MANY}",
        b"",
        headers=nile.headers,
        **{
            "CONTENT_TYPE": "application/x-ndjson",
            "CONTENT_LENGTH": str(2 * len(row)),
            "wsgi.input": io.BytesIO(row),
        },
    )
    problem(answer, 400, "bad-request")
    assert nothing_was_written()


@pytest.mark.parametrize("length", ["", "x", "-1", "1e3", "\u0663"])
def test_a_content_length_that_is_none_is_no_trouble(nile, length):
    answer = nile.client.generic(
        "POST",
        f"/api/v1/{ONE}",
        b"",
        headers=nile.headers | {"Idempotency-Key": "r"},
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH=length,
    )
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert nothing_was_written()


@pytest.mark.parametrize(
    "header",
    ["Accept", "Accept-Language", "Cookie", "User-Agent", "Origin", "Referer", "X-Forwarded-For"],
)
def test_odd_headers_are_no_trouble(nile, header):
    for value in ("\u00ff\u00fe", "x" * 8_000, ";;;,,,", "sessionid=\x01; csrftoken=x", "*/*;q=9"):
        answer = nile.client.get(
            "/api/v1/masters/nile/subaccounts", headers=nile.headers | {header: value}
        )
        assert answer.status_code == 200
        assert not answer.cookies


def test_twins_deep_inside_of_a_field_are_found_with_it(nile):
    body = json.dumps({"amount": "1", "description": 'he said: "a":1'})
    assert nile.post(ONE, body, idempotency_key="r").status_code == 201
    answer = nile.post(ONE, '{"amount": {"a": 1, "a": 2}}', idempotency_key="s")
    problem(answer, 422, "invalid")
    answer = nile.post(ONE, '{"amount": ' + "9" * 5_000 + ' , "amount": "1"}', idempotency_key="s")
    problem(answer, 422, "malformed")


@pytest.mark.parametrize("charset", ["utf-16", "base64", "nonsense", "utf-8; charset=base64"])
def test_another_charset_is_refused_before_django_looks_it_up(charset):
    answered = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/api/v1/{MANY}",
        "CONTENT_TYPE": f"application/json; charset={charset}",
    }
    setup_testing_defaults(environ)
    body = b"".join(application(environ, lambda *answer: answered.append(answer)))
    [(status, headers)] = answered
    assert status == "415 Unsupported Media Type"
    assert dict(headers)["Content-Type"] == "application/problem+json"
    kind = problems.TYPES["unsupported-media-type"]
    assert json.loads(body)["title"] == kind.title
    assert json.loads(body)["type"] == f"{problems.BASE}unsupported-media-type"
