# SPDX-License-Identifier: MIT
"""What Redstart shall reach, beside its peers in the same run. Ratios hold on any machine, the few others on a quiet
one of two cores."""

from dataclasses import dataclass
from typing import Optional

GET_1, GET_64, GET_1000, GET_10000 = (("get", depth) for depth in (1, 64, 1000, 10000))
QUEUE, LARGE, FOREIGN, WAITING = ("queue-pairs", 64), ("get-1MiB", 4), ("threads-1", 1000), ("consumers-waiting", 10000)
BOOST_1000, SERVER_LIMIT = ("get", 1000, "boost-redis"), ("get", 4096, "redis-benchmark")


@dataclass(frozen=True)
class Aim:
    text: str
    figure: str
    where: tuple  # (case, in flight) of `client`
    beside: Optional[tuple] = None  # (case, in flight, client): the figure is divided by theirs
    at_least: Optional[float] = None
    at_most: Optional[float] = None
    client: str = "redstart"

    def reached(self, rows):
        """(figure, whether that is good enough); None when it was not measured."""
        mine = rows.get((self.where[0], self.client, self.where[1]), {}).get(self.figure)
        theirs = 1.0
        if self.beside:
            case, depth, client = self.beside
            theirs = rows.get((case, client, depth), {}).get(self.figure)
        if mine is None or not theirs:
            return None
        value = mine / theirs
        return value, value >= self.at_least if self.at_least is not None else value <= self.at_most


def python(text, figure, where, **bound):
    return Aim("Python: " + text, figure, where, (*where, "redis-py"), client="redstart-python", **bound)


AIMS = (
    Aim("GET, 1,000 in flight: CPU beside hiredis", "cpu_us_per_op", GET_1000, (*GET_1000, "hiredis"), at_most=0.5),
    Aim("GET, 1,000 in flight: CPU beside Boost.Redis", "cpu_us_per_op", GET_1000, BOOST_1000, at_most=0.125),
    Aim("GET, 1,000 in flight: CPU in us", "cpu_us_per_op", GET_1000, at_most=0.18),
    Aim("GET, 1,000 in flight: beside hiredis", "ops_per_s", GET_1000, (*GET_1000, "hiredis"), at_least=1.8),
    Aim("GET, 1,000 in flight: beside the server's limit", "ops_per_s", GET_1000, SERVER_LIMIT, at_least=0.8),
    Aim("GET, 64 in flight: beside hiredis", "ops_per_s", GET_64, (*GET_64, "hiredis"), at_least=1.0),
    Aim("GET, 64 in flight: beside Boost.Redis", "ops_per_s", GET_64, (*GET_64, "boost-redis"), at_least=1.5),
    Aim("GET, 64 in flight: instructions", "instructions", GET_64, at_most=1500),
    Aim("GET, 1 in flight: p50 beside hiredis", "p50_us", GET_1, (*GET_1, "hiredis"), at_most=1.1),
    Aim("GET, 10,000 in flight: CPU beside 1,000", "cpu_us_per_op", GET_10000, (*GET_1000, "redstart"), at_most=1.3),
    Aim("GET, foreign thread: CPU beside the own", "cpu_us_per_op", FOREIGN, (*GET_1000, "redstart"), at_most=2.0),
    Aim("queue pairs: throughput beside redis-py", "ops_per_s", QUEUE, (*QUEUE, "redis-py"), at_least=20.0),
    Aim("GET of 1 MiB: throughput beside hiredis", "ops_per_s", LARGE, (*LARGE, "hiredis"), at_least=0.9),
    Aim("10,000 waiting consumers: bytes each", "bytes_each", WAITING, at_most=2048),
    python("GET, 64 tasks: beside redis-py", "ops_per_s", GET_64, at_least=4.0),
    python("GET, 64 tasks: CPU beside redis-py", "cpu_us_per_op", GET_64, at_most=0.25),
    python("GET, one task: beside redis-py", "ops_per_s", GET_1, at_least=1.0),
    python("queue pairs, 64 tasks: beside redis-py", "ops_per_s", QUEUE, at_least=5.0),
)


def print_aims(rows):
    """Those that this run has the figures for."""
    measured = [(aim, result) for aim in AIMS if (result := aim.reached(rows))]
    if measured:
        print("\naims")
    for aim, (value, good) in measured:
        bound = f"at least {aim.at_least:,g}" if aim.at_least is not None else f"at most {aim.at_most:,g}"
        print(f"  {'reached' if good else 'MISSED':8} {aim.text:50} {value:>10,.4g}   {bound}")
