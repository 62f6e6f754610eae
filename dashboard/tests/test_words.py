"""Words from elsewhere are shown as they are."""

from __future__ import annotations

from adjoin_dashboard.words import escaped


def test_names_are_no_markdown() -> None:
    """A name from a platform is shown as it is: it makes no link, no formula and no emphasis."""
    assert escaped("a*b* [x](y) $1$") == r"a\*b\* \[x\]\(y\) \$1\$"
    assert escaped("www.a.org http://b a@c") == "www\u2060.a.org http\\:\u2060//b a@\u2060c"
