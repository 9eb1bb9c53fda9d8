"""Reports to read: labelled articles as pages that need no network, with highlights, charts and a concordance.

Example:
    write_report("labels.parquet", "report/")       # index.html, and a page an article
    write_report("labels.jsonl", "report.html")     # the same in one file
    page = article_page(analysis)                   # one article as HTML, or with article_markdown as Markdown
"""

from __future__ import annotations

from stance.report.markdown import article_markdown
from stance.report.write import ReportOptions, Written, article_page, write_report

__all__ = ["ReportOptions", "Written", "article_markdown", "article_page", "write_report"]
