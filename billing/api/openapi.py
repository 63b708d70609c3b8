"""The OpenAPI document and its page: every operation with its errors, examples and headers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI, Schema
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from pydantic.json_schema import models_json_schema

from accounts.models import CODE_PATTERN, Scope
from billing.api import problems, schemas
from billing.api.bodies import JSON, NDJSON
from billing.api.fields import IDEMPOTENCY_KEY

REF = "#/components/schemas/{model}"
CODE = CODE_PATTERN.replace(r"\A", "^").replace(r"\Z", "$")
# Every operation that asks for a key can answer so.
ALWAYS = (
    "unauthenticated",
    "scope-missing",
    "https-required",
    "not-found",
    "invalid",
    "too-many-requests",
    "try-again",
)
BODY = ("bad-request", "too-large", "unsupported-media-type", "malformed")
REFUSED = (
    "insufficient-balance",
    "spending-cap",
    "account-suspended",
    "account-closed",
    "balance-too-large",
)

PATH = {
    "master": ("The code of a master account.", {"type": "string", "pattern": CODE}, "nile"),
    "account": (
        "The code of an account of that company, the master account's own included.",
        {"type": "string", "pattern": CODE},
        "marketing",
    ),
    "hold": (
        "The id of a hold.",
        {"type": "string", "format": "uuid"},
        "6f1e8c52-8a4e-4f6c-9d57-7a2f3b1c0d9e",
    ),
    "slug": ("The last part of a type.", {"enum": list(problems.TYPES)}, "insufficient-balance"),
}
FIGURES: dict[str, dict[str, Any]] = {
    "insufficient-balance": {
        "account": "marketing",
        "holder": "marketing",
        "currency": "EGP",
        "available": "500.000000",
        "short_by": "20.500000",
    },
    "spending-cap": {
        "account": "marketing",
        "currency": "EGP",
        "cap": "5000.000000",
        "used": "4990.000000",
        "left": "10.000000",
        "short_by": "15.500000",
    },
    "scope-missing": {"scope": "charges:write"},
    "too-large": {"limit": 5_000},
    "invalid": {"errors": [{"field": "amount", "message": "The amount is not more than zero."}]},
    "hold-ended": {"state": "expired"},
    "more-than-held": {"remaining": "50.000000", "asked": "60.000000"},
}
HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}},
    429: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}},
    503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}},
}


def documented(
    *,
    answers: Mapping[int, type[Schema]],
    errors: Collection[str] = (),
    scope: Scope | None = None,
    body: type[Schema] | None = None,
    ndjson: tuple[type[Schema], type[Schema]] | None = None,
    query: Mapping[str, tuple[str, dict[str, Any]]] | None = None,
    idempotent: bool = False,
) -> dict[str, Any]:
    """What ninja cannot know of an operation: ``openapi_extra``.

    ``errors`` are the slugs of problems beside those that every operation has; ``ndjson`` the
    models of one line in and one line out; ``query`` name: (description, schema).
    """
    slugs = list(errors)
    if scope is not None:
        slugs += ALWAYS
    if body is not None:
        slugs += BODY
    extra: dict[str, Any] = {
        "responses": {status: _answer(model) for status, model in answers.items()}
        | _errors(slugs),
        "parameters": [
            {
                "in": "query",
                "name": name,
                "required": False,
                "description": about,
                "schema": schema,
            }
            for name, (about, schema) in (query or {}).items()
        ],
    }
    if idempotent:
        extra["parameters"].append(_idempotency_key())
        extra["responses"][200]["headers"] = {
            "Idempotent-Replayed": {
                "schema": {"type": "string", "const": "true"},
                "description": "It was done before, and was not done again.",
            }
        }
    if body is not None:
        extra["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": _ref(body)}},
        }
    if ndjson is not None:
        line, result = ndjson
        extra["requestBody"]["content"][NDJSON] = {"schema": _lines(line)}
        extra["responses"][200]["content"][NDJSON] = {"schema": _lines(result)}
    return extra


class Api(NinjaAPI):
    """Ninja's API, with the schemas of what we answer ourselves in its document."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """The document; made once, for it is the same for everybody."""
        return self._document

    @cached_property
    def _document(self) -> OpenAPISchema:
        document = super().get_openapi_schema()
        models = [each for each in vars(schemas).values() if _is_model(each)]
        _names, found = models_json_schema(
            [(model, "validation") for model in models], ref_template=REF
        )
        document["components"]["schemas"].update(_without_nulls(found["$defs"]))
        for operations in document["paths"].values():
            for operation in operations.values():
                for parameter in operation["parameters"]:
                    _describe(parameter)
        return document


class Docs(DocsBase):
    """Swagger UI from ninja's own files, in a page of ours."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        """The page; it needs no key, and keeps none that is typed into it."""
        settings = {
            "url": self.get_openapi_url(api, kwargs),
            "layout": "BaseLayout",
            "deepLinking": True,
            # No badge of a validator elsewhere.
            "validatorUrl": None,
            "persistAuthorization": False,
            "defaultModelsExpandDepth": 0,
        }
        return render(
            request,
            "billing/api_docs.html",
            {"api": api, "swagger_settings": json.dumps(settings)},
        )


def _answer(model: type[Schema]) -> dict[str, Any]:
    about = (model.__doc__ or "").partition("\n")[0]
    return {"description": about, "content": {JSON: {"schema": _ref(model)}}}


def _errors(slugs: Collection[str]) -> dict[int, dict[str, Any]]:
    """The responses of the problems, by status, each with an example."""
    found: dict[int, dict[str, Any]] = {}
    for slug in slugs:
        kind = problems.TYPES[slug]
        response = found.setdefault(
            kind.status,
            {
                "description": "",
                "content": {
                    problems.MEDIA_TYPE: {"schema": _ref(schemas.Problem), "examples": {}}
                },
            },
        )
        response["description"] += f"{' · ' if response['description'] else ''}{kind.title}"
        response["content"][problems.MEDIA_TYPE]["examples"][slug] = {
            "summary": kind.title,
            "value": {
                "type": problems.BASE + slug,
                "title": kind.title,
                "status": kind.status,
                "detail": kind.explanation,
                **FIGURES.get(slug, {}),
            },
        }
        if kind.status in HEADERS:
            response["headers"] = HEADERS[kind.status]
    return found


def _idempotency_key() -> dict[str, Any]:
    return {
        "in": "header",
        "name": IDEMPOTENCY_KEY,
        "required": True,
        "description": "The reference: names this posting for ever, and makes it happen once."
        " ASCII without commas.",
        # \x2c, the comma, is left out.
        "schema": {
            "type": "string",
            "pattern": r"^[!-+\x2d-~]([ -+\x2d-~]{0,198}[!-+\x2d-~])?$",
        },
        "example": "msg-17",
    }


def _lines(model: type[Schema]) -> dict[str, Any]:
    return {"type": "string", "description": f"One {model.__name__} a line."}


def _ref(model: type[Schema]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Schema) and found is not Schema


def _without_nulls(schema: Any) -> Any:
    """Drop the default of what may be left out: it is never null."""
    if isinstance(schema, list):
        return [_without_nulls(each) for each in schema]
    if isinstance(schema, dict):
        return {
            name: _without_nulls(each)
            for name, each in schema.items()
            if not (name == "default" and each is None)
        }
    return schema


def _describe(parameter: dict[str, Any]) -> None:
    if parameter["in"] == "path":
        about, schema, example = PATH[parameter["name"]]
        parameter.update(description=about, schema=schema, example=example)
