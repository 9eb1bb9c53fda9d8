"""`stance serve`: the HTTP service and its page."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated

import typer

from stance.cli.app import Hardware, HardwareOption, Model, app, load, require, say

__all__ = ["serve"]

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@app.command(epilog="Example: stance serve --port 8000")
def serve(  # noqa: PLR0913 - one parameter for each option
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all.", rich_help_panel="Network")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.", rich_help_panel="Network")
    ] = 8000,
    token: Annotated[
        str, typer.Option(envvar="STANCE_TOKEN", help="Token that clients must send.", rich_help_panel="Network")
    ] = "",
    max_requests: Annotated[
        int, typer.Option(min=1, help="Requests at work; further ones get 429.", rich_help_panel="Limits")
    ] = 128,
    max_characters: Annotated[
        int, typer.Option(min=1, help="Longest article, in characters.", rich_help_panel="Limits")
    ] = 200_000,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that an article may take.", rich_help_panel="Limits")
    ] = 60,
    model: Model = None,
    hardware: HardwareOption = Hardware.auto,
) -> None:
    """Serve the HTTP API, and a page to paste an article into."""
    require("serve", "fastapi", "prometheus_client", "uvicorn")
    from stance import service

    is_local = _is_loopback(host)
    if not is_local and not token:
        say(f"warning: {host} can be reached by others, and anybody may use the service. Ask for a token: --token.")
    config = service.ServiceConfig(
        token=token,
        hosts=_LOOPBACK if is_local else (),
        max_requests=max_requests,
        max_characters=max_characters,
        timeout_s=timeout,
    )
    listener = service.listen(host, port)
    analyzer = load(model, hardware)
    say(f"{analyzer.model_id} on {analyzer.hardware}")
    say(f"Open http://{'localhost' if is_local else host}:{listener.getsockname()[1]} in a browser; end with Ctrl-C.")
    service.serve(analyzer, listener, config)


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    with suppress(ValueError):  # a name
        return ip_address(host).is_loopback
    return host == "localhost"
