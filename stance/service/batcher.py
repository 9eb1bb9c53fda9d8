"""Requests of all clients, labelled together: one thread takes whatever waits and labels it in one go.

While a batch runs, the next one gathers; so an idle service answers at once, and a busy one fills its batches.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stance.results import Article, ArticleAnalysis
    from stance.service.config import ServiceModel
    from stance.service.metrics import Metrics

__all__ = ["Batcher"]


class _Work(NamedTuple):
    """An article to label, or a function to call between batches."""

    future: Future[Any]
    article: Article | None
    call: Callable[[], Any] | None


class Batcher:
    """Labels articles, given one by one from any thread, in batches.

    Args:
        model: what labels.
        most: articles in a batch.
        metrics: where figures go.
    """

    def __init__(self, model: ServiceModel, most: int, metrics: Metrics) -> None:
        self._model = model
        self._most = most
        self._metrics = metrics
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="stance-batcher", daemon=True)
        self._thread.start()

    def label(self, article: Article) -> Future[ArticleAnalysis]:
        """The analysis of an article, once it is there. Cancel the future to take the article out of the queue."""
        return self._put(article, None)

    def call(self, function: Callable[[], Any]) -> Future[Any]:
        """What the function returns, called in the thread that labels: the model serves one at a time."""
        return self._put(None, function)

    def close(self) -> None:
        """Finish what waits, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _put(self, article: Article | None, call: Callable[[], Any] | None) -> Future[Any]:
        future: Future[Any] = Future()
        self._metrics.waiting.inc()
        self._queue.put(_Work(future, article, call))
        return future

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch: list[_Work] = []
            calls: list[_Work] = []
            work = self._queue.get()
            while work is not None:
                self._metrics.waiting.dec()
                if work.future.set_running_or_notify_cancel():
                    (calls if work.article is None else batch).append(work)
                if len(batch) + len(calls) == self._most:
                    break
                try:
                    work = self._queue.get_nowait()
                except queue.Empty:
                    break
            is_open = work is not None
            self._label(batch)
            for item in calls:
                self._call(item)

    def _label(self, batch: Sequence[_Work]) -> None:
        """Label a batch; where it fails, each of its articles alone, so that one cannot spoil the others."""
        if not batch:
            return
        self._metrics.batches.observe(len(batch))
        done = 0
        try:
            for analysis in self._model.analyze_many([work.article for work in batch if work.article is not None]):
                self._metrics.paragraphs.inc(len(analysis.paragraphs))
                batch[done].future.set_result(analysis)
                done += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the clients are told and the thread goes on
            if len(batch) == 1:
                self._metrics.failures.inc()
                batch[0].future.set_exception(error)
            else:
                for work in batch[done:]:
                    self._label([work])

    @staticmethod
    def _call(work: _Work) -> None:
        try:
            work.future.set_result(work.call() if work.call else None)
        except Exception as error:  # noqa: BLE001 - the client is told
            work.future.set_exception(error)
