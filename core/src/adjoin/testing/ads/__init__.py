"""The conformance suite of the `ads` contract: what every ad platform's plugin promises, as tests to inherit.

    from adjoin.testing.ads import AdsConformance

    class TestConformance(AdsConformance):
        @pytest.fixture
        def implementation(self):
            return plugin

Everything is asked through the kernel and in terms of the newest version; a plugin of an older one sets the fixture
`version` and is lifted. A plugin with a sandbox is read through a real API client on a small world; others bring their
own `client` or use the default, which only has an access token. Nothing happens at collection, no network is used.

Hooks that the plugin does not have are left out and listed at the end of the run. A test that a plugin cannot pass is
named in `deviations`, with a mark that says why: `pytest.mark.notyet(reason=...)` or `pytest.mark.never(reason=...)`.
"""

from __future__ import annotations

from adjoin.testing.ads._suite import AdsConformance

__all__ = ["AdsConformance"]
