"""Every error that Adjoin raises on purpose.

AdjoinError
├── UsageError                  the caller asked for something that cannot be: exit code 2
│   ├── UnknownName             no such platform, account, plugin, dataset ...
│   └── BadInput                a value, a date range or a file that cannot be used
├── StateError                  what is stored does not fit what was asked
│   ├── NotInitialised          there is no store yet: `adjoin init`
│   ├── SchemaTooOld            the store is older than this release: `adjoin db upgrade`
│   ├── SchemaTooNew            the store is newer than this release
│   └── StoreDamaged            a database or a fact file cannot be read
├── SecretError                 no key, a wrong key, or a credential that does not decrypt
├── Fenced                      a newer attempt owns the run; this one must not write
├── OutOfScope                  code of one workspace reached for another; nothing was sent
├── ContractError               a plugin and a contract do not fit together
├── PluginError                 a plugin failed, hung or answered nonsense
│   ├── PluginTimeout           no answer before the deadline
│   ├── PluginBusy              all slots of the plugin are taken by calls that have not come back
│   ├── WrongResult             the answer is not what the contract says
│   └── NotImplementedByPlugin  an optional hook that this plugin does not have
├── PlatformError               an ad platform refused; `kind` says what may be done about it
├── AuthError                   somebody is not let in; `kind` says why
├── ConsentError                an answer from a platform's consent page that is not taken; `problem` says why
├── Forbidden                   somebody is let in, but their role does not allow what they asked for
├── StaleProof                  somebody must prove again to be themselves before they may do it
└── MailError                   a mail could not be handed over
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

__all__ = [
    "AdjoinError",
    "AuthError",
    "AuthProblem",
    "BadInput",
    "ConsentError",
    "ConsentProblem",
    "ContractError",
    "ErrorKind",
    "Fenced",
    "Forbidden",
    "MailError",
    "NotImplementedByPlugin",
    "NotInitialised",
    "OutOfScope",
    "PlatformError",
    "PluginBusy",
    "PluginError",
    "PluginTimeout",
    "SchemaTooNew",
    "SchemaTooOld",
    "SecretError",
    "StaleProof",
    "StateError",
    "StoreDamaged",
    "UnknownName",
    "UsageError",
    "WrongResult",
]


class AdjoinError(Exception):
    """The root: anything Adjoin raises on purpose. The message says what, why and what to do."""


class UsageError(AdjoinError):
    """The caller asked for something that cannot be done as asked."""


class UnknownName(UsageError):
    """A platform, account, plugin or dataset that does not exist here."""


class BadInput(UsageError):
    """A value, a date range or a file that cannot be used."""


class StateError(AdjoinError):
    """What is stored does not fit what was asked."""


class NotInitialised(StateError):
    """There is no store at this place yet."""


class DiskFull(StateError):
    """There is no room for what is to be stored."""


class StoreUnreachable(StateError):
    """The database cannot be reached for now: it is starting or stopping, or the way to it is broken."""


class SchemaTooOld(StateError):
    """The store was made by an older release and must be upgraded first."""


class SchemaTooNew(StateError):
    """The store was made by a newer release; this one must not touch it."""


class StoreDamaged(StateError):
    """A database or a fact file cannot be read."""


class SecretError(AdjoinError):
    """There is no key, it is the wrong one, or a stored credential does not decrypt."""


class AuthProblem(StrEnum):
    """Why somebody is refused. Messages for people are made from it, so that all providers say the same."""

    WRONG = "wrong"  #: unknown e-mail, wrong password or wrong code; which of them is not said
    THROTTLED = "throttled"  #: too many attempts; `retry_after` says when the next one counts
    DISABLED = "disabled"  #: an administrator has switched the account off
    UNCONFIRMED = "unconfirmed"  #: the e-mail was never confirmed; a new link is on its way
    WEAK_PASSWORD = "weak_password"  #: `reasons` says why  # noqa: S105
    BAD_EMAIL = "bad_email"  #: no e-mail address
    EMAIL_TAKEN = "email_taken"  #: said only to who has proven to own the address
    BAD_LINK = "bad_link"  #: never issued, used already, or for something else
    LINK_EXPIRED = "link_expired"
    REFUSED = "refused"  #: somebody else, whose word was asked for, said no
    ENDED = "ended"  #: the session is over
    UNAVAILABLE = "unavailable"  #: the provider cannot be reached


class AuthError(AdjoinError):
    """Somebody is not let in. The message is fit for people and says nothing about who is known."""

    def __init__(
        self,
        message: str,
        *,
        kind: AuthProblem,
        retry_after: timedelta | None = None,
        reasons: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
        self.reasons = reasons


class ConsentProblem(StrEnum):
    """Why an answer from a platform's consent page is not taken."""

    UNKNOWN = "unknown"  #: never asked for, malformed, or long forgotten
    EXPIRED = "expired"  #: it came too late
    USED = "used"  #: it came before
    FOREIGN_SESSION = "foreign_session"  #: another browser or another person asked for it
    FOREIGN_WORKSPACE = "foreign_workspace"  #: another workspace is looked at by now


class ConsentError(AdjoinError):
    """An answer from a platform's consent page is not taken, and nothing was stored. The message is fit for people."""

    def __init__(self, message: str, *, problem: ConsentProblem) -> None:
        super().__init__(message)
        self.problem = problem


class Forbidden(AdjoinError):
    """Somebody is let in, but their role in the workspace does not allow what they asked for."""


class StaleProof(AdjoinError):
    """Somebody is let in, but what they asked for matters so much that they must prove again to be themselves."""


class MailError(AdjoinError):
    """A mail could not be handed over. `may_pass` says that trying again makes sense."""

    def __init__(self, message: str, *, may_pass: bool) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class Fenced(AdjoinError):
    """A newer attempt owns the run, so this one must not write any more."""


class OutOfScope(AdjoinError):
    """A session of one workspace was about to leave it: a mistake in the code, and nothing was sent."""


class ContractError(AdjoinError):
    """A plugin and a contract do not fit together."""


class PluginError(AdjoinError):
    """A plugin raised, exited, hung or answered nonsense; `plugin` is its name."""

    def __init__(self, message: str, *, plugin: str) -> None:
        super().__init__(message)
        self.plugin = plugin


class PluginTimeout(PluginError):
    """The plugin gave no answer before the deadline of the hook."""


class PluginBusy(PluginError):
    """All slots of the plugin are taken by calls that have not come back."""


class WrongResult(PluginError):
    """The plugin answered something that the contract does not allow."""


class NotImplementedByPlugin(PluginError):
    """The hook is optional and this plugin does not implement it."""


class ErrorKind(StrEnum):
    """What may be done about a platform's refusal. Decided from the platform's own code, not the HTTP status."""

    RETRY = "retry"  #: a passing fault; the same call may be repeated now
    WAIT = "wait"  #: throttled; repeat after the time the platform gives
    SPLIT = "split"  #: too much was asked for; ask for less
    REFRESH = "refresh"  #: the access token has expired; renew it and repeat
    RECONNECT = "reconnect"  #: the authorisation is gone; a person must connect again
    SKIP_ACCOUNT = "skip_account"  #: this account cannot be read; the others can
    RESTART = "restart"  #: a page token has expired; read this slice from its start
    INVALID = "invalid"  #: our request is wrong; repeating does not help


class PlatformError(AdjoinError):
    """An ad platform refused a request.

    `kind` says what may be done; `code` is the platform's own code; `request_id` is what its support asks for;
    `retry_after` is the wait that the platform asked for, if it did. The message is fit for people and holds no secret.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind,
        code: str = "",
        request_id: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
