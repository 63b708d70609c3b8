"""The demo's mailbox: it keeps mails and shows them harmlessly; elsewhere it is not there."""

from __future__ import annotations

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from console import mailbox

pytestmark = pytest.mark.django_db

BOX = "/demo/mailbox/"
HTML = '<style>p{color:red}</style><p>Hello</p><script src="/x.js"></script>'


@pytest.fixture
def demo(settings, tmp_path):
    settings.EMAIL_BACKEND = "console.mailbox.Backend"
    settings.DEMO_MAILBOX = tmp_path / "mailbox"


def send(subject: str = "Héllo", body: str = "Look: http://localhost:8000/x/ <b>") -> None:
    mail = EmailMultiAlternatives(subject, body, to=["a@x.example"])
    mail.attach_alternative(HTML, "text/html")
    assert mail.send() == 1


def test_a_mail_is_listed_and_shown_as_text_and_in_a_frame_that_can_do_nothing(demo):
    assert "No mail yet" in Client().get(BOX).content.decode()
    send()
    [kept] = mailbox.mails()
    assert (kept.subject, kept.to) == ("Héllo", "a@x.example")
    assert "Héllo" in Client().get(BOX).content.decode()
    page = Client().get(f"{BOX}{kept.name}/")
    assert '<a href="http://localhost:8000/x/"' in page.content.decode()
    assert "&lt;b&gt;" in page.content.decode()
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    frame = Client().get(f"{BOX}{kept.name}/html/")
    assert "<p>Hello</p>" in frame.content.decode()
    policy = frame["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    assert BOX in Client().get("/auth/login/").content.decode()


def test_the_latest_are_kept_the_newest_first(demo, monkeypatch):
    monkeypatch.setattr(mailbox, "MOST", 2)
    for subject in ("one", "two", "three"):
        send(subject)
    assert [kept.subject for kept in mailbox.mails()] == ["three", "two"]


@pytest.mark.parametrize("name", ["nothing", "1-2-3", "..", "..%2f..%2fsecret_key", "1" * 30])
def test_what_is_no_mail_is_not_found(demo, name):
    assert Client().get(f"{BOX}{name}/").status_code == 404
    assert Client().get(f"{BOX}{name}/html/").status_code == 404
    assert Client().post(BOX).status_code == 405


def test_where_it_is_no_demo_there_is_no_mailbox(settings, tmp_path):
    for page in (BOX, f"{BOX}1-2-3/", f"{BOX}1-2-3/html/"):
        assert Client().get(page).status_code == 404
    assert BOX not in Client().get("/auth/login/").content.decode()
