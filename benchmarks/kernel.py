"""What the guard around plugins costs: a call through the kernel beside a raw pluggy call and a plain call.

    python benchmarks/kernel.py [--calls 20000] [--json]

The kernel's call runs in the plugin's lane with a deadline and checks the answer against the contract; a raw pluggy
call and a plain one do neither. All are made in turns on the same plugin; medians of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from contextlib import closing
from statistics import median

import pluggy

from adjoin.ads import v2
from adjoin.contract import PROJECT
from adjoin.kernel import Kernel

_ROUNDS = 7
_REPLY = v2.Reply(status=200, headers={"content-type": "application/json"}, body=b'{"data":[]}', method="GET", url="/")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure guarded calls.")
    parser.add_argument("--calls", type=int, default=20_000, help="calls of each kind in a round")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    with closing(Kernel.load()) as kernel:
        micros = _measure(kernel, max(1, given.calls // _ROUNDS))
    plain, pluggy_call = micros["plain"], micros["pluggy"]
    ratios = {name: {"to_plain": one / plain, "to_pluggy": one / pluggy_call} for name, one in micros.items()}
    if given.json:
        print(json.dumps({"micros": micros, "ratios": ratios}))
        return
    print(f"{'call':<16}{'microseconds':>14}{'x plain':>10}{'x pluggy':>10}")
    for name, one in micros.items():
        ratio = ratios[name]
        print(f"{name:<16}{one:>14.2f}{ratio['to_plain']:>10.1f}{ratio['to_pluggy']:>10.1f}")


def _measure(kernel: Kernel, calls: int) -> dict[str, float]:
    from adjoin_meta import plugin

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(v2.Ads)
    manager.register(plugin)
    hook = kernel.hook(v2.Ads.inspect)

    def guarded_from_loop(count: int) -> None:
        async def run() -> None:
            for _ in range(count):
                await hook.aone("meta", reply=_REPLY)

        asyncio.run(run())

    kinds: dict[str, Callable[[int], None]] = {
        "plain": _repeated(lambda: plugin.inspect(reply=_REPLY)),
        "pluggy": _repeated(lambda: manager.hook.inspect(reply=_REPLY)),
        "kernel": _repeated(lambda: hook.one("meta", reply=_REPLY)),
        "kernel, awaited": guarded_from_loop,
    }
    assert plugin.inspect(reply=_REPLY) == hook.one("meta", reply=_REPLY) == manager.hook.inspect(reply=_REPLY)[0]
    rounds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(_ROUNDS):
        for name, call in kinds.items():
            began = time.perf_counter()
            call(calls)
            rounds[name].append((time.perf_counter() - began) / calls * 1e6)
    return {name: median(found) for name, found in rounds.items()}


def _repeated(call: Callable[[], object]) -> Callable[[int], None]:
    def run(count: int) -> None:
        for _ in range(count):
            call()

    return run


if __name__ == "__main__":
    main()
