"""Figures of a running service, in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The figures of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("stance_requests", "Requests answered.", ["path", "status"], registry=self.registry)
        self.seconds = Histogram(
            "stance_request_seconds", "Seconds to answer.", ["path"], buckets=_SECONDS, registry=self.registry
        )
        self.at_work = Gauge("stance_requests_at_work", "Requests at work or waiting.", registry=self.registry)
        self.waiting = Gauge("stance_articles_waiting", "Articles waiting for a batch.", registry=self.registry)
        self.batches = Histogram(
            "stance_batch_articles", "Articles labelled in one go.", buckets=_BATCHES, registry=self.registry
        )
        self.paragraphs = Counter("stance_paragraphs", "Paragraphs labelled.", registry=self.registry)
        self.failures = Counter(
            "stance_article_failures", "Articles that could not be labelled.", registry=self.registry
        )

    def text(self) -> bytes:
        """All figures."""
        return generate_latest(self.registry)
