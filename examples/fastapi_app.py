"""FastAPI. Serve it with: yett examples/fastapi_app.py (needs: pip install fastapi)"""

from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI(title="Orders")
prices = {"tea": 3, "cake": 5}


class Order(BaseModel):
    item: str
    count: int = Field(default=1, gt=0)


@app.get("/prices")
async def list_prices() -> dict[str, int]:
    return prices


@app.post("/orders", status_code=201)
async def order(order: Order) -> dict[str, int]:
    return {"total": order.count * prices.get(order.item, 0)}
