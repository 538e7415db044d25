"""The server of the teaching page: what it serves, to whom, and what it refuses."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import contextmanager

import pytest

from jitgym.errors import InputError
from jitgym.scenario import load_scenario
from jitgym.web import server as servers
from jitgym.web.desk import Desk
from jitgym.web.replay import STATIC
from jitgym.web.server import FILES, TeachingServer

WANTED = {"scenario": "four_stage", "teams": [{"name": "a"}, {"name": "b"}]}


@contextmanager
def serving(host="127.0.0.1"):
    server = TeachingServer(Desk({"four_stage": load_scenario("four_stage")}), host)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


def ask(server, path, method="GET", body=None, **headers):
    """Return status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    sent = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if sent is not None:
        headers = {"Content-Type": "application/json", **headers}
    connection.request(method, path, sent, headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def begin(server):
    status, _, body = ask(server, "/api/session", "POST", WANTED)
    assert status == 200
    return json.loads(body)["key"]


@pytest.mark.parametrize("path", sorted(FILES))
def test_every_file_is_served_and_asks_for_nothing_from_elsewhere(server, path):
    status, headers, body = ask(server, path)
    assert status == 200
    assert body == (STATIC / FILES[path][0]).read_bytes()
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    text = body.decode().replace("http://www.w3.org/2000/svg", "")
    assert "http" not in text.replace("http-equiv", "")


def test_all_files_of_the_page_are_served_or_go_into_a_replay():
    served = {name for name, _ in FILES.values()}
    assert {path.name for path in STATIC.iterdir()} == served | {"player.js", "replay.js", "replay.html", "widget.js"}


@pytest.mark.parametrize(
    "path", ["/nothing", "/../pyproject.toml", "/%2e%2e/setup.py", "/api/session/x/events", "/api"]
)
def test_what_there_is_not(server, path):
    status, _, body = ask(server, path)
    assert status == 404
    assert json.loads(body)["error"]


def test_the_catalogue_names_lessons_and_lines(server):
    status, _, body = ask(server, "/api/catalogue")
    found = json.loads(body)
    assert status == 200
    assert len(found["lessons"]) == 10
    assert [line["name"] for line in found["scenarios"]] == ["four_stage"]
    status, _, body = ask(server, f"/api/lesson/{found['lessons'][0]['id']}")
    assert json.loads(body)["title"] == found["lessons"][0]["title"]
    assert "shown" not in json.loads(body)["parts"][0]


def test_a_session_streams(server):
    key = begin(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request("GET", f"/api/session/{key}/events")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type").startswith("text/event-stream")
    first = json.loads(answer.readline().removeprefix(b"data: "))
    assert (first["slot"], len(first["teams"])) == (0, 2)
    assert ask(server, f"/api/session/{key}", "POST", {"do": "step", "slots": 7})[0] == 200
    answer.readline()
    second = json.loads(answer.readline().removeprefix(b"data: "))
    assert (second["slot"], second["since"], len(second["teams"][1]["history"])) == (7, 0, 7)
    connection.close()


def test_a_replay_is_sent_as_a_file(server):
    key = begin(server)
    ask(server, f"/api/session/{key}", "POST", {"do": "step", "slots": 20})
    status, headers, body = ask(server, f"/api/session/{key}/replay")
    assert status == 200
    assert "attachment" in headers["Content-Disposition"]
    assert b"Content-Security-Policy" in body
    assert b"https://" not in body


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[" * 60_000, {}, 400),
        (WANTED, {"Content_Type": "text/plain"}, 415),
        (WANTED, {"Origin": "http://evil.example"}, 403),
        (b" " * 100_000, {}, 413),
        ({"scenario": "nope", "teams": [{"name": "a"}]}, {}, 400),
    ],
)
def test_what_may_not_be_sent(server, body, headers, status):
    found, _, text = ask(server, "/api/session", "POST", body, **headers)
    assert found == status
    assert json.loads(text)["error"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "DANCE"])
def test_other_methods_are_refused_in_json(server, method):
    status, headers, body = ask(server, "/api/catalogue", method, WANTED)
    assert (status, headers["Content-Type"], headers["Allow"]) == (405, "application/json", "GET, POST")
    assert json.loads(body) == {"error": f"the method must be GET or POST, got '{method}'"}
    assert headers["Connection"] == "close"


def answered(server, sent):
    """Return all that comes back for what is sent as it is."""
    with socket.create_connection(server.server_address, timeout=10) as connection:
        connection.sendall(sent)
        answer = b""
        while part := read(connection):
            answer += part
    return answer


def test_a_head_gets_no_body(server):
    answer = answered(server, b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.endswith(b"\r\n\r\n")


def test_nonsense_is_refused_in_json(server):
    answer = answered(server, b"what is this\r\n\r\n")
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]


def test_what_is_refused_is_not_taken_for_another_request(server):
    """The body of a refused request may hold a request of its own."""
    inner = json.dumps(WANTED).encode()
    hidden = b"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    hidden += b"Content-Length: %d\r\n\r\n" % len(inner) + inner
    for head in (b"POST /api/session HTTP/1.1\r\nHost: evil.example", b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1"):
        with socket.create_connection(server.server_address, timeout=10) as connection:
            connection.sendall(head + b"\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
            answers = b""
            while part := read(connection):
                answers += part
        assert answers.count(b"HTTP/1.1 ") == 1
        assert b"Connection: close" in answers


def read(connection):
    """Return what comes, nothing at the end: a server that hangs up on what it did not read resets the connection."""
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: [",
        b"GET http://[/ HTTP/1.1\r\nHost: 127.0.0.1",
        b"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + b"9" * 5000,
        b"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nOrigin: http://[",
    ],
)
def test_what_cannot_be_read_gets_an_answer(server, head):
    with socket.create_connection(server.server_address, timeout=10) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert read(connection).startswith(b"HTTP/1.1 4")


def test_a_fault_of_the_program_is_told_and_the_server_goes_on(server, monkeypatch, capfd):
    monkeypatch.setattr(server.desk, "board", lambda: 1 / 0)
    status, _, body = ask(server, "/api/board")
    assert status == 500
    assert "terminal" in json.loads(body)["error"]
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert ask(server, "/")[0] == 200


def test_a_session_can_be_taken_up_again(server):
    key = begin(server)
    status, _, body = ask(server, f"/api/session/{key}")
    assert status == 200
    assert json.loads(body)["title"] == "four_stage"


def test_a_page_of_this_server_may_send(server):
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    assert ask(server, "/api/session", "POST", WANTED, Origin=origin)[0] == 200


def test_on_loopback_another_name_is_refused(server):
    """A page elsewhere whose name is made to point here cannot read anything."""
    assert ask(server, "/api/catalogue", Host="evil.example")[0] == 403
    assert ask(server, "/", Host="localhost:1234")[0] == 200


def test_a_class_needs_the_token():
    with serving("0.0.0.0") as server:
        assert len(server.token) > 10
        assert server.url.endswith(f"/?token={server.token}")
        for path in ("/", "/page.js", "/api/catalogue", "/?token=wrong"):
            assert ask(server, path)[0] == 401
        assert ask(server, "/api/session", "POST", WANTED)[0] == 401
        status, headers, _ = ask(server, f"/?token={server.token}")
        assert (status, headers["Location"]) == (303, "/")
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        shown = cookie.partition(";")[0]
        assert ask(server, "/", Cookie=shown)[0] == 200
        assert ask(server, "/api/session", "POST", WANTED, Cookie=shown)[0] == 200
        assert ask(server, "/", Cookie="jitgym=guess")[0] == 401


def test_loopback_is_all_that_is_listened_to(server):
    assert server.token == ""
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken(server):
    port = server.server_address[1]
    with pytest.raises(InputError, match=f"host and port must be free to listen on, got 127.0.0.1:{port}"):
        TeachingServer(Desk({}), port=port)
    with pytest.raises(InputError, match=r"got 127\.0\.0\.1:99999"):
        TeachingServer(Desk({}), port=99_999)


def test_a_class_plays_at_once(server):
    """Thirty pages begin, step and look at the board together; nothing is mixed up."""
    faults = []

    def student(number):
        try:
            key = begin(server)
            for _ in range(5):
                assert ask(server, f"/api/session/{key}", "POST", {"do": "step", "slots": 10 + number})[0] == 200
            assert ask(server, "/api/board")[0] == 200
            session = server.desk.session(key)
            assert session.slot == 5 * (10 + number)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=student, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_version_of_the_server_is_not_told(server):
    assert ask(server, "/")[1]["Server"].strip() == servers.Handler.server_version
