"""What the black-box tests share: a server in a process of its own, and a client that sends what it is told."""

from .raw import Client, Response, refuses
from .server import ServerProcess, start_server

__all__ = ["Client", "Response", "ServerProcess", "refuses", "start_server"]
