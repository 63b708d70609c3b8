"""The sandbox listens on 127.0.0.1: the API, the hosted page, and what is turned by hand."""

from __future__ import annotations

import base64
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from billing.sandbox import control, pages
from billing.sandbox.delivery import Post
from billing.sandbox.state import Sandbox, Thing
from billing.sandbox.wire import Form, WireError, decode

HOST = "127.0.0.1"
LARGEST = 1_000_000  # bytes of a request


class Server(ThreadingHTTPServer):
    """A sandbox that answers. ``key`` and ``secret`` are those of the console that it serves.

    ``console`` is its address; messages go to ``<console>/gateways/<name>/webhook/``.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listener: socket.socket, *, key: str, secret: str, console: str) -> None:
        super().__init__(listener.getsockname()[:2], Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_port = listener.getsockname()[1]
        self.key = key
        self.sandbox = Sandbox(Post(console, secret), f"http://{HOST}:{self.server_port}")

    @property
    def address(self) -> str:
        """Where it is: ``http://127.0.0.1:8001``."""
        return self.sandbox.address

    def start(self) -> None:
        """Answer in a thread of its own until ``stop``, or the process ends."""
        threading.Thread(target=self.serve_forever, name="sandbox", daemon=True).start()

    def stop(self) -> None:
        """Answer no more, and deliver no more."""
        self.shutdown()
        self.server_close()
        self.sandbox.post.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up early is no trouble."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Answer."""
        self._answer("GET")

    def do_POST(self) -> None:
        """Answer."""
        self._answer("POST")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _answer(self, method: str) -> None:
        self.path, _, query = self.path.partition("?")
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = LARGEST + 1
        if not 0 <= length <= LARGEST:
            self.close_connection = True
            self._say(413, "too large")
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        if self.path.startswith("/v1/"):
            self._api(method, query, body)
        elif self.path.startswith("/_control/"):
            status, told = control.turn(self.server.sandbox, self.path[10:], body)
            self._say_json(status, told)
        elif self.path == "/style.css":
            self._say(200, pages.STYLE, "text/css")
        else:
            self._page(method, body)

    # --- The API ------------------------------------------------------------------------

    def _api(self, method: str, query: str, body: str) -> None:
        sandbox = self.server.sandbox
        with sandbox.lock:
            faults = sandbox.faults
            slow, fail, garbage = faults.slow, faults.fail > 0, faults.garbage > 0
            lose = not (fail or garbage) and faults.lose > 0
            faults.fail -= fail
            faults.garbage -= garbage
            faults.lose -= lose
        time.sleep(slow)
        if fail:
            self._say_json(500, {"error": {"type": "api_error", "message": "Something broke."}})
            return
        if garbage:
            self._say(200, "<html>It works!</html>", "text/html")
            return
        try:
            self._check_key()
            form = decode(body if method == "POST" else query)
            status, told = 200, self._do(method, form)
        except WireError as error:
            status, told = error.status, error.body
        if lose:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._say_json(status, told)

    def _check_key(self) -> None:
        said = self.headers.get("Authorization", "")
        kind, _, key = said.partition(" ")
        if kind == "Basic":
            try:
                key = base64.b64decode(key).decode().partition(":")[0]
            except ValueError:
                key = ""
        if not hmac.compare_digest(key.encode(), self.server.key.encode()):
            raise WireError(401, "Invalid API Key provided.")

    def _do(self, method: str, form: Form) -> Thing:
        routes = (
            (work, match)
            for verb, pattern, work in _ROUTES
            if verb == method and (match := re.fullmatch(pattern, self.path))
        )
        work, match = next(routes, (None, None))
        if work is None or match is None:
            raise WireError(404, f"Unrecognized request URL ({method}: {self.path}).")
        sandbox = self.server.sandbox
        key = self.headers.get("Idempotency-Key", "") if method == "POST" else ""
        with sandbox.lock:
            answer = sandbox.once(key, self.path, form)
            if answer is None:
                answer = work(sandbox, form, *match.groups())
                sandbox.keep(key, self.path, form, answer)
        return answer

    # --- The hosted page ----------------------------------------------------------------

    def _page(self, method: str, body: str) -> None:
        match = re.fullmatch(r"/pay/(\w+)(?:/(\w+))?", self.path)
        if match is None:
            self._say(404, pages.page("Not found", "<h1>There is no such page.</h1>"))
            return
        name, action = match.groups()
        sandbox = self.server.sandbox
        try:
            with sandbox.lock:
                if method == "POST" and action:
                    there = control.act(sandbox, name, action, dict(parse_qsl(body)))
                    self._go(there or f"/pay/{name}")
                    return
                session = sandbox.session(name)
                intent = sandbox.intents.get(str(session["payment_intent"]))
                self._say(200, pages.checkout(session, intent, sandbox.title(name)))
        except WireError as error:
            text = f"<h1>{error.body['error']['message']}</h1>"
            self._say(error.status, pages.page("Sandbox", text))

    # --- Answers ------------------------------------------------------------------------

    def _go(self, address: str) -> None:
        if urlsplit(address).scheme not in {"", "http", "https"}:
            address = "/"
        self.send_response(303)
        self.send_header("Location", re.sub(r"[\r\n]", "", address))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _say_json(self, status: int, told: Any) -> None:
        self._say(status, json.dumps(told), "application/json")

    def _say(self, status: int, text: str, kind: str = "text/html") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", "req_sandbox")
        self.end_headers()
        self.wfile.write(body)


def _retrieve_session(sandbox: Sandbox, form: Form, name: str) -> Thing:
    session = dict(sandbox.session(name))
    wanted = set(form.get("expand", {}).values())
    if "payment_intent" in wanted and session["payment_intent"]:
        session["payment_intent"] = sandbox.intents[session["payment_intent"]]
    answer: Thing = json.loads(json.dumps(session))
    return answer


def _retrieve(kind: str) -> Callable[..., Thing]:
    def retrieve(sandbox: Sandbox, form: Form, name: str) -> Thing:
        thing = getattr(sandbox, kind).get(name)
        if thing is None:
            raise WireError(404, f"No such object: '{name}'", code="resource_missing")
        return dict(thing)

    return retrieve


_SESSIONS = "/v1/checkout/sessions"
_ROUTES: list[tuple[str, str, Callable[..., Thing]]] = [
    ("POST", _SESSIONS, lambda sandbox, form: sandbox.create_session(form)),
    ("GET", rf"{_SESSIONS}/(\w+)", _retrieve_session),
    ("POST", rf"{_SESSIONS}/(\w+)/expire", lambda sandbox, form, name: sandbox.expire(name)),
    ("GET", r"/v1/payment_intents/(\w+)", _retrieve("intents")),
    ("GET", r"/v1/refunds/(\w+)", _retrieve("refunds")),
    ("POST", "/v1/refunds", lambda sandbox, form: sandbox.create_refund(form)),
    (
        "GET",
        "/v1/refunds",
        lambda sandbox, form: sandbox.of_money(sandbox.refunds, str(form.get("payment_intent"))),
    ),
    (
        "GET",
        "/v1/disputes",
        lambda sandbox, form: sandbox.of_money(sandbox.disputes, str(form.get("payment_intent"))),
    ),
]
