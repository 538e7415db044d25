"""The server of the teaching page: files, sessions and their streams, for this machine or, by token, for a class.

It is the standard library's, serves a fixed list of files, answers in JSON, and lets nothing be loaded from elsewhere.
"""

from __future__ import annotations

import json
import secrets
import socket
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from jitgym.errors import InputError
from jitgym.web.desk import Desk
from jitgym.web.replay import STATIC
from jitgym.web.session import Session
from jitgym.web.table import csv_text
from jitgym.web.tenure import Tenure

FILES: Final = {
    "/": ("page.html", "text/html"),
    **{f"/{name}": (name, "text/css") for name in ("page.css", "company.css")},
    **{
        f"/{name}": (name, "text/javascript")
        for name in (
            *("page.js", "words.js", "line.js", "charts.js", "legend.js", "panel.js", "sheet.js"),
            *("company.js", "company_cards.js", "company_charts.js", "company_end.js", "company_pages.js"),
            *("company_report.js", "company_words.js", "dialog.js"),
        )
    },
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""All files that are served, with their types."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LOOPBACK: Final = "127.0.0.1"
MOST_SENT: Final = 64 * 1024
"""Bytes that a page may send."""


class TeachingServer(ThreadingHTTPServer):
    """Serves the teaching page.

    Args:
        desk: what sessions are made of and kept in.
        host: address to listen on; any but loopback asks every visitor for the token.
        port: 0: any that is free.

    Attributes:
        token: what visitors must show; empty on loopback.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128  # a class that opens the page at the same moment

    def __init__(self, desk: Desk, host: str = LOOPBACK, port: int = 0) -> None:
        self.desk = desk
        self.token = "" if host in (LOOPBACK, "localhost") else secrets.token_urlsafe(9)
        try:
            self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise InputError(f"host and port must be free to listen on, got {host}:{port}: {error}") from error

    @property
    def url(self) -> str:
        """The address to open, with the token if there is one."""
        host, port = str(self.server_address[0]), self.server_address[1]
        shown = _own_address() if host == "0.0.0.0" else f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}/{f'?token={self.token}' if self.token else ''}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of visitors who went away."""


def _own_address() -> str:
    """Return the address by which others in the network see this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: it only asks which way it would go
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """Answers one visitor."""

    server: TeachingServer
    protocol_version = "HTTP/1.1"
    server_version = "jitgym"
    sys_version = ""
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer in JSON where the standard library would in HTML: a method that there is not, a line of nonsense."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            text = f"the method must be GET or POST, got {self.command!r:.80}"
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, text, {"Allow": "GET, POST"})
        else:
            self._refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def do_GET(self) -> None:
        """Answer with a file, what is asked for, or a stream."""
        self.close_connection |= "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        self._answer(self._get)

    def do_POST(self) -> None:
        """Begin a session, or do what one is told."""
        self._answer(self._post)

    def _answer(self, answer: Any) -> None:
        try:
            self._require_known_host()
            if not self._shows_token():
                return
            answer(urlsplit(self.path).path)
        except InputError as error:
            self._send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Refusal as error:
            self._refuse(error.status, str(error))
        except ValueError:  # an address or a length that is none
            self._refuse(HTTPStatus.BAD_REQUEST, "what was asked cannot be read")
        except Exception:
            traceback.print_exc()
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a fault of the program; the terminal says more")

    def _refuse(self, status: HTTPStatus, text: str, more: Mapping[str, str] | None = None) -> None:
        """Say no and hang up: what else was sent, such as a body, must not be taken for another request."""
        self.close_connection = True
        self._send_json({"error": text}, status, more)

    # -- who may ask --

    def _require_known_host(self) -> None:
        """On loopback, refuse a page of another name that was made to point here."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if not self.server.token and host not in (LOOPBACK, "localhost"):
            raise Refusal(HTTPStatus.FORBIDDEN, "this page is for this machine only")

    @property
    def _cookie(self) -> str:
        """The name of the cookie that holds the token; cookies know no ports, but two servers have two tokens."""
        return f"jitgym-{self.server.server_address[1]}"

    def _shows_token(self) -> bool:
        """Whether the visitor may go on; one who shows the token in the address gets it as a cookie."""
        token = self.server.token
        if not token:
            return True
        address = urlsplit(self.path)
        shown = parse_qs(address.query).get("token", [""])[0]
        if secrets.compare_digest(shown.encode(), token.encode()):
            self.send_response(HTTPStatus.SEE_OTHER)
            self.send_header("Location", address.path)
            self.send_header("Set-Cookie", f"{self._cookie}={token}; Path=/; HttpOnly; SameSite=Strict")
            self._end_of_headers(0)
            return False
        try:
            kept = SimpleCookie(self.headers.get("Cookie", "")).get(self._cookie)
        except CookieError:
            kept = None
        if kept is None or not secrets.compare_digest(kept.value.encode(), token.encode()):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "open the link with the token that the teacher has")
        return True

    # -- what is asked --

    def _get(self, path: str) -> None:
        desk = self.server.desk
        if path in FILES:
            name, kind = FILES[path]
            self._send((STATIC / name).read_bytes(), f"{kind}; charset=utf-8")
            return
        match path.strip("/").split("/"):
            case ["api", "catalogue"]:
                self._send_json(desk.catalogue(bool(self.server.token)))
            case ["api", "lesson", name]:
                self._send_json(desk.lesson(name))
            case ["api", "board"]:
                self._send_json({"sessions": desk.board(), "companies": desk.office.board()})
            case ["api", "case"]:
                self._send_json(desk.office.case())
            case ["api", "company", key]:
                tenure = self._tenure(key)
                self._send_json({**tenure.described(), "state": tenure.shown()})
            case ["api", "company", key, "state"]:
                self._send_json(self._tenure(key).shown(*self._known_of()))
            case ["api", "company", key, "table"]:
                self._send(
                    csv_text(self._tenure(key).table()).encode(),
                    "text/csv; charset=utf-8",
                    {"Content-Disposition": 'attachment; filename="company.csv"'},
                )
            case ["api", "session", key]:
                self._send_json(self._session(key).described())
            case ["api", "session", key, "events"]:
                self._stream(self._session(key))
            case ["api", "session", key, "replay"]:
                page = desk.replay(self._session(key)).encode()
                self._send(
                    page, "text/html; charset=utf-8", {"Content-Disposition": 'attachment; filename="replay.html"'}
                )
            case _:
                raise Refusal(HTTPStatus.NOT_FOUND, f"there is no {path}")

    def _post(self, path: str) -> None:
        sent = self._sent()
        match path.strip("/").split("/"):
            case ["api", "session"]:
                session = self.server.desk.begin(sent)
                self._send_json(session.described())
            case ["api", "session", key]:
                self._session(key).command(sent)
                self._send_json({})
            case ["api", "company"]:
                tenure = self.server.desk.office.begin(sent)
                self._send_json({**tenure.described(), "state": tenure.shown()})
            case ["api", "company", key]:
                tenure = self._tenure(key)
                known = self._known_of()
                tenure.command(sent)
                self._send_json(tenure.shown(*known))
            case _:
                raise Refusal(HTTPStatus.NOT_FOUND, f"there is no {path}")

    def _session(self, key: str) -> Session:
        session = self.server.desk.session(key)
        if session is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "this run is over: begin a new one")
        return session

    def _tenure(self, key: str) -> Tenure:
        tenure = self.server.desk.office.tenure(key)
        if tenure is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "this company is closed: begin a new one")
        return tenure

    def _known_of(self) -> tuple[int, int | None]:
        """Return how many periods the page has already, and of which try."""
        asked = parse_qs(urlsplit(self.path).query)
        since, tries = (asked.get(name, [""])[0] for name in ("since", "tries"))
        return (int(since), int(tries)) if since.isdecimal() and tries.isdecimal() else (0, None)

    def _sent(self) -> Any:
        """Return what the page has sent; only a page of this server may."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_SENT:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST_SENT} bytes may be sent")
        body = self.rfile.read(int(length))
        origin = self.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != self.headers.get("Host"):
            raise Refusal(HTTPStatus.FORBIDDEN, "only a page of this server may ask for that")
        if self.headers.get_content_type() != "application/json":
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "what is sent must be JSON")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Refusal(HTTPStatus.BAD_REQUEST, "what is sent must be JSON") from None

    # -- answers --

    def _send_json(self, data: Any, status: HTTPStatus = HTTPStatus.OK, more: Mapping[str, str] | None = None) -> None:
        self._send(json.dumps(data, allow_nan=False).encode(), "application/json", more, status)

    def _send(
        self,
        body: bytes,
        kind: str,
        more: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self._end_of_headers(len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _end_of_headers(self, length: int | None) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _stream(self, session: Session) -> None:
        """Send a session's events until the page goes away."""
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self._end_of_headers(None)
        for event in session.events():
            text = ": quiet\n\n" if event is None else f"data: {json.dumps(event, allow_nan=False)}\n\n"
            self.wfile.write(text.encode())
            self.wfile.flush()
