"""What tests of platforms stand on: the made-up advertiser, the sandbox kit and the conformance suites.

Nothing is imported here, so that a test run pays only for what it uses: `adjoin.testing.world`, `.sandbox`, `.faults`,
`.server`.
"""

from __future__ import annotations

__all__: list[str] = []
