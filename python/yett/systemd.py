"""What systemd is told, if it has started us (`sd_notify(3)`)."""


def ready() -> None:
    """All workers serve."""


def reloading() -> None:
    """A reload has begun."""


def stopping() -> None:
    """The end has begun."""


def main_process(pid: int) -> None:
    """Another process is the server from now on."""
