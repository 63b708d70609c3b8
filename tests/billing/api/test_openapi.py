"""The OpenAPI document holds: whatever is sent, the answers are those that it promises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import schemathesis
from django.contrib.staticfiles.finders import get_finders
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Scope
from billing import holds, refusals
from billing.api import problems
from billing.api.routes import ROUTES, api
from billing.api.schemas import Problem
from console.wsgi import application
from tests.factories import set_limit

# The application answers in transactions of its own, and looks after its connections itself.
pytestmark = pytest.mark.django_db(transaction=True)

CONFORMS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
]
TIME = "2026-11-03T14:05:00.123+02:00"
# A batch answers 200 and says of each row whether it is one.
TOLD_BY_ROW = "masters/{master}/charges"


def document():
    """As a client gets it: a copy of its own, with texts as keys."""
    return json.loads(json.dumps(api.get_openapi_schema()))


@pytest.fixture
def places(cast, settings):
    """What the paths lead to: there is credit for nearly everything, and no limit of requests."""
    settings.API_REQUESTS_PER_SECOND = 1_000_000
    settings.API_FAILURES_PER_MINUTE = 1_000_000
    set_limit(cast.marketing, "9000000000000")
    held = holds.hold(account=cast.marketing, amount=1_000_000_000, reference="h").hold
    return {"master": "nile", "account": "marketing", "hold": str(held.id), "slug": "malformed"}


def operation_of(route):
    schema = schemathesis.openapi.from_dict(document())
    schema.app = application
    return schema["/api/v1/" + route.path.replace("uuid:", "")][route.method]


def try_out(operation, headers, checks, mode, path_parameters=None, examples=15):
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=path_parameters))
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def run(case):
        if isinstance(case.body, dict) and mode is GenerationMode.POSITIVE:
            # Of all times only those since 2000 are taken, which a schema cannot say.
            case.body |= {"occurred_at": TIME} if "occurred_at" in case.body else {}
        if mode is GenerationMode.POSITIVE and "at" in (case.query or {}):
            # And of the past only what there was since the account was opened.
            case.query["at"] = datetime.now(UTC).isoformat()
        # Its WSGI client asks for gzip and does not unpack it.
        case.headers.update(headers | {"Accept-Encoding": "identity"})
        case.validate_response(case.call(), checks=checks)

    run()


# ninja's converters are no part of the path in the document.
every_route = pytest.mark.parametrize(
    "route", ROUTES, ids=lambda route: f"{route.method} {route.path}"
)


@every_route
def test_what_is_right_is_accepted_and_answered_as_promised(platform, places, route):
    names = [name for name in places if f"{name}}}" in route.path]
    try_out(
        operation_of(route),
        platform.headers,
        [*CONFORMS, positive_data_acceptance],
        GenerationMode.POSITIVE,
        {name: places[name] for name in names},
    )


@every_route
def test_what_is_wrong_is_refused_and_answered_as_promised(platform, places, route):
    checks = [*CONFORMS, missing_required_header]
    if route.path != TOLD_BY_ROW:
        checks.append(negative_data_rejection)
    try_out(operation_of(route), platform.headers, checks, GenerationMode.NEGATIVE)


@every_route
def test_without_a_key_the_answers_are_as_promised_too(places, route):
    try_out(operation_of(route), {}, CONFORMS, GenerationMode.POSITIVE, examples=5)


def test_every_operation_documents_its_errors_with_examples():
    for route in ROUTES:
        operation = document()["paths"]["/api/v1/" + route.path.replace("uuid:", "")][
            route.method.lower()
        ]
        responses = operation["responses"]
        told = {int(status) for status in responses}
        if route.scope is not None:
            assert {401, 403, 404, 422, 429, 503} <= told, route.path
            assert operation["security"] == [{"Key": []}]
            assert f"`{route.scope}`" in operation["description"]
        if route.method == "POST":
            assert {400, 413, 415, 422} <= told, route.path
        for status in told - {200, 201}:
            examples = responses[str(status)]["content"][problems.MEDIA_TYPE]["examples"]
            for slug, example in examples.items():
                assert problems.TYPES[slug].status == status
                Problem.model_validate(example["value"])
    for path in ("accounts/{account}/charges", "accounts/{account}/holds"):
        responses = document()["paths"]["/api/v1/masters/{master}/" + path]["post"]["responses"]
        assert {402, 409} <= {int(status) for status in responses}


def test_the_document_names_the_key_and_refers_to_nothing_that_is_not_there(client):
    found = client.get("/api/v1/openapi.json").json()
    [scheme] = found["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    references = set()

    def walk(node):
        if isinstance(node, dict):
            references.add(node.get("$ref", "#/components/schemas/Problem"))
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(found)
    known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert references <= known


def test_every_type_of_problem_explains_itself(client):
    for slug, kind in problems.TYPES.items():
        found = client.get(problems.BASE + slug).json()
        assert found["status"] == kind.status
        assert found["title"] == kind.title
        assert found["explanation"]


def test_the_handbook_names_every_type_of_problem_and_every_scope():
    handbook = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    for name in [*problems.TYPES, *Scope.values]:
        # "refused" is there for refusals that are still to be invented.
        assert f"`{name}`" in handbook or name == "refused", name


def test_every_refusal_has_a_type_of_problem_of_its_own():
    """But those of verbs that the API does not have."""
    elsewhere = {
        refusals.Refused,
        refusals.SharedBalance,
        refusals.UnknownReference,
        refusals.CannotReverse,
        # Of switching the balance mode and closing.
        refusals.FiguresChanged,
        refusals.InDebt,
        refusals.MasterCannotCarry,
        refusals.OpenHolds,
        # Of restoring an account.
        refusals.SuspendedByPlatform,
        # Of what only operators do with an account.
        refusals.CountryIsFixed,
        refusals.LimitChanged,
        refusals.AccountChanged,
    }
    found = {
        each
        for each in vars(refusals).values()
        if isinstance(each, type) and issubclass(each, refusals.Refused)
    }
    assert {each.code for each in found - elsewhere} == problems.OF_REFUSALS.keys()
    assert set(problems.OF_REFUSALS.values()) <= problems.TYPES.keys()


def test_only_what_the_page_needs_is_served_of_ninjas_files():
    served = {path for finder in get_finders() for path, _storage in finder.list([])}
    assert {"ninja/swagger-ui-bundle.js", "ninja/swagger-ui.css"} <= served
    assert not [path for path in served if "redoc" in path]
