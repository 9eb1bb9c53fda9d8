"""Whatever OpenAPI allows, and much that it does not: nothing makes the service fail."""

from __future__ import annotations

import warnings

import pytest
from fake_analyzer import FakeAnalyzer
from hypothesis import HealthCheck, Phase, settings
from running_service import running

from stance.explain import Explanation
from stance.service import ServiceConfig, create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries that it imports
    schemathesis = pytest.importorskip("schemathesis", exc_type=ImportError)


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return str(value).encode("utf-8", "backslashreplace")


class Fake(FakeAnalyzer):
    def explain(self, analysis, paragraph, label, target=None):
        return Explanation(paragraph, label, target, 0.5, ())


@pytest.fixture(scope="module")
def address():
    with running(Fake(), ServiceConfig(timeout_s=20)) as (address, _):
        yield address


API = schemathesis.openapi.from_dict(create_app(Fake()).openapi())


@API.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_no_request_makes_the_service_fail(case, address):
    response = case.call(base_url=address)
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and case.method != "TRACE":
        assert set(response.json()) == {"error"}
