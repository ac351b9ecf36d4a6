"""Instructions that the binary spends on a request, outside the kernel, counted by valgrind on a fixed sequence of requests, and held to
tests/bench/budget.toml; exit 1 when one is passed. The same binary gives the same figures to a few in a thousand, however busy the
machine is. What the kernel does is not in them: tests/footprint counts the system calls.

    instructions.py BINARY
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

import servers
from servers import Client, Probeserver

KEPT = b"GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: kube-probe/1.31\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n"
LAST = KEPT.replace(b"keep-alive", b"close")
FEW, MANY = 100, 500


class Traced(Probeserver):
    """The server under callgrind."""

    def command(self, port, folder, connections):
        return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", "--error-exitcode=9", servers.BINARY]

    def end(self, folder):
        """Instructions from the start of the process to its end."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        servers.running.remove(self)
        with open(os.path.join(folder, f"{self.name}.log")) as file:
            log = file.read()
        if status != 0:
            raise SystemExit(f"it ended with {status} under valgrind:\n{log}")
        return int(re.search(r"Collected : (\d+)", log)[1])


def pipelined(server, path, requests):
    """Ten at a time: what a request costs in itself."""
    client = Client(server)
    for _ in range(requests // 10):
        client.ask(KEPT % path * 10, answers=10)


def kept(server, path, requests):
    """A pause after each, so that the connection is parked and taken up again: a client that keeps its connection."""
    client = Client(server)
    for _ in range(requests):
        client.ask(KEPT % path)
        time.sleep(0.003)


def fresh(server, path, requests):
    """A connection each: what kubelet does."""
    for _ in range(requests):
        client = Client(server)
        client.ask(LAST % path)
        client.socket.close()
        time.sleep(0.003)


CASES = {
    "pipelined /healthz": (pipelined, b"/healthz"),
    "pipelined /": (pipelined, b"/"),
    "kept /healthz": (kept, b"/healthz"),
    "new connection /healthz": (fresh, b"/healthz"),
}


def total(way, path, requests):
    with tempfile.TemporaryDirectory() as folder:
        server = Traced().start(folder)
        way(server, path, requests)
        return server.end(folder)


def main():
    servers.BINARY = sys.argv[1]
    with open(os.path.join(servers.ROOT, "tests", "bench", "budget.toml"), "rb") as file:
        budget = tomllib.load(file)["instructions"]
    past = 0
    figures = {"start, one request and stop": lambda: total(pipelined, b"/healthz", 0)}
    for name, (way, path) in CASES.items():
        figures[name] = lambda way=way, path=path: (total(way, path, MANY) - total(way, path, FEW)) / (MANY - FEW)
    for name, measure in figures.items():
        figure = measure()
        good = figure <= budget[name]
        past += not good
        print(f"{'ok' if good else 'not ok'} - instructions, {name}: {figure:,.0f} (at most {budget[name]:,})", flush=True)
    if past:
        raise SystemExit(f"tests/bench/instructions.py: {past} past the budget")


main()
