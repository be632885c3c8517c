"""Which application a Gunicorn serves and with what kind of worker, and what of that is different in Yett."""

import re
from collections.abc import Mapping

from .report import Given, Report
from .values import whole

_THREADS = ("sync", "gthread", "gunicorn.workers.sync.SyncWorker", "gunicorn.workers.gthread.ThreadWorker")
_NO_GREEN_THREADS = (
    "Yett runs WSGI applications in threads, not in green threads; with threads enough for what waits at the same time "
    "it needs no monkey-patching."
)
_UNKNOWN = "Yett does not know this worker; it runs WSGI in threads, ASGI in an event loop."
# The one difference that can break an application, rather than its surroundings.
ONE_AT_A_TIME = (
    "Gunicorn's sync workers run one request at a time in each process. Yett runs up to 16 at a time, in threads. For "
    "an application that is not thread-safe: threads = 1."
)
_TIMEOUT = (
    "Gunicorn's sync worker is killed when one request takes this long. Yett's beat_timeout is for a worker that is "
    "stuck as a whole; request_timeout ends single requests."
)


def name(given: Mapping[str, Given], report: Report) -> None:
    """The application's target, from the arguments or the file."""
    if paste := given.get("paste"):
        report.name_app(str(paste.value), paste)
    elif (target := given.get("wsgi_app")) and target.value:
        text = str(target.value)
        if re.search(r"\(\s*[^)\s]", text):
            report.name_app(
                text, target, "Yett calls factories without arguments: write one that gives them itself."
            )
        else:
            report.name_app(text if ":" in text else f"{text}:application", target)


def worker_class(given: Mapping[str, Given]) -> str:
    """The name of the worker's class; ``sync`` if nothing is said."""
    value = given["worker_class"].value if "worker_class" in given else "sync"
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else str(value)


def is_asgi(given: Mapping[str, Given]) -> bool:
    """Whether the worker runs ASGI applications: Gunicorn's own, or one of Uvicorn's in either package."""
    word = worker_class(given).lower()
    return word == "asgi" or "uvicorn" in word or word.endswith("asgiworker")


def is_threaded(given: Mapping[str, Given]) -> bool:
    """Whether ``threads`` means what it does in Yett."""
    return worker_class(given) in _THREADS


def interface(option: Given, report: Report) -> None:
    """What the class of the worker says."""
    given = {"worker_class": option}
    word = worker_class(given)
    if is_asgi(given):
        report.carry("interface", "asgi", option)
        if "H11" in word:
            report.carry("loop", "asyncio", option)
    elif is_threaded(given):
        report.carry("interface", "wsgi", option)
    elif re.search("gevent|eventlet|tornado", word.lower()):
        report.lack(option, _NO_GREEN_THREADS)
    else:
        report.lack(option, _UNKNOWN)


def remark_on_differences(given: Mapping[str, Given], report: Report) -> None:
    """What Gunicorn does without being told, and Yett does not."""
    one_at_a_time = "threads" not in given or whole(given["threads"]) <= 1
    if worker_class(given) in (_THREADS[0], _THREADS[2]) and one_at_a_time:
        report.remark(ONE_AT_A_TIME)
    if worker_class(given) in (_THREADS[0], _THREADS[2]) and (
        "timeout" not in given or whole(given["timeout"])
    ):
        report.remark(_TIMEOUT, given.get("timeout"))
