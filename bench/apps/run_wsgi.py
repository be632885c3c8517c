"""Starts the WSGI servers whose own commands have no switch for the settings that a fair comparison needs.

Usage: run_wsgi.py bjoern|cheroot|waitress MODULE:ATTRIBUTE HOST PORT THREADS
"""

import importlib
import logging
import signal
import socket
import sys


def bjoern(app, host, port, _threads):
    import bjoern as server

    # Accepted connections inherit it. Nagle's algorithm is off in every other server here.
    with socket.create_server((host, port), backlog=2048) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.server_run(listener, app)


def cheroot(app, host, port, threads):
    from cheroot.wsgi import Server

    # `timeout` is also how long an idle connection is kept.
    server = Server((host, port), app, numthreads=threads, max=threads, timeout=75, request_queue_size=2048)
    # By default all but ten keep-alive connections are closed, which costs it a new connection a request.
    server.keep_alive_conn_limit = None
    server.start()


def waitress(app, host, port, threads):
    import waitress as server

    # It warns of every request that finds no free thread, which is most of them here.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server.serve(app, host=host, port=port, threads=threads, connection_limit=1000, backlog=2048)


def main():
    name, target, host, port, threads = sys.argv[1:]
    module, _, attribute = target.partition(":")
    app = getattr(importlib.import_module(module), attribute)
    start = {"bjoern": bjoern, "cheroot": cheroot, "waitress": waitress}[name]
    # None of them has a way to stop at SIGTERM; for a measurement the end of the process will do.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    start(app, host, int(port), int(threads))


main()
