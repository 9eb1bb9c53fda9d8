"""HTTP: an API for programs and a page for people, with one model behind them.

    page      paste an article or drop a file, read it with its highlights
    gate      token, limits, counting: before anything else happens
    routes    the endpoints
    batcher   articles of all clients together into `Analyzer.analyze_many`

Needs `pip install 'stance[serve]'`.
"""

from __future__ import annotations

from stance.service.app import create_app, listen, serve
from stance.service.config import ServiceConfig

__all__ = ["ServiceConfig", "create_app", "listen", "serve"]
