"""`stance serve`, and how the server stops."""

from __future__ import annotations

import sys
import threading
import types
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_analyzer import FakeAnalyzer
from running_service import running

import stance
from stance import RunError, cli, service


class Listener:
    """No socket: a test may not take a port of this machine."""

    def __init__(self, *asked):
        self.asked = asked

    def getsockname(self):
        return self.asked


@pytest.fixture
def run(monkeypatch, capsys):
    calls = []
    loaded = types.SimpleNamespace(load=lambda model, *, engine: FakeAnalyzer())
    monkeypatch.setitem(stance.__dict__, "Analyzer", loaded)
    monkeypatch.setattr(service, "listen", Listener)
    monkeypatch.setattr(service, "serve", lambda model, listener, config: calls.append((model, listener.asked, config)))
    monkeypatch.delenv("STANCE_TOKEN", raising=False)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stance", "serve", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code or 0, capsys.readouterr().err, calls[-1] if calls else None

    return call


def test_it_listens_on_this_machine_unless_told_otherwise(run):
    code, err, (_, (host, port), config) = run()
    assert (code, host, port) == (0, "127.0.0.1", 8000)
    assert config.hosts == ("localhost", "127.0.0.1", "[::1]")
    assert config.token == ""
    assert "Open http://localhost:8000 in a browser" in err
    assert "warning" not in err


def test_open_to_others_it_warns_unless_there_is_a_token(run, monkeypatch):
    code, err, (_, (host, _), config) = run("--host", "0.0.0.0", "--port", "9000", "--timeout", "5")
    assert (code, host, config.hosts, config.timeout_s) == (0, "0.0.0.0", (), 5)
    assert "warning: 0.0.0.0 can be reached by others" in err
    monkeypatch.setenv("STANCE_TOKEN", "geheim")
    _, err, (*_, config) = run("--host", "example.org")
    assert config.token == "geheim"
    assert "warning" not in err


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, err, _ = run()
    assert code == 2
    assert "needs uvicorn; found no such package. Install: pip install 'stance[serve]'" in err


def test_the_server_gets_limits_of_its_own(monkeypatch):
    seen = {}

    class Server:
        def __init__(self, options):
            seen["options"] = options

        def run(self, sockets):
            seen["sockets"] = sockets
            raise KeyboardInterrupt  # as after Ctrl-C

    fake = types.SimpleNamespace(Config=lambda application, **options: options, Server=Server)
    monkeypatch.setitem(sys.modules, "uvicorn", fake)
    listener = service.listen("127.0.0.1", 0)
    service.serve(FakeAnalyzer(), listener)
    assert seen["sockets"] == [listener]
    assert listener.fileno() == -1  # closed
    assert seen["options"]["limit_concurrency"] == 512
    assert seen["options"]["timeout_graceful_shutdown"] == 30


def test_a_port_that_is_taken_is_said_before_a_model_is_loaded(capsys, monkeypatch):
    monkeypatch.setitem(stance.__dict__, "Analyzer", None)  # loading would fail
    with service.listen("127.0.0.1", 0) as other:
        port = str(other.getsockname()[1])
        monkeypatch.setattr(sys, "argv", ["stance", "serve", "--port", port])
        with pytest.raises(SystemExit) as caught:
            cli.main()
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert f"found 127.0.0.1 port {port}: " in err
    assert "choose another --port" in err


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(RunError, match=r"an address of this machine; found 192\.0\.2\.1 port 8000"):
        service.listen("192.0.2.1", 8000)


def test_requests_at_work_are_finished_before_it_stops():
    reached, opened = threading.Event(), threading.Event()

    def hold(article):
        reached.set()
        assert opened.wait(20)

    with ThreadPoolExecutor(1) as pool, running(FakeAnalyzer(before_article=hold)) as (address, server):
        request = urllib.request.Request(
            f"{address}/v1/analyze", "石磨".encode(), {"Content-Type": "text/plain"}, method="POST"
        )
        answer = pool.submit(lambda: urllib.request.urlopen(request, timeout=30).status)
        assert reached.wait(20)
        server.should_exit = True
        opened.set()
        assert answer.result(30) == 200
