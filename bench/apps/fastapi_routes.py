"""FastAPI: a JSON route in the event loop and a `def` route, which runs in a thread."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{item_id}")
async def item(item_id: int, q: str | None = None):
    return {"item_id": item_id, "q": q, "tags": ["a", "b"], "price": 9.5}


@app.get("/thread")
def thread():
    return {"ran": "in a thread"}
