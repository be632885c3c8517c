"""The WSGI workloads, and which servers take part in which: not every setting makes sense with every one."""

from ..workloads import Mix, Part, Workload

ONE_THREAD = ("yett-1", "granian-1", "bjoern", "fastpysgi", "gunicorn-sync")
FOUR_THREADS = ("yett-4", "granian-4", "gthread-4", "uwsgi-4", "waitress-4", "cheroot-4")
MANY_THREADS = ("yett-32", "granian-32", "gthread-32", "uwsgi-32", "waitress-32", "cheroot-32")
FRAMEWORKS = ("yett-1", "yett-4", "granian-1", "granian-4", "bjoern", "fastpysgi", "gthread-4", "uwsgi-4")
FRAMEWORKS += ("waitress-4",)
# More threads must never make an application slower.
MORE_THREADS = ("yett-1", "yett-32", "granian-1", "granian-4", "granian-32", "gthread-4")
# A single thread would show nothing but the length of a slow request.
MIXED_COMPUTING = (*FOUR_THREADS, "yett-32", "granian-32", "gthread-32", "waitress-32")
MIXED_WAITING = ("yett-32", "granian-32", "gthread-32", "waitress-32")
LARGE = ("yett-1", *FOUR_THREADS, "bjoern")

# One request in twenty computes for 200 ms. 50 requests/s are 55 % of a core: below that the slow ones seldom meet,
# and near 100 % the queue says more than the server.
COMPUTING = Mix(50, (Part("fast", "/compute/1000", 19), Part("slow", "/compute/200000", 1)))
# 100 requests/s compute for 4 ms, 40 % of a core, and 400 wait for 10 ms, as for a database.
WAITING = Mix(500, (Part("waiting", "/sleep/10", 4), Part("computing", "/compute/4000", 1)))

FILE_SIZE = 10 * 1024 * 1024

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("hello-1", "Hello, 1 thread", "wsgi_hello:app", size=13, servers=ONE_THREAD),
        Workload("hello-4", "Hello, 4 threads", "wsgi_hello:app", size=13, servers=FOUR_THREADS),
        Workload(
            "access-log",
            "Hello, 1 thread, with and without an access log",
            "wsgi_hello:app",
            size=13,
            servers=("yett-1", "yett-1-log", "granian-1", "granian-1-log"),
        ),
        Workload("flask", "Flask", "wsgi_flask:app", size=13, servers=FRAMEWORKS),
        Workload("django", "Django", "wsgi_django:app", size=13, servers=FRAMEWORKS),
        Workload(
            "sleep-32",
            "`time.sleep(0.01)`, 32 threads",
            "wsgi_work:app",
            "/sleep/10",
            size=4,
            servers=MANY_THREADS,
        ),
        Workload(
            "hello-cores",
            "Hello, two cores, more and more threads",
            "wsgi_hello:app",
            size=13,
            servers=MORE_THREADS,
            both_cores=True,
        ),
        Workload(
            "compute-cores",
            "100 µs of pure Python, two cores, more and more threads",
            "wsgi_work:app",
            "/compute/100",
            size=4,
            servers=MORE_THREADS,
            both_cores=True,
        ),
        Workload(
            "mix-computing",
            "95 % compute for 1 ms (fast), 5 % for 200 ms (slow)",
            "wsgi_work:app",
            size=4,
            servers=MIXED_COMPUTING,
            both_cores=True,
            mix=COMPUTING,
            stretch=2.5,  # of 50 requests/s, a p99 needs some hundred
        ),
        Workload(
            "mix-waiting",
            "80 % wait for 10 ms, 20 % compute for 4 ms",
            "wsgi_work:app",
            size=4,
            servers=MIXED_WAITING,
            both_cores=True,
            mix=WAITING,
        ),
        Workload(
            "answer-100k",
            "100 KiB in one piece",
            "wsgi_bodies:app",
            "/memory",
            size=100 * 1024,
            servers=(*LARGE, "fastpysgi"),
        ),
        Workload(
            "file-10m",
            "10 MiB by `wsgi.file_wrapper`",
            "wsgi_bodies:app",
            "/file",
            connections=16,
            size=FILE_SIZE,
            servers=LARGE,  # FastPySGI has no file_wrapper, and fails on wsgiref's
        ),
    )
}
