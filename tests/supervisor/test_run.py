"""Workers of a program that does something besides."""

import subprocess
import sys

PROGRAM = """
import os, signal, yett

async def app(scope, receive, send):
    raise NotImplementedError

def stop(*_):
    os.kill(os.getpid(), signal.SIGTERM)

if __name__ == "__main__":
    numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    before = {number: signal.getsignal(number) for number in numbers}
    yett.run(app, workers=2, bind="127.0.0.1:0", lifespan="off", when_ready="program:stop")
    changed = {number for number in numbers if signal.getsignal(number) != before[number]}
    print("changed:", changed, flush=True)
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    signal.raise_signal(signal.SIGTERM)
"""


def test_signals_are_given_back(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout == "changed: set()\ninterrupted\n", ran.stderr
    assert ran.returncode == -15
