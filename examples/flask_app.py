"""Flask. Serve it with: yett examples/flask_app.py --threads 8 (needs: pip install flask)"""

import os
import time
from collections.abc import Iterator

from flask import Flask, jsonify, request, session, stream_with_context

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", "only for trying this example out")
prices = {"tea": 3, "cake": 5}


@app.get("/prices")
def list_prices():
    return jsonify(prices)


@app.post("/orders")
def order():
    wanted = request.get_json()
    total = wanted.get("count", 1) * prices.get(wanted["item"], 0)
    return {"total": total}, 201


@app.get("/visits")
def visits():
    """How often this browser was here: a signed cookie remembers it."""
    session["visits"] = session.get("visits", 0) + 1
    return {"visits": session["visits"]}


@app.get("/count")
def count():
    """`curl -N …/count?to=5`: lines that arrive one by one."""

    @stream_with_context
    def lines() -> Iterator[str]:
        for number in range(1, request.args.get("to", 5, type=int) + 1):
            yield f"{number}\n"
            time.sleep(0.1)  # it waits: meanwhile another thread takes requests

    return lines(), {"Content-Type": "text/plain"}
