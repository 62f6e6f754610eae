"""What the plugin contributes to the product beside figures: one small thing of each kind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from adjoin.contract import hookimpl
from adjoin.surface import v1

if TYPE_CHECKING:
    import typer
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Extras", "plugin"]


class Extras(v1.Surface):
    """A job, a route, a command, a setting, and an ear for finished syncs."""

    def __init__(self) -> None:
        self.heard = 0

    @hookimpl
    def jobs(self) -> list[v1.Job]:
        return [v1.Job(name="tidy", run=self._tidy, every=timedelta(days=1))]

    @hookimpl
    def routes(self) -> list[v1.Route]:
        return [v1.Route(path="/towns", endpoint=_towns)]

    @hookimpl
    def commands(self) -> list[v1.Command]:
        return [v1.Command(name="leaflet", help="Show the towns in the notebook.", load=_app)]

    @hookimpl
    async def on_event(self, event: v1.Event) -> None:
        if event.name == "sync.finished":
            self.heard += 1

    @hookimpl
    def settings(self) -> list[v1.SettingField]:
        return [v1.SettingField(name="foreman", label="Who keeps the notebook")]

    async def _tidy(self, context: Any) -> None:
        self.heard = 0


def _names() -> list[str]:
    from adjoin_leaflet.notebook import Notebook

    return [town.name for town in Notebook.of("any").towns]


async def _towns(request: Request) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(_names())


def _app() -> typer.Typer:
    import typer

    app = typer.Typer(help="Leaflets handed out in the street.")

    @app.command()
    def towns() -> None:
        """List the towns in the notebook."""
        for name in _names():
            typer.echo(name)

    return app


plugin = Extras()
