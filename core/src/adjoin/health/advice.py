"""What to do about what went wrong, by the kind of the error."""

from __future__ import annotations

from adjoin.errors import ErrorKind
from adjoin.sync.retries import CRASH, DAMAGED, TIMEOUT

__all__ = ["advice_for", "meaning_of"]

_MEANINGS: dict[str, str] = {
    ErrorKind.RETRY: "a passing fault of the platform or the network",
    ErrorKind.RESTART: "a passing fault of the platform: its pages had expired",
    ErrorKind.WAIT: "the platform allows no more requests for now",
    ErrorKind.SPLIT: "the platform cannot answer even for a single day",
    ErrorKind.REFRESH: "the authorisation has ended",
    ErrorKind.RECONNECT: "the authorisation has ended",
    ErrorKind.SKIP_ACCOUNT: "the platform does not let the account be read",
    ErrorKind.INVALID: "the platform calls our request wrong",
    TIMEOUT: "the plugin gave no answer in time",
    CRASH: "the process ended while it was read, again and again",
    DAMAGED: "a file that was just written had changed on the disk",
    "plugin": "the plugin answered something that cannot be used",
    "unexpected": "an unexpected error",
}

_AGAIN = "Run `adjoin sync --platform {platform}` to try again."
_PLUGIN = (
    "This is a fault of the plugin, or the platform has changed: upgrade Adjoin and its plugins, and report it with "
    "the run's id (`adjoin runs`)."
)
_ADVICE: dict[str, str] = {
    ErrorKind.RETRY: _AGAIN,
    ErrorKind.RESTART: _AGAIN,
    ErrorKind.WAIT: "Sync less often, or ask the platform for a higher limit. " + _AGAIN,
    ErrorKind.SPLIT: "Report it to the platform with these days; the other days are not affected.",
    ErrorKind.REFRESH: "Connect again: `adjoin connect {platform}`.",
    ErrorKind.RECONNECT: "Connect again: `adjoin connect {platform}`.",
    ErrorKind.SKIP_ACCOUNT: "Ask the account's owner for access, or look in the platform whether it is suspended.",
    ErrorKind.INVALID: _PLUGIN,
    TIMEOUT: "If it stays so, restart the process that executes the runs. " + _AGAIN,
    CRASH: "Look into the log of that process and at its memory. " + _AGAIN,
    DAMAGED: "Check the disk that holds ADJOIN_HOME. " + _AGAIN,
    "plugin": _PLUGIN,
    "unexpected": "The log of the process that ran it has the details; report them. " + _AGAIN,
}


def meaning_of(kind: str) -> str:
    """Return in plain words what a kind of error is; empty where the kind is not known."""
    return _MEANINGS.get(kind, "")


def advice_for(kind: str, platform: str) -> str:
    """Return what to do about a kind of error that does not go away by itself."""
    return _ADVICE.get(kind, _AGAIN).format(platform=platform)
