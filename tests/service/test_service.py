"""The HTTP service, in process and without a network: every endpoint, every limit, and requests of many clients."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
from fake_analyzer import FakeAnalyzer
from fastapi.testclient import TestClient

from stance import Article, HardwareError, InputError, report
from stance.explain import Explanation, WordEffect
from stance.service import ServiceConfig, create_app
from stance.service.batcher import Batcher
from stance.service.metrics import Metrics

TEXT = "小镇的账本\n石磨压着小镇😀，没有人说话。\n镇长称赞了石磨。"


class Fake(FakeAnalyzer):
    """Also explains, and takes note of how articles came."""

    def __init__(self, before_article=lambda article: None):
        super().__init__(before_article=before_article)
        self.batches = []

    def analyze_many(self, articles, targets=None):
        self.batches.append(len(articles))
        return super().analyze_many(articles, targets)

    def explain(self, analysis, paragraph, label, target=None):
        if paragraph >= len(analysis.paragraphs):
            raise InputError("Expected a paragraph.")
        return Explanation(paragraph, label, target, 0.75, (WordEffect(0, 2, "石磨", 0.5),))


@pytest.fixture
def client():
    with TestClient(create_app(Fake())) as client:
        yield client


def client_of(model, **config):
    return TestClient(create_app(model, ServiceConfig(**config)))


def offline(article, targets=None):
    return FakeAnalyzer().analyze(article, targets).to_dict()


def test_an_article_in_json(client):
    body = {"id": "a1", "paragraphs": ["石磨😀", "称赞"], "targets": ["镇长"], "source": "甲报", "date": None}
    answer = client.post("/v1/analyze", json=body)
    assert answer.status_code == 200
    article = Article.from_paragraphs(
        body["paragraphs"], id="a1", targets=["镇长"], extra={"source": "甲报", "date": None}
    )
    assert answer.json() == offline(article)
    assert client.post("/v1/analyze?target=税&target=%20", json=body).json()["targets"] == ["税"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_an_article_as_it_is(client, encoding):
    text = TEXT * 3
    answer = client.post(
        "/v1/analyze?target=镇长", content=text.encode(encoding), headers={"Content-Type": "text/plain"}
    )
    assert answer.json()["paragraphs"] == offline(Article.from_text(text), ["镇长"])["paragraphs"]


def test_a_web_page(client):
    paragraphs = "".join(f"<p>{line}，这一段说的是第{i}件事，镇上的人都在谈论它。</p>" for i, line in enumerate(TEXT.split("\n")))
    page = f"<html><head><title>石磨</title></head><body><article><h1>石磨</h1>{paragraphs}</article></body></html>"
    answer = client.post("/v1/analyze", content=page.encode(), headers={"Content-Type": "text/html; charset=utf-8"})
    assert answer.status_code == 200
    assert "石磨压着小镇" in json.dumps(answer.json(), ensure_ascii=False)


def test_lines_come_back_in_order_with_their_faults(client):
    lines = [json.dumps({"id": str(i), "text": f"石磨{i}"}) for i in range(40)]
    lines[3], lines[7], lines[9] = "{", '{"id": "x"}', ""
    answer = client.post("/v1/label", content="\n".join(lines))
    assert answer.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert len(found) == 39
    assert (found[3]["line"], found[7]["line"]) == (4, 8)
    assert "expected JSON" in found[3]["error"]
    assert "no field 'text'" in found[7]["error"]
    good = [record["id"] for record in found if "error" not in record]
    assert good == [str(i) for i in range(40) if i not in {3, 7, 9}]
    assert found[0] == offline(Article.from_text("石磨0", id="0"))


def test_a_line_that_is_too_long_is_set_aside_and_one_without_end_ends_the_stream():
    with client_of(Fake(), max_body_bytes=100) as client:
        answer = client.post("/v1/label", content=b'{"text": "a"}\n' + b"x" * 200 + b"\n{}")
    first, long, last = map(json.loads, answer.text.splitlines())
    assert first["paragraphs"][0]["text"] == "a"
    assert long == {"error": "expected at most 100 bytes in a line.", "line": 2}
    assert "no field 'text'" in last["error"]
    with client_of(Fake(), max_body_bytes=100) as client:
        endless = client.post("/v1/label", content=(b"x" * 30 for _ in range(1000)))
    (only,) = map(json.loads, endless.text.splitlines())
    assert only == {"error": "expected at most 100 bytes in a line. What follows was not read.", "line": 1}


def test_targets_are_found(client):
    text = "美国对华加税\n美国的关税伤害了美国的农民。美国财政部长说，美国会继续。中国商务部回应说，中国不会让步。"
    answer = client.post("/v1/targets", json={"text": text})
    assert answer.status_code == 200
    assert "美国" in answer.json()["targets"]


def test_labels_are_explained(client):
    analysis = client.post("/v1/analyze", json={"text": TEXT, "targets": ["镇长"]}).json()
    body = {"analysis": analysis, "paragraph": 1, "label": "metaphor"}
    assert client.post("/v1/explain", json=body).json() == {
        "paragraph": 1,
        "label": "metaphor",
        "target": None,
        "probability": 0.75,
        "words": [{"start": 0, "end": 2, "text": "石磨", "effect": 0.5}],
    }
    refused = client.post("/v1/explain", json=body | {"paragraph": 99})
    assert (refused.status_code, refused.json()) == (422, {"error": "Expected a paragraph."})
    assert client.post("/v1/explain", json={"paragraph": 1}).json()["error"].startswith("analysis: ")


def test_the_page_of_an_article_is_that_of_the_report(client):
    analysis = client.post("/v1/analyze", json={"text": TEXT, "targets": ["镇长"]}).json()
    answer = client.post("/v1/report?language=en", json=analysis)
    assert answer.headers["content-type"].startswith("text/html")
    own = FakeAnalyzer().analyze(Article.from_text(TEXT, targets=["镇长"]))
    assert answer.text == report.article_page(own, "en", Fake.schema)
    analysis["paragraphs"][1]["devices"][0]["device"] = "pun"
    assert client.post("/v1/report", json=analysis).status_code == 422
    assert client.post("/v1/report?language=fr", json=analysis).status_code == 422


def test_what_the_service_says_of_itself(client):
    health = client.get("/health").json()
    assert (health["status"], health["model"], health["hardware"]) == ("ok", "fake@0123abcd", "no hardware: fake")
    assert client.get("/v1/schema").json() == json.loads(json.dumps(Fake.schema.to_dict()))
    client.post("/v1/analyze", json={"text": TEXT})
    client.get("/nowhere")
    figures = client.get("/metrics").text
    assert 'stance_requests_total{path="/v1/analyze",status="200"} 1.0' in figures
    assert 'stance_requests_total{path="other",status="404"} 1.0' in figures
    assert "stance_paragraphs_total 3.0" in figures
    assert "stance_articles_waiting 0.0" in figures
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/analyze", "/v1/label", "/v1/targets", "/v1/explain", "/v1/report", "/v1/schema", "/health", "/metrics"} == {*paths}


@pytest.mark.parametrize(
    ("content", "kind", "status", "message"),
    [
        (b"{", "application/json", 400, "expected JSON in UTF-8"),
        (b"\xff\xfe", "application/json", 400, "expected JSON in UTF-8"),
        (b'{"text": "\\ud800"}', "application/json", 400, "expected JSON in UTF-8"),
        (b"[" * 100_000, "application/json", 400, "expected JSON in UTF-8"),
        (b"[]", "application/json", 422, "expected an object with field 'text', found a list"),
        (b"{}", "application/json", 422, "no field 'text'"),
        (b'{"text": " "}', "application/json", 422, "holds no text"),
        (b'{"text": 3}', "application/json", 422, "must be text, found a number"),
        (b"", "text/plain", 422, "found no text"),
        (b"a", "image/png", 415, "expected a body of application/json, text/plain"),
        (b"a", "", 415, "found no content type"),
        ("石".encode() * 51, "text/plain", 413, "at most 50 characters in an article, found 51"),
        (b"a\n" * 11, "text/plain", 413, "at most 10 paragraphs in an article, found 12"),
        (b'{"text": "a", "targets": "a;b;c;d"}', "application/json", 413, "at most 3 targets"),
        (b"x" * 200_001, "text/plain", 413, "a body of at most 200,000 bytes"),
    ],
)
def test_what_is_refused_and_why(content, kind, status, message):
    with client_of(Fake(), max_characters=50, max_paragraphs=10, max_targets=3, max_body_bytes=200_000) as client:
        answer = client.post("/v1/analyze", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, [*answer.json()]) == (status, ["error"])
    assert message in answer.json()["error"]


def test_a_body_without_length_is_counted():
    with client_of(Fake(), max_body_bytes=100) as client:
        headers = {"Content-Type": "text/plain"}
        answer = client.post("/v1/analyze", content=iter([b"x" * 60, b"x" * 60]), headers=headers)
    assert answer.status_code == 413


def test_the_token_is_asked_for():
    with client_of(Fake(), token="geheim") as client:
        for path in ("/v1/schema", "/metrics"):
            refused = client.get(path)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert client.get(path, headers={"Authorization": "Bearer falsch"}).status_code == 401
            assert client.get(path, headers={"Authorization": "Bearer geheim"}).status_code == 200
        assert client.get("/health").status_code == 200
        assert 'class="token" >' in client.get("/").text
    with client_of(Fake()) as client:
        assert 'class="token" hidden>' in client.get("/").text


def test_other_names_are_refused():
    with client_of(Fake(), hosts=("localhost",)) as client:
        assert client.get("/health").status_code == 400
        assert client.get("/health", headers={"Host": "localhost:8000"}).status_code == 200


def test_the_page_carries_a_policy_and_cannot_be_broken_out_of(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert "{{" not in answer.text
    assert client.get("/page.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/page.css").headers["content-type"].startswith("text/css")


class Holding:
    """Holds articles back until it is opened."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, article):
        self.reached.set()
        assert self.opened.wait(20)


def test_requests_of_many_clients_share_batches_and_nobody_gets_anothers():
    gate = Holding()
    model = Fake(gate)
    with client_of(model) as client, ThreadPoolExecutor(17) as pool:

        def ask(i):
            return client.post("/v1/analyze", json={"id": str(i), "text": f"石磨{i}", "targets": [f"镇{i}"]}).json()

        first = pool.submit(ask, 0)
        assert gate.reached.wait(20)
        rest = [pool.submit(ask, i) for i in range(1, 17)]
        while "stance_articles_waiting 16.0" not in client.get("/metrics").text:
            time.sleep(0.01)
        gate.opened.set()
        answers = [future.result(20) for future in [first, *rest]]
    assert model.batches == [1, 16]
    assert answers == [offline(Article.from_text(f"石磨{i}", id=str(i), targets=[f"镇{i}"])) for i in range(17)]


def test_overload_is_told_at_once_and_passes():
    gate = Holding()
    with client_of(Fake(gate), max_requests=2) as client, ThreadPoolExecutor(2) as pool:
        held = [pool.submit(client.post, "/v1/analyze", json={"text": "石磨"}) for _ in range(2)]
        while "stance_requests_at_work 2.0" not in client.get("/metrics").text:
            time.sleep(0.01)
        begun = time.monotonic()
        refused = client.post("/v1/analyze", json={"text": "石磨"})
        assert time.monotonic() - begun < 1
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert client.get("/health").status_code == 200
        gate.opened.set()
        assert [future.result(20).status_code for future in held] == [200, 200]
        assert client.post("/v1/analyze", json={"text": "石磨"}).status_code == 200


def test_who_waits_too_long_is_told():
    gate = Holding()
    model = Fake(gate)
    with client_of(model, timeout_s=0.2) as client:
        answer = client.post("/v1/analyze", json={"text": "石磨"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        late = client.post("/v1/analyze", json={"id": "late", "text": "石磨"})
        assert late.status_code == 503
        gate.opened.set()
        assert client.post("/v1/analyze", json={"text": "石磨"}).status_code == 200
    assert "late" not in model.seen  # nobody waits for it any more


def test_one_bad_article_spoils_no_other():
    def fail(article):
        if article.id == "bad":
            raise HardwareError("out of memory")
        if article.id == "broken":
            raise ZeroDivisionError

    batcher = Batcher(Fake(fail), 8, Metrics())
    block = threading.Event()
    held = batcher.call(block.wait)
    futures = {name: batcher.label(Article.from_text("石磨", id=name)) for name in ("a", "bad", "b", "broken", "c")}
    block.set()
    assert held.result(20)
    for name in "abc":
        assert futures[name].result(20).id == name
    with pytest.raises(HardwareError):
        futures["bad"].result(20)
    with pytest.raises(ZeroDivisionError):
        futures["broken"].result(20)
    batcher.close()


def test_closing_finishes_what_waits():
    model = Fake()
    batcher = Batcher(model, 8, Metrics())
    block = threading.Event()
    batcher.call(block.wait)
    futures = [batcher.label(Article.from_text("石磨", id=str(i))) for i in range(3)]
    futures[1].cancel()
    block.set()
    batcher.close()
    assert [f.result(0).id for f in (futures[0], futures[2])] == ["0", "2"]
    with pytest.raises(CancelledError):
        futures[1].result(0)


def test_limits_must_be_positive():
    with pytest.raises(ValueError, match="max_targets must be positive, found 0"):
        ServiceConfig(max_targets=0)
