"""What every request and answer goes through: no 500 for anything a client can send."""

from __future__ import annotations

import io
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.urls import reverse
from hypothesis import event, given, settings
from hypothesis import strategies as st

from accounts.models import User
from console.charset import CHARSETS, refuse_foreign_charsets
from console.wsgi import application
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "following",
    ["http://[bad", "//[bad", "http://[::1", "http://[x]/", "http://a]b/", "//\u2100", "\x00"],
)
@pytest.mark.parametrize("page", ["account_login", "account_signup", "account_reset_password"])
def test_a_next_that_is_no_address_is_ignored(client, page, following):
    assert client.get(reverse(page), {"next": following}).status_code == 200


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "\\\\evil"])
def test_sign_in_never_leads_elsewhere(cast, client, following):
    answer = client.post(
        reverse("account_login") + f"?next={following}",
        {"login": cast.admin.email, "password": PASSWORD, "next": following},
    )
    assert answer.status_code == 302
    assert answer.url == "/"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", "302 Found"),
        ("text/plain", "302 Found"),
        ("text/plain; charset=UTF-8", "302 Found"),
        *(
            (f"{kind}; charset={charset}", "400 Bad Request")
            for kind in ("text/plain", "multipart/form-data; boundary=B")
            for charset in ("base64", "rot13", "undefined", "utf-16", "idna", "zlib", "nonsense")
        ),
        # Of two, some readers take the first and some the last.
        ("text/plain; charset=utf-8; charset=base64", "400 Bad Request"),
        ("text/plain; charset=base64; charset=utf-8", "400 Bad Request"),
        ("multipart/form-data; boundary=B; charset=utf-8; Charset=punycode", "400 Bad Request"),
        ("text/plain; charset*0=base64; charset*=utf-8''base64", "400 Bad Request"),
        ("text/plain; charset*0=utf; charset*1=-16", "400 Bad Request"),
        ("text/plain; charset*=utf-8''base64", "400 Bad Request"),
        ("text/plain; charset*=nonsense''utf-8", "400 Bad Request"),
        ("text/plain; other*=nonsense''x", "400 Bad Request"),
        ('text/plain; CHARSET="UTF-8"', "302 Found"),
    ],
)
def test_a_charset_that_is_none_is_answered_with_400(content_type, status):
    environ = {"CONTENT_TYPE": content_type, "QUERY_STRING": "next=/x", "HTTP_HOST": "localhost"}
    setup_testing_defaults(environ)
    answered = []
    list(application(environ, lambda status, headers: answered.append(status)))
    assert answered == [status]


# What makes readers of a header differ: names, pieces, quotes, codecs, words that are none.
PIECES = (
    "text/plain multipart/form-data application/x-www-form-urlencoded ; ; = * , ' \" \\ boundary=B"
    " charset Charset ;charset= ;charset=utf-8 ;charset*= ;charset*0= ;charset*1*= ;other*= x"
    " utf-8 UTF8 us-ascii base64 punycode idna undefined utf-16 '' utf-8'' base64'' nonsense''"
    " %00 %ff \u00e9 \x00"
)


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(PIECES.split(" ")) | st.text(max_size=3), max_size=12).map("".join)
)
def test_what_the_guard_lets_through_django_reads_without_an_error(content_type):
    """Both must read the header alike: Django's view of it is asked, not ours."""
    asked = []

    def django(environ, start_response):
        request = WSGIRequest(environ)
        asked.append((request.encoding or "utf-8").lower())
        assert request.GET["next"] == "x"
        return []

    environ = {
        "REQUEST_METHOD": "GET",
        "CONTENT_TYPE": content_type,
        "QUERY_STRING": "next=x",
        "wsgi.input": io.BytesIO(),
    }
    answered = []
    refuse_foreign_charsets(django)(environ, lambda status, headers: answered.append(status))
    event("refused" if answered else "let through")
    assert answered == ["400 Bad Request"] or asked[0] in CHARSETS


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
@pytest.mark.parametrize(
    "more", ["", "; charset=utf-8", ';charset="UTF-8"', "; boundary=B", "; charset*=utf-8''utf-8"]
)
def test_a_header_that_says_nothing_odd_is_let_through(kind, more):
    asked = []
    guarded = refuse_foreign_charsets(lambda *of: asked.append(of) or [])
    guarded({"CONTENT_TYPE": kind + more}, lambda *answer: None)
    assert asked


@pytest.mark.parametrize("cookie", ["\x00abcdefgh12345", "x", "../../etc/passwd", "A" * 32])
def test_a_session_cookie_that_is_none_is_no_session(cast, client, cookie):
    client.cookies["sessionid"] = cookie
    answer = client.get("/accounts/nile/")
    assert answer.status_code == 302
    assert answer.url.startswith("/auth/login/")


@pytest.mark.parametrize(
    "path", ["/", "/accounts/nile/", "/accounts/nile/transactions/", "/nowhere", "/auth/login/"]
)
def test_no_page_is_kept_by_anyone(cast, client, path):
    client.force_login(cast.admin)
    assert "no-store" in client.get(path, follow=True).headers["Cache-Control"]


def test_files_are_not_taken(client):
    answer = client.post(
        "/auth/login/", {"login": "a@b.example", "file": SimpleUploadedFile("x", b"x" * 100_000)}
    )
    assert answer.status_code == 200
    assert not answer.wsgi_request.FILES


def test_signing_out_empties_what_the_browser_keeps(cast, client):
    client.force_login(cast.admin)
    assert client.post("/auth/logout/").headers["Clear-Site-Data"] == '"cache"'
    assert "Clear-Site-Data" not in client.get("/auth/login/").headers


@pytest.mark.parametrize("path", ["/auth/email/", "/auth/password/set/", "/auth/login/code/"])
def test_an_address_is_not_changed_by_oneself(cast, client, path):
    client.force_login(cast.member)
    assert client.get(path).status_code == 404
    assert client.post(path, {"email": "a@evil.example", "action_add": ""}).status_code == 404


def test_an_operator_made_at_the_command_line_signs_in_and_sets_up_a_second_factor(client):
    operator = User.objects.create_superuser("Op@platform.example", PASSWORD)
    answer = client.post(reverse("account_login"), {"login": operator.email, "password": PASSWORD})
    assert answer.url == "/"
    assert client.get("/").url == reverse("security")


def test_a_changed_password_is_told_by_mail(cast, client, mailoutbox):
    client.force_login(cast.member)
    client.post(
        reverse("account_change_password"),
        {
            "oldpassword": PASSWORD,
            "password1": "another horse battery",
            "password2": "another horse battery",
        },
    )
    assert [mail.to for mail in mailoutbox] == [[cast.member.email]]
