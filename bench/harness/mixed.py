"""A load of several kinds of requests, with the latencies of each kind.

Requests go out at a fixed rate, whatever became of earlier ones, and a latency has in it what the request waited for
a free connection: a server that lets requests wait cannot slow the load down and so hide it. The kinds follow one
another at random, but alike for every server.
"""

import asyncio
import math
import os
import random
import time

from .sample import Load
from .servers import HOST
from .workloads import Mix, Part

# After the last request went out; what has not been answered then counts as an error.
DRAIN_SECONDS = 10.0


def percentile(values: list[float], percent: float) -> float:
    """By nearest rank; NaN of nothing."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def schedule(mix: Mix, count: int, seed: int) -> list[Part]:
    """`count` requests, in blocks that have every part as often as its weight says, each in random order."""
    order = random.Random(seed)
    block = [part for part in mix.parts for _ in range(part.weight)]
    parts: list[Part] = []
    while len(parts) < count:
        order.shuffle(block)
        parts += block
    return parts[:count]


class _Connection:
    """A connection that is opened when it is needed, and again after the server has closed it."""

    def __init__(self, port: int):
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> None:
        """One request and its whole answer. Raises OSError, EOFError, LookupError or ValueError without one."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status, *lines = head.splitlines()
            fields = dict(line.split(": ", 1) for line in lines if line)
            await reader.readexactly(int(fields["content-length"]))
        except BaseException:
            self.close()  # there may be an answer to come that nobody waits for
            raise
        if fields.get("connection") == "close":
            self.close()
        if status.split()[1] != "200":
            raise ValueError(f"answered {status}")

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class _Run:
    """One load: the connections, and what has been seen so far."""

    def __init__(self, port: int, mix: Mix, connections: int):
        self.mix = mix
        self.times: dict[str, list[float]] = {part.name: [] for part in mix.parts}
        self.errors: list[str] = []
        self._free: asyncio.Queue[_Connection] = asyncio.Queue()
        for _ in range(connections):
            self._free.put_nowait(_Connection(port))

    async def _request(self, part: Part, begin: float) -> None:
        connection = await self._free.get()
        try:
            await connection.get(part.path)
            self.times[part.name].append((time.perf_counter() - begin) * 1e6)
        except (OSError, EOFError, LookupError, ValueError) as error:
            self.errors.append(repr(error))
        finally:
            self._free.put_nowait(connection)

    async def load(self, seconds: float, seed: int) -> None:
        begin = time.perf_counter()
        tasks = []
        for number, part in enumerate(schedule(self.mix, max(1, round(self.mix.rate * seconds)), seed)):
            # A loop's timer may be a millisecond late; requests that are due by then go out together.
            early = begin + number / self.mix.rate - time.perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            tasks.append(asyncio.create_task(self._request(part, time.perf_counter())))
        _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self.errors += ["no answer in time"] * len(late)
        while not self._free.empty():
            self._free.get_nowait().close()


def run(port: int, mix: Mix, core: int | None, seconds: float, connections: int, seed: int) -> Load:
    """Load the server on `port` for `seconds` over at most that many connections, and wait for the last answers.

    From the core if one is given: this process is moved there for the time.
    """
    cores = os.sched_getaffinity(0)
    begin = time.perf_counter()
    load = _Run(port, mix, connections)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        asyncio.run(load.load(seconds, seed))
    finally:
        os.sched_setaffinity(0, cores)
    parts = {name: (percentile(times, 50), percentile(times, 99)) for name, times in load.times.items()}
    p50, p99 = parts[mix.parts[0].name]
    return Load(
        requests=sum(len(times) for times in load.times.values()),
        seconds=time.perf_counter() - begin,
        p50=p50,
        p99=p99,
        errors=len(load.errors),
        detail=", ".join(sorted(set(load.errors))[:3]),
        parts=parts,
    )
