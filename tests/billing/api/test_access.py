"""Who may ask: tried for every route there is, so that a new one cannot be forgotten."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts import api_keys
from accounts.models import Scope
from billing import holds
from billing.api.routes import ROUTES
from billing.models import Entry
from tests.billing.api.conftest import Program

pytestmark = pytest.mark.django_db

GUARDED = [route for route in ROUTES if route.scope is not None]
# What each route needs to be understood. A new POST must be added here.
BODIES = {
    "masters/{master}/accounts/{account}/charges": {"amount": "1"},
    "masters/{master}/charges": {
        "charges": [{"reference": "r", "account": "marketing", "amount": "1"}]
    },
    "masters/{master}/accounts/{account}/holds": {"amount": "1"},
    "masters/{master}/holds/{uuid:hold}/captures": {"amount": "1"},
    "masters/{master}/holds/{uuid:hold}/release": None,
}
STRANGE = [
    None,
    "",
    "Bearer",
    "Bearer ",
    "Bearer nonsense",
    "Basic dXNlcjpwYXNz",
    "Bearer cck_abcdefgh_" + "A" * 43,
    "Bearer \u00ff\u00fe",
    "cck_abcdefgh_" + "A" * 43,
]
every_route = pytest.mark.parametrize(
    "route", GUARDED, ids=lambda route: f"{route.method} {route.path}"
)


@pytest.fixture
def held(cast):
    """A hold of Marketing's, and one of Gulf's."""
    of_nile = holds.hold(account=cast.marketing, amount=10, reference="h").hold
    of_gulf = holds.hold(account=cast.gulf, amount=10, reference="h").hold
    return {"nile": of_nile.id, "gulf": of_gulf.id}


def send(program, route, held, *, master="nile", account="marketing", hold=""):
    path = (
        route.path.replace("{master}", master)
        .replace("{account}", account)
        .replace("{uuid:hold}", str(hold or held[master]))
    )
    if route.method == "GET":
        return program.get(path)
    return program.post(path, BODIES[route.path], idempotency_key="r-1")


def address(route, held):
    path = route.path.replace("{master}", "nile").replace("{account}", "marketing")
    return "/api/v1/" + path.replace("{uuid:hold}", str(held["nile"]))


def is_problem(answer, status, slug):
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"/api/v1/problems/{slug}"
    assert document["status"] == status
    return document


def nothing_was_written(before):
    return Entry.objects.count() == before


@every_route
def test_with_the_one_scope_that_it_needs_a_key_is_let_in(cast, held, key_of, route):
    for master in (cast.nile, None):
        answer = send(Program(key_of(master, route.scope)), route, held)
        assert answer.status_code in {200, 201}, answer.content


@every_route
def test_the_master_account_itself_is_an_account_too(platform, held, route):
    assert send(platform, route, held, account="nile").status_code in {200, 201}


@every_route
def test_a_stranger_is_refused(held, route):
    before = Entry.objects.count()
    program = Program(None)
    for header in STRANGE:
        if header is not None:
            program.headers["Authorization"] = header
        answer = send(program, route, held)
        is_problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), header
    assert nothing_was_written(before)


@every_route
def test_a_browser_that_is_signed_in_is_a_stranger(cast, held, route, django_assert_num_queries):
    program = Program(None)
    program.client.force_login(cast.operator)
    with django_assert_num_queries(0):
        is_problem(send(program, route, held), 401, "unauthenticated")


@every_route
def test_every_other_scope_is_not_enough(cast, held, key_of, route):
    before = Entry.objects.count()
    others = [scope for scope in Scope if scope != route.scope]
    answer = send(Program(key_of(cast.nile, *others)), route, held)
    document = is_problem(answer, 403, "scope-missing")
    assert document["scope"] == route.scope
    assert route.scope in document["detail"]
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]
    assert nothing_was_written(before)


@every_route
def test_another_company_is_not_there(held, nile, route):
    before = Entry.objects.count()
    foreign = send(nile, route, held, master="gulf", account="gulf")
    unknown = send(nile, route, held, master="atlantis", hold=held["nile"])
    is_problem(foreign, 404, "not-found")
    assert foreign.content == unknown.content
    assert nothing_was_written(before)


@every_route
def test_what_is_not_the_companys_is_not_there(held, platform, route):
    """An account and a hold of Gulf's, under Nile's address."""
    if "{account}" not in route.path and "{uuid:hold}" not in route.path:
        return
    before = Entry.objects.count()
    answer = send(platform, route, held, account="sales", hold=held["gulf"])
    is_problem(answer, 404, "not-found")
    assert nothing_was_written(before)


@every_route
def test_a_subaccount_is_no_company(held, platform, route):
    answer = send(platform, route, held, master="marketing", hold=held["nile"])
    is_problem(answer, 404, "not-found")


@every_route
def test_what_could_be_no_code_is_not_there(held, platform, route):
    for code in ("%00", "a%00b", "NILE", "%ff", "%2e%2e", "a" * 41, "%d9%a1", "-"):
        answer = send(platform, route, held, master=code, hold=held["nile"])
        is_problem(answer, 404, "not-found")
        if "{account}" in route.path:
            is_problem(send(platform, route, held, account=code), 404, "not-found")


@every_route
def test_a_revoked_key_is_refused_at_once(cast, held, key_of, route):
    key = key_of(cast.nile)
    program = Program(key)
    assert send(program, route, held).status_code in {200, 201}
    api_keys.revoke(prefix=key[:12])
    is_problem(send(program, route, held), 401, "unauthenticated")


@every_route
def test_no_session_no_cookie_nothing_kept(held, nile, route):
    answer = send(nile, route, held)
    assert not answer.cookies
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Type"] in {"application/json", "application/x-ndjson"}


@every_route
def test_every_other_method_is_answered_with_those_that_there_are(held, nile, route):
    path = address(route, held)
    allowed = "GET, HEAD" if route.method == "GET" else "POST"
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        answer = nile.client.generic(method, path, headers=nile.headers)
        is_problem(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == allowed


@every_route
def test_a_slash_behind_it_is_another_path(held, nile, route):
    path = address(route, held)
    answer = nile.client.generic(route.method, path + "/", headers=nile.headers)
    is_problem(answer, 404, "not-found")


@every_route
def test_a_parameter_that_is_not_known_is_refused(held, nile, route):
    path = address(route, held)
    before = Entry.objects.count()
    for query in ("aftr=1", "enforce_limit=false", "%ff=%00", "after=1&after=2"):
        answer = nile.client.generic(
            route.method,
            f"{path}?{query}",
            b"{}",
            headers=nile.headers | {"Idempotency-Key": "r"},
            content_type="application/json",
        )
        document = is_problem(answer, 422, "invalid")
        assert document["errors"][0]["field"]
    assert nothing_was_written(before)


def test_every_guarded_route_has_a_body_here_and_every_scope_a_route():
    posts = {route.path for route in GUARDED if route.method == "POST"}
    assert posts == BODIES.keys()
    # The one scope that widens another.
    assert {route.scope for route in GUARDED} == set(Scope) - {Scope.CHARGES_PAST_LIMIT}


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/masters",
        "/api/v1/masters/nile",
        "/api/v1/docs/",
        "/api/v1//masters/nile/subaccounts",
        "/api/v1/x%0ay",
        "/api/v1/%00",
        "/api/v1/masters/nile/holds/17",
        "/api/v1/masters/nile/holds/%00",
        "/api/v1/problems/nonsense",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_answered_with_a_problem(client: Client, db, path, method):
    if method != "GET" and "problems" in path:
        return
    answer = client.generic(method, path)
    is_problem(answer, 404, "not-found")
    assert not answer.cookies


@pytest.mark.parametrize("path", ["docs", "openapi.json", "problems/insufficient-balance"])
def test_the_documentation_is_public_and_read_only(client: Client, db, path):
    assert client.get(f"/api/v1/{path}").status_code == 200
    answer = client.post(f"/api/v1/{path}")
    is_problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_head_is_answered_as_get_is_without_its_body(nile):
    answer = nile.client.head(
        "/api/v1/masters/nile/accounts/marketing/balance", headers=nile.headers
    )
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["Content-Length"]) > 100


def test_the_scheme_of_the_header_may_be_written_in_any_case(cast, key_of):
    program = Program(None)
    for scheme in ("bearer", "BEARER", "Bearer "):
        program.headers["Authorization"] = f"{scheme} {key_of(cast.nile)}"
        assert program.get("masters/nile/subaccounts").status_code == 200


def test_a_request_for_a_foreign_host_is_answered_with_a_problem(client: Client, db):
    answer = client.get("/api/v1/docs", HTTP_HOST="evil.example")
    is_problem(answer, 400, "bad-request")
    # People still get a page.
    page = client.get("/auth/login/", HTTP_HOST="evil.example")
    assert page.status_code == 400
    assert page.headers["Content-Type"].startswith("text/html")
