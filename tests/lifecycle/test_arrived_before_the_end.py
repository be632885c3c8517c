"""A request that has arrived before SIGTERM is answered, also if nobody has read it yet."""

import os
import signal
import subprocess
import sys

from support import Client

BLOCKING = """
    async def app(scope, receive, send):
        if scope["path"] == "/block":
            print("blocked", flush=True)
            with open("gate"):  # a FIFO: blocks the loop until somebody opens it for writing
                pass
        sum(range(50_000))  # a millisecond or so: a tick answers one or two
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})
"""


def test_requests_in_the_sockets_are_answered(serve, tmp_path):
    os.mkfifo(tmp_path / "gate")
    server = serve(BLOCKING, "--lifespan", "off")
    clients = [Client(server.port) for _ in range(50)]
    for number, client in enumerate(clients[:25]):
        # Half of them are known to the server, the others wait to be accepted.
        assert client.get(f"/first{number}").body == f"/first{number}".encode()
    with Client(server.port) as blocker:
        blocker.send(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        server.wait_for("blocked")
        late = [Client(server.port) for _ in range(10)]
        for number, client in enumerate(clients + late):
            client.send(f"GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        server.signal(signal.SIGTERM)
        with open(tmp_path / "gate", "w"):
            pass
        assert blocker.response().status == 200
        for number, client in enumerate(clients + late):
            response = client.response()
            assert response.body == f"/{number}".encode()
            client.close()
    assert server.wait() == 0


def test_signals_work_as_before_after_run_has_returned(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        """
import asyncio, os, signal, threading
import yett

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        os.kill(os.getpid(), signal.SIGTERM)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

yett.run(app, bind=["127.0.0.1:0"])
print("returned", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
threading.Event().wait(20)
print("survived", flush=True)
"""
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "returned\n"
    assert done.returncode == -signal.SIGTERM
