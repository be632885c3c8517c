"""Starts FastPySGI; its own command has no switch for the settings that a fair comparison needs.

Usage: run_fastpysgi.py MODULE:ATTRIBUTE HOST PORT
"""

import sys

import fastpysgi


def main():
    target, host, port = sys.argv[1:]
    app = fastpysgi.import_from_string(target)
    # Nagle's algorithm is on by default there, off in every other server here.
    fastpysgi.server.tcp_nodelay = 1
    fastpysgi.run(app, host=host, port=int(port), loglevel=fastpysgi.LL_ERROR)


main()
