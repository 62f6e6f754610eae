"""What the Overview calls accounts, and its sentences about those that have something missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from adjoin_dashboard.overview.model import AccountId
from adjoin_dashboard.overview.status import KnownAccount
from adjoin_dashboard.words import escaped

__all__ = ["account_names", "lacking", "quiet_accounts"]

#: So many accounts are named in a sentence before the rest is counted.
_NAMED = 5


def account_names(accounts: Iterable[KnownAccount]) -> Mapping[AccountId, str]:
    """Return the accounts' names, with the id where two of a platform have the same one."""
    known = list(accounts)
    counted = Counter((account.platform, account.name) for account in known)
    return {
        (account.platform, account.account_id): account.name
        if counted[account.platform, account.name] == 1
        else f"{account.name} ({account.account_id})"
        for account in known
    }


def lacking(
    missing: Mapping[AccountId, int], accounts: Iterable[KnownAccount], title: Callable[[str], str] | None
) -> str:
    """Say in Markdown which accounts lack how many days. With `title` each is named with its platform."""
    names = account_names(accounts)

    def name(key: AccountId) -> str:
        plain = names.get(key, key[1])
        return escaped(plain if title is None else f"{plain} ({title(key[0])})")

    shown = [
        f"{name(key)} lacks {days} {'day' if days == 1 else 'days'}" for key, days in list(missing.items())[:_NAMED]
    ]
    return ", ".join(shown) + (f" and {len(missing) - _NAMED} more accounts" if len(missing) > _NAMED else "")


def quiet_accounts(
    accounts: Iterable[KnownAccount], shown: Collection[AccountId], title: Callable[[str], str] | None
) -> list[str]:
    """Name in Markdown the accounts that are not shown, with the reason. With `title`, a line for each platform."""
    names = account_names(accounts)
    by_platform: dict[str, list[str]] = defaultdict(list)
    for account in accounts:
        key = (account.platform, account.account_id)
        if key not in shown:
            by_platform[account.platform].append(escaped(f"{names[key]} ({_why_quiet(account)})"))
    return [
        ", ".join(lines) if title is None else f"{escaped(title(platform))}: {', '.join(lines)}"
        for platform, lines in by_platform.items()
    ]


def _why_quiet(account: KnownAccount) -> str:
    if account.problem is not None:
        return account.problem
    return "no traffic" if account.status == "active" else account.status.replace("_", " ")
