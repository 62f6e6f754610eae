"""Adjoin's own pages, contributed as any plugin contributes its pages. Light to import: pages load when drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoin.contract import hookimpl
from adjoin.surface import v1

if TYPE_CHECKING:
    from adjoin_dashboard.context import Context

__all__ = ["OwnPages", "plugin"]


def _overview(context: Context) -> None:
    from adjoin_dashboard.overview.view import render

    render(context)


def _platforms(context: Context) -> None:
    from adjoin_dashboard.platforms.view import render

    render(context)


def _campaigns(context: Context) -> None:
    from adjoin_dashboard.campaigns.view import render

    render(context)


def _creatives(context: Context) -> None:
    from adjoin_dashboard.creatives.view import render

    render(context)


def _insights(context: Context) -> None:
    from adjoin_dashboard.insights.view import render

    render(context)


def _alerts(context: Context) -> None:
    from adjoin_dashboard.alerts.view import render

    render(context)


def _reports(context: Context) -> None:
    from adjoin_dashboard.reports.view import render

    render(context)


def _pacing(context: Context) -> None:
    from adjoin_dashboard.pacing.view import render

    render(context)


def _metrics(context: Context) -> None:
    from adjoin_dashboard.metrics.view import render

    render(context)


def _runs(context: Context) -> None:
    from adjoin_dashboard.runs.view import render

    render(context)


def _health(context: Context) -> None:
    from adjoin_dashboard.health.view import render

    render(context)


def _connections(context: Context) -> None:
    from adjoin_dashboard.connections.view import render

    render(context)


def _plugins(context: Context) -> None:
    from adjoin_dashboard.plugins.view import render

    render(context)


def _members(context: Context) -> None:
    from adjoin_dashboard.members.view import render

    render(context)


def _api_keys(context: Context) -> None:
    from adjoin_dashboard.api_keys.view import render

    render(context)


def _audit(context: Context) -> None:
    from adjoin_dashboard.audit.view import render

    render(context)


def _settings(context: Context) -> None:
    from adjoin_dashboard.settings.view import render

    render(context)


def _workspace(context: Context) -> None:
    from adjoin_dashboard.workspace.view import render

    render(context)


_PAGES = (
    v1.Page(
        slug="overview",
        title="Overview",
        render=_overview,
        section="Performance",
        icon=":material/dashboard:",
        order=10,
    ),
    v1.Page(
        slug="platforms",
        title="Platforms",
        render=_platforms,
        section="Performance",
        icon=":material/compare_arrows:",
        order=15,
    ),
    v1.Page(
        slug="campaigns",
        title="Campaigns",
        render=_campaigns,
        section="Performance",
        icon=":material/campaign:",
        order=20,
    ),
    v1.Page(
        slug="creatives",
        title="Creatives",
        render=_creatives,
        section="Performance",
        icon=":material/gallery_thumbnail:",
        order=25,
    ),
    v1.Page(
        slug="insights",
        title="Insights",
        render=_insights,
        section="Performance",
        icon=":material/lightbulb:",
        order=30,
    ),
    v1.Page(slug="pacing", title="Pacing", render=_pacing, section="Performance", icon=":material/speed:", order=34),
    v1.Page(
        slug="alerts",
        title="Alerts",
        render=_alerts,
        section="Performance",
        icon=":material/notifications:",
        order=38,
    ),
    v1.Page(
        slug="metrics",
        title="Metrics",
        render=_metrics,
        section="Data",
        icon=":material/function:",
        order=55,
    ),
    v1.Page(
        slug="reports",
        title="Reports",
        render=_reports,
        section="Performance",
        icon=":material/schedule_send:",
        order=39,
    ),
    v1.Page(
        slug="health",
        title="Data health",
        render=_health,
        section="Data",
        icon=":material/monitor_heart:",
        order=40,
    ),
    v1.Page(
        slug="connections",
        title="Connections",
        render=_connections,
        section="Data",
        icon=":material/link:",
        order=45,
    ),
    v1.Page(slug="runs", title="Sync runs", render=_runs, section="Data", icon=":material/sync:", order=50),
    v1.Page(slug="members", title="Members", render=_members, section="Admin", icon=":material/group:", order=60),
    v1.Page(
        slug="api-keys",
        title="API keys",
        render=_api_keys,
        section="Admin",
        icon=":material/key:",
        order=65,
        role="analyst",
    ),
    v1.Page(
        slug="audit",
        title="Audit log",
        render=_audit,
        section="Admin",
        icon=":material/history:",
        order=70,
        role="admin",
    ),
    v1.Page(
        slug="workspace",
        title="Workspace",
        render=_workspace,
        section="Admin",
        icon=":material/workspaces:",
        order=80,
    ),
    v1.Page(slug="settings", title="Settings", render=_settings, section="Admin", icon=":material/tune:", order=85),
    v1.Page(slug="plugins", title="Plugins", render=_plugins, section="Admin", icon=":material/extension:", order=90),
)


class OwnPages:
    """The `surface` plugin of the dashboard."""

    @hookimpl
    def pages(self) -> list[v1.Page]:
        return list(_PAGES)


plugin = OwnPages()
