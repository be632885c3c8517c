"""Work of a known length in pure Python.

How many turns of a loop a microsecond takes is measured once in a run of the benchmark, not by each server: all of
them then do exactly the same work, also those that share a core with the load. Run as a program it prints that
number.
"""

import os
import statistics
import time

# Where nothing was measured: about right for a machine of 2024.
TURNS = float(os.environ.get("BENCH_TURNS_PER_MICROSECOND", "25"))


def turn(count):
    total = 0
    for number in range(count):
        total += number & 7
    return total


def compute(microseconds):
    return turn(round(microseconds * TURNS))


def turns_per_microsecond(count=20_000, samples=101):
    """The median of many short measurements, in CPU time of this thread: other processes hardly disturb it."""
    times = []
    for _ in range(samples):
        begin = time.thread_time_ns()
        turn(count)
        times.append(time.thread_time_ns() - begin)
    return count * 1000 / statistics.median(times)


if __name__ == "__main__":
    print(turns_per_microsecond())
