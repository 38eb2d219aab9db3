"""Real servers for the system tests: Mosquitto 2.0 and InfluxDB 1.x on loopback.

`make servers` makes them available without root; `Mosquitto` and `Influx` start, stop, kill
and suspend them; `wait_until` waits for a condition instead of sleeping.
"""

from tests.servers.influx import Influx, InfluxRefusedError
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import ServerFailedError, ServerProcess
from tests.servers.provision import ServerMissingError
from tests.servers.waiting import free_port, wait_until

__all__ = [
    "Influx",
    "InfluxRefusedError",
    "Mosquitto",
    "ServerFailedError",
    "ServerMissingError",
    "ServerProcess",
    "free_port",
    "wait_until",
]
