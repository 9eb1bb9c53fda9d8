"""What the service may be asked for, and what it asks of an analyzer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stance.runs import Labeller

if TYPE_CHECKING:
    from stance.results import ArticleAnalysis

__all__ = ["Explained", "ServiceConfig", "ServiceModel"]


class Explained(Protocol):
    """An explanation, as `stance.explain` makes it."""

    def to_dict(self) -> dict[str, object]:
        """Plain dicts and numbers."""


class ServiceModel(Labeller, Protocol):
    """What the service needs of an `Analyzer`."""

    def explain(self, analysis: ArticleAnalysis, paragraph: int, label: str, target: str | None = None) -> Explained:
        """Which words carry a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """Limits of the service; what is beyond them is answered with 4xx at once.

    Attributes:
        token: that clients must send as `Authorization: Bearer …`; empty for none.
        hosts: names under which the service may be called, against pages that call it by another; empty for any.
        max_requests: requests at work or waiting; a further one is answered 429.
        max_body_bytes: of a request, save for `/v1/label`, where it is of one line.
        max_characters: of an article, in code points.
        max_paragraphs, max_targets: of an article.
        stream_ahead: articles of one `/v1/label` request that are at work or waiting.
        batch_articles: articles that are labelled in one go.
        timeout_s: seconds that an article may wait and be labelled, and that a client may be silent while it sends.
    """

    token: str = ""
    hosts: tuple[str, ...] = ()
    max_requests: int = 128
    max_body_bytes: int = 4 << 20
    max_characters: int = 200_000
    max_paragraphs: int = 2_000
    max_targets: int = 20
    stream_ahead: int = 16
    batch_articles: int = 64
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        for name in self.__slots__[2:]:
            if getattr(self, name) <= 0:
                raise ValueError(f"ServiceConfig.{name} must be positive, found {getattr(self, name)}.")
