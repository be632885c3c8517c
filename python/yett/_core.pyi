"""The compiled part: crates/python."""

import asyncio
import contextvars
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, final

__version__: str

class ClientDisconnected(ConnectionError): ...

@final
class Settings:
    def __init__(self, **settings: Any) -> None: ...
    loop: Literal["auto", "asyncio", "uvloop"]
    interface: Literal["auto", "asgi", "wsgi"]
    lifespan: Literal["auto", "on", "off"]
    log_level: Literal["error", "warning", "info", "debug"]
    threads: int
    request_buffering: bool
    paste_name: str
    graceful_timeout: float
    # Any other setting by its name: durations in seconds, sizes in bytes, lists as lists, the rest as text.
    def __getattr__(self, name: str) -> bool | int | float | str | list[str]: ...

def registry() -> list[dict[str, Any]]: ...

@final
class Invocation:
    command: Literal["run", "check", "demo", "print"]
    target: str | None
    settings: Settings | None
    text: str
    to_stderr: bool
    code: int

def config_file(arguments: Sequence[str | os.PathLike[str]]) -> str | None: ...
def parse_command_line(
    arguments: Sequence[str | os.PathLike[str]],
    values: tuple[str, Sequence[tuple[str, Any, int]]] | None = None,
) -> Invocation: ...
def check_access_log(settings: Settings) -> None: ...

@final
class Listener:
    @property
    def address(self) -> str: ...
    def close(self) -> None: ...

def open_listeners(settings: Settings) -> list[Listener]: ...

@final
class StopSignals:
    def __init__(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def fileno(self) -> int: ...
    def read(self) -> None: ...

@final
class Server:
    def __init__(
        self,
        application: Callable[..., Any],
        event_loop: asyncio.AbstractEventLoop,
        listeners: list[Listener],
        settings: Settings,
        state: dict[str, Any] | None,
        context: contextvars.Context,
    ) -> None: ...
    def start(self) -> None: ...
    def tick(self) -> None: ...
    def drain(self, callback: Callable[[], object]) -> None: ...
    def cancel_running(self) -> int: ...
    def close(self) -> None: ...
    @property
    def connections(self) -> int: ...
    @property
    def running(self) -> int: ...

@final
class WsgiServer:
    def __init__(
        self,
        application: Callable[..., Any],
        listeners: list[Listener],
        settings: Settings,
        context: contextvars.Context,
    ) -> None: ...
    def start(self) -> None: ...
    def serve(self) -> None: ...
    def drain(self, patience: float) -> bool: ...
    def stop(self) -> None: ...
    @property
    def connections(self) -> int: ...

def note_fork() -> None: ...
def write_log(level: Literal["error", "warning", "info", "debug"], text: str) -> None: ...
