"""What a process tells about itself over HTTP: whether it lives, whether it is ready, and its figures."""

from adjoin.monitor.server import monitoring, parse_address
from adjoin.monitor.vitals import Vitals

__all__ = ["Vitals", "monitoring", "parse_address"]
