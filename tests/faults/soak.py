"""Breaks things for a while: `python tests/faults/soak.py [--seconds 600] [--seed N]`. `make soak` runs it.

Runs all of tests/faults again and again, each round with another seed: another advertiser, other moments to strike at.
Prints what was done; ends with 1 at the first round that fails, and says how to repeat it.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
_FAILED = 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Break things at random for a while.")
    parser.add_argument("--seconds", type=float, default=600, help="no round begins after so long")
    parser.add_argument("--seed", type=int, default=None, help="of the first round; the next ones follow from it")
    parser.add_argument("--only", default="", help="names of tests, as pytest's -k takes them")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    begun, rounds = time.monotonic(), 0
    while rounds == 0 or time.monotonic() - begun < given.seconds:
        print(f"--- round {rounds + 1}, seed {seed}", flush=True)
        command = [sys.executable, "-m", "pytest", str(HERE), "-q", "-p", "no:randomly", "--numprocesses=2"]
        command += ["-k", given.only] if given.only else []
        done = subprocess.run(command, env={**os.environ, "FAULT_SEED": str(seed)}, cwd=HERE.parents[1], check=False)
        rounds += 1
        if done.returncode:
            only = f" --only {given.only!r}" if given.only else ""
            print(f"round {rounds} failed; repeat it: python tests/faults/soak.py --seconds 1 --seed {seed}{only}")
            return _FAILED
        seed = random.Random(seed).randrange(1_000_000)
    print(f"{rounds} rounds in {time.monotonic() - begun:.0f} s, and everything was right after each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
