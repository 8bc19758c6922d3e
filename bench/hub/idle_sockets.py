#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What ten thousand idle WebSocket clients cost the hub, and how long one alert takes to reach them all."""

import argparse
import contextlib
import json
import statistics
import tempfile
import time

from servers import Failure, RedisServer, add_server_options, positive, raise_nofile, run_main, start_hub
from sockets import Clients

CHANNEL = "events"
SPARE_FILES = 200  # what hub and tool have open beside the sockets


def settled_rss(hub, clients, seconds=15):
    """Resident bytes of the hub once they stay the same for a second; the clients are served meanwhile."""
    limit, same, before = time.monotonic() + seconds, 0, hub.rss()
    while same < 4 and time.monotonic() < limit:
        clients.run_until(lambda: False, 0.25)
        now = hub.rss()
        same, before = (same + 1 if now == before else 0), now
    return before


def alert(number):
    return {
        "type": "risk_alert",
        "id": f"idle-{number}",
        "risk_score": 85,
        "severity": "critical",
        "camera_id": 1,
        "message": "person at porch at night",
        "timestamp": "2024-01-01T02:00:00Z",
        "objects": ["person"],
        "reasons": ["person +40", "night +25"],
        "event_id": None,
    }


def subscribers(redis):
    return redis.command("PUBSUB", "NUMSUB", CHANNEL)[1]


def broadcast(redis, clients, number, seconds):
    """Publishes one alert; milliseconds from before PUBLISH until it had reached each client that got it in time."""
    arrivals = []
    wanted = alert(number)["id"]

    def on_text(_, payload, arrived_ns):
        # The id is looked for first: parsing ten thousand copies would be most of this program's work.
        if wanted.encode() in payload and json.loads(payload).get("id") == wanted:
            arrivals.append(arrived_ns)

    clients.on_text = on_text
    count = len(clients)
    published = time.time_ns()
    redis.command("PUBLISH", CHANNEL, json.dumps(alert(number)))
    clients.run_until(lambda: len(arrivals) >= count, seconds)
    all_read = time.time_ns()
    clients.run_until(lambda: False, 0.2)  # one too many would come now
    if len(arrivals) != count:
        raise Failure(f"alert {number} arrived {len(arrivals)} times at {count} clients; lost: {clients.lost[:1]}")
    late = sorted((arrived - published) / 1e6 for arrived in arrivals)
    return {
        "first_ms": late[0],
        "p50_ms": statistics.median(late),
        "p99_ms": late[int(len(late) * 0.99)],
        "all_ms": late[-1],
        "read_by_this_tool_ms": (all_read - published) / 1e6,
    }


def mebibytes(size):
    return f"{size / 2**20:.1f} MiB"


def measure(options):
    count = options.clients
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="idle-sockets-"))
        redis = stack.enter_context(RedisServer(folder, options.redis_by))
        # By default one address may have fewer connections than --per-address may ask for.
        more = ("--max-connections", count + SPARE_FILES, "--max-connections-per-peer", count + SPARE_FILES)
        hub = stack.enter_context(start_hub(options, redis, folder, 0, nofile=count + SPARE_FILES, more=more))
        clients = stack.enter_context(Clients(hub.host, hub.port, "/ws", options.per_address))
        # A few first, so that what is made once for all clients is not counted as theirs.
        clients.open_many(5)
        hub.wait_for(lambda: subscribers(redis) or None, f"subscribing to {CHANNEL}")
        broadcast(redis, clients, 0, 10)
        figures = {"clients": count, "rss_before": settled_rss(hub, clients)}

        began = time.monotonic()
        clients.open_many(count - 5)
        figures["open_s"] = time.monotonic() - began
        figures["rss_idle"] = settled_rss(hub, clients)
        figures["idle_cpu"] = idle_cpu(hub, clients, options.idle)
        figures["subscriptions"] = subscribers(redis)
        figures["alerts"] = [broadcast(redis, clients, n, 60) for n in range(1, options.alerts + 1)]
        figures["rss_alerts"] = settled_rss(hub, clients)
        figures["pings"] = clients.pings
        figures["kernel_times"] = clients.kernel_times
        if clients.lost:
            raise Failure(f"{len(clients.lost)} clients were lost, the first: {clients.lost[0]}")
        clients.close()
        figures["rss_after"] = settled_rss(hub, clients)
        clients.open_many(count)
        figures["rss_again"] = settled_rss(hub, clients)
    opened_later = count - 5
    figures["bytes_per_client_idle"] = (figures["rss_idle"] - figures["rss_before"]) / opened_later
    figures["bytes_per_client_alerts"] = (figures["rss_alerts"] - figures["rss_before"]) / opened_later
    return figures


def idle_cpu(hub, clients, seconds):
    """CPU of the hub with all clients connected and silent, in percent of one core; pings are part of it."""
    before, began = hub.cpu(), time.monotonic()
    clients.run_until(lambda: False, seconds)
    return (hub.cpu() - before) / (time.monotonic() - began) * 100


def tell(figures):
    print(
        f"{figures['clients']} WebSocket clients, opened in {figures['open_s']:.1f} s,"
        f" {figures['subscriptions']} Redis subscription(s) to '{CHANNEL}' for all of them"
    )
    idle, alerts = figures["bytes_per_client_idle"], figures["bytes_per_client_alerts"]
    print(f"hub RSS with 5 clients         {mebibytes(figures['rss_before']):>12}")
    print(f"hub RSS with all, idle         {mebibytes(figures['rss_idle']):>12}  {idle:8.0f} bytes a client")
    print(f"hub RSS with all, after alerts {mebibytes(figures['rss_alerts']):>12}  {alerts:8.0f} bytes a client")
    print(f"hub RSS after all left         {mebibytes(figures['rss_after']):>12}")
    print(f"hub RSS when as many came anew {mebibytes(figures['rss_again']):>12}")
    print(f"hub CPU while all are idle     {figures['idle_cpu']:10.1f} %  of one core, {figures['pings']} pings so far")
    clock = "the kernel's time of arrival" if figures["kernel_times"] else "this tool's time of reading"
    print(f"one alert to all, from before PUBLISH to {clock}, ms:")
    print(f"{'alert':>7} {'first':>9} {'p50':>9} {'p99':>9} {'all':>9}   {'all read by this tool':>22}")
    for number, took in enumerate(figures["alerts"], 1):
        print(
            f"{number:7} {took['first_ms']:9.2f} {took['p50_ms']:9.2f} {took['p99_ms']:9.2f} {took['all_ms']:9.2f}"
            f"   {took['read_by_this_tool_ms']:22.2f}"
        )
    print(f"median until all had it: {statistics.median(took['all_ms'] for took in figures['alerts']):.2f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_server_options(parser)
    parser.add_argument("--clients", type=positive, default=10_000, help="how many (default 10000)")
    parser.add_argument("--alerts", type=positive, default=5, help="alerts published, one at a time (default 5)")
    parser.add_argument("--idle", type=positive, default=5, metavar="SECONDS", help="to watch the idle hub (default 5)")
    addresses = "clients from one source address 127.0.x.y before the next is taken (default 1000)"
    parser.add_argument("--per-address", type=positive, default=1000, metavar="N", help=addresses)
    options = parser.parse_args()
    if options.quick:
        options.clients, options.alerts, options.idle = 200, 2, 1
    if options.clients < 6:
        parser.error("--clients must be at least 6: five are connected before the rest are measured")
    raise_nofile(options.clients + SPARE_FILES)
    figures = measure(options)
    tell(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    run_main(main)
