"""This build beside another one of probeserver: CPU time for a request and requests a second, in pairs, each round in the other order.

    against.py OTHER FOLDER ROUNDS SECONDS
"""

import os
import statistics
import sys

import servers
from measure import LOADS, load
from servers import Probeserver


class Other(Probeserver):
    name = "other"

    def command(self, port, folder, connections):
        return [os.path.abspath(sys.argv[1])]


def main():
    folder, rounds, seconds = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    pair = Probeserver(), Other()
    ratios = {}
    try:
        for server in pair:
            server.start(folder)
        for number in range(rounds):
            for mode, connections in LOADS:
                order = pair if number % 2 else pair[::-1]
                seen = {server.name: load(server, mode, connections, seconds) for server in order}
                ours, other = seen["probeserver"], seen["other"]
                ratios.setdefault((mode, connections), []).append((ours["cpu_us"] / other["cpu_us"], ours["rps"] / other["rps"]))
    finally:
        servers.stop_all()
    print(f"medians of {rounds} pairs; this build over {sys.argv[1]}")
    for (mode, connections), pairs in ratios.items():
        cpu, rate = map(statistics.median, zip(*pairs))
        print(f"{mode:>4} {connections:>3} connections: {cpu:.3f} of the CPU for a request, {rate:.3f} of the requests a second")


if __name__ == "__main__":
    main()
