"""What each command of the command line cannot do without, named after our workspace."""

from __future__ import annotations

__all__ = ["NEEDED"]

#: What commands cannot do without.
NEEDED: dict[str, tuple[str, ...]] = {
    "alerts check": ("owl-alert",),
    "alerts mute": ("owl-alert",),
    "alerts test": ("owl-alert",),
    "connect": ("google", "--sandbox", "http://127.0.0.1:9"),
    "connections history": ("google", "--since", "2026-01-01"),
    "facts move": ("--to", "home"),
    "keys drop": ("0123abcd",),
    "members invite": ("new@example.com",),
    "members remove": ("owl-oscar@example.com",),
    "members resend": ("owl-invited@example.com",),
    "members role": ("owl-oscar@example.com", "viewer"),
    "metrics define": ("clicks_twice", "--formula", "2 * clicks"),
    "metrics fields define": ("owl_names", "--pattern", "{market}_{kind}"),
    "metrics fields forget": ("owl_names",),
    "metrics forget": ("owl_metric",),
    "plugins disable": ("meta",),
    "plugins enable": ("meta",),
    "reports add": ("New", "--metric", "cost", "--to", "owl-oscar@example.com"),
    **{f"reports {what}": ("owl-report",) for what in ("history", "mute", "pause", "remove", "resume", "send", "show")},
    "runs cancel": ("owl-run",),
    "runs show": ("owl-run",),
    "schedules pause": ("google",),
    "schedules remove": ("google",),
    "schedules resume": ("google",),
    "schedules set": ("google", "--every", "4h"),
    "sync": ("--account", "nobody"),
    "users disable": ("owl-olga@example.com",),
    "users drop-second-factor": ("owl-olga@example.com",),
    "users enable": ("owl-olga@example.com",),
    "users reset-link": ("owl-olga@example.com",),
    "workspaces create": ("New", "--owner", "owl-olga@example.com"),
    "workspaces delete": ("ours",),
    "workspaces rename": ("ours", "New"),
    "workspaces restore": ("ours",),
}
