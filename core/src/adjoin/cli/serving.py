"""Commands that serve: dashboard, demo."""

from __future__ import annotations

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("dashboard")(dashboard)
    app.command("demo")(demo)


def dashboard(
    port: int = typer.Option(8501, "--port", min=1, max=65535, help="The port to listen on."),
    host: str = typer.Option(
        "127.0.0.1", "--host", help="The address to listen on; one that others can reach needs ADJOIN_BASE_URL."
    ),
) -> None:
    """Serve the dashboard, by default for this computer only, until Ctrl-C.

    Example: adjoin dashboard --port 8600
    """
    from adjoin.cli._demo import serve_dashboard
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    settings = load_settings()
    with Runtime(settings) as runtime:
        runtime.store.check_schema()
    serve_dashboard(settings, port, host)


def demo(
    no_serve: bool = typer.Option(False, "--no-serve", help="Stop after the sync instead of serving the dashboard."),
    port: int = typer.Option(8501, "--port", min=1, max=65535, help="The dashboard's port on 127.0.0.1."),
    scale: float = typer.Option(0.25, "--scale", min=0.001, help="Size of the made-up advertiser."),
) -> None:
    """Do everything once on sandboxes: set up, connect by OAuth, sync, check against the truth, serve the dashboard.

    Example: adjoin demo --no-serve
    """
    from adjoin.cli._demo import run_demo

    raise typer.Exit(run_demo(serve=not no_serve, port=port, scale=scale))
