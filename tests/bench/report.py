"""Reads FOLDER/report.json, as measure.py has written it, and says what it means: on stdout and in FOLDER/report.md.

    report.py FOLDER

Every comparison is by pairs: two servers in the same round, a few seconds apart. What is told of the ratios of all rounds is
the median, and behind it the least and the greatest.
"""

import json
import os
import statistics
import sys

LOADS = {
    "keep 1": "kept, 1",
    "keep 8": "kept, 8",
    "keep 64": "kept, 64",
    "keep 256": "kept, 256",
    "new 1": "new, 1",
    "new 32": "new, 32",
}
MIB = 1 << 20


def median(values):
    return statistics.median(values)


class Ratio:
    """probeserver over another server, round by round."""

    def __init__(self, ours, theirs):
        ratios = [a / b for a, b in zip(ours, theirs)]
        self.middle, self.least, self.most = median(ratios), min(ratios), max(ratios)

    def __str__(self):
        return f"{self.middle:.2f} ({self.least:.2f} to {self.most:.2f})"

    def undecided(self, limit=1.0):
        return self.least < limit < self.most

    def verdict(self, limit, at_most):
        good = self.middle <= limit if at_most else self.middle >= limit
        return ("met" if good else "missed") + (", within the noise" if self.undecided(limit) else "")


def table(head, rows):
    """As Markdown that can be read as it is, too."""
    rows = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def count(figure):
    return f"{figure:,.0f}"


def mib(figure):
    return "" if figure is None else f"{figure / MIB:.2f}"


class Report:
    def __init__(self, data):
        self.data = data
        self.names = list(data["servers"])
        self.others = [name for name in self.names if name != "probeserver"]
        self.go = [name for name in self.names if data["servers"][name]["kind"] == "go"]

    def figures(self, load, name, key):
        return [row[key] for row in self.data["loads"][load][name]]

    def ratio(self, load, name, key, ours="probeserver"):
        return Ratio(self.figures(load, ours, key), self.figures(load, name, key))

    def by_load(self, cell):
        """A row for each server, a column for each load."""
        return table(["", *LOADS.values()], [[name, *(cell(load, name) for load in LOADS)] for name in self.names])

    def start(self, name, which="starts"):
        """Exec to the first octet of an answer."""
        return [answered for _, answered in self.data[which][name]]

    def head(self):
        data, machine = self.data, self.data["machine"]
        servers = "\n".join(
            f"* {name} {server['version']}: {server['note']}; `GET {server['path']}`".replace(" :", ":") for name, server in data["servers"].items()
        )
        lines = [
            "# probeserver and its peers",
            f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['kernel']}. {data['rounds']} rounds of "
            f"{data['seconds']} s for each server and load, all servers in turn in each round; {len(self.start('probeserver'))} starts; "
            f"{data['took'] / 60:.1f} minutes in all. The load generator (one thread, tests/bench/load.c) runs on the same machine, over loopback.",
            f"Other programs used {machine['others_share']:.0%} of the cores meanwhile, the host took {machine['steal_share']:.0%}; "
            f"load average {machine['load_average']:.1f} before and {machine['load_average_after']:.1f} after."
            + (" **The machine was not idle: take requests/s, latencies and starts for what they are.**" if machine["others_share"] > 0.05 else ""),
            servers,
        ]
        if data["missing"]:
            lines.append(f"Left out, since not built or installed: {', '.join(data['missing'])}.")
        failed = [
            f"{name} {row['failed']} ({LOADS[load]})" for load in LOADS for name in self.names for row in data["loads"][load][name] if row["failed"]
        ]
        lines.append(f"**Answers that were none: {'; '.join(failed)}.**" if failed else "Every request of every server was answered with 200.")
        return lines

    def speed(self):
        middle = lambda key: lambda load, name: count(median(self.figures(load, name, key)))  # noqa: E731
        return [
            "## Requests per second, median of the rounds",
            "Columns: connections kept for all requests, or a new one for each request, and how many at once.",
            self.by_load(middle("rps")),
            "## CPU time of the server for a request, microseconds, median",
            self.by_load(lambda load, name: f"{median(self.figures(load, name, 'cpu_us')):.1f}"),
            "## Latency: p50 / p99 / p99.9, microseconds, median",
            self.by_load(lambda load, name: " / ".join(count(median(self.figures(load, name, key))) for key in ("p50_us", "p99_us", "p999_us"))),
        ]

    def ratios(self):
        lines = []
        for key, title, better in (("rps", "Requests/s", "above"), ("cpu_us", "CPU time for a request", "below")):
            lines.append(f"## {title}: probeserver over each, paired; {better} 1 is better")
            lines.append(table(["", *LOADS.values()], [[name, *(self.ratio(load, name, key) for load in LOADS)] for name in self.others]))
            unclear = {name: [LOADS[load] for load in LOADS if self.ratio(load, name, key).undecided()] for name in self.others}
            for name, where in unclear.items():
                if where:
                    lines.append(f"* {title}, {name}: the noise is larger than the difference at {'; '.join(where)}.")
            if not any(unclear.values()):
                lines.append(f"* {title}: every difference is larger than the noise.")
        return lines

    def footprint(self):
        data = self.data
        rows = []
        for name in self.names:
            idle, sizes, connections = data["idle"][name], data["sizes"][name], data["connections"][name]
            with_stacks = lambda row: row and row["rss"] + row["kernel_stacks"]  # noqa: E731
            rows.append([
                name,
                f"{median(self.start(name)):,.0f}",
                f"{Ratio(self.start('probeserver'), self.start(name)).middle:.3f}",
                mib(idle["pss"]),
                *(mib(with_stacks(connections[n])) for n in ("1000", "5000", "10000")),
                mib(sizes["program"]),
                mib(sizes["libraries"]) if sizes["libraries"] else "",
            ])
        head = ["", "start, us", "ours / it", "idle PSS", "1000", "5000", "10,000", "program", "libraries"]
        image = data["image"]
        return [
            "## Start, memory, size",
            "start: exec to the first octet of an answer, median. Memory and sizes in MiB: PSS idle; RSS with so many idle connections, each after "
            "one request, and 16 KiB for the kernel's stack of each thread (the kernel's memory for sockets, the same for all, is not in it; the RSS of "
            "several processes counts shared pages more than once). Where nothing stands it did not hold them all: it had closed some by then.",
            table(head, rows),
            f"Image archive of probeserver: {count(image)} bytes." if image else "No image was built (scripts/image).",
        ]

    def best_go(self, load, key):
        """The peer in Go that probeserver does worst against there, by the median of the pairs."""
        worst = max if key == "cpu_us" else min
        return worst(self.go, key=lambda name: self.ratio(load, name, key).middle)

    def targets(self):
        rows = []

        def add(what, limit, at_most, ratio, than, floor=""):
            rows.append([what, f"{'at most' if at_most else 'at least'} {limit}", str(ratio), than, floor, ratio.verdict(limit, at_most)])

        def floor(load, name, key):
            return str(self.ratio(load, name, key, "epoll")) if "epoll" in self.names else ""

        for name in ("nginx", "lighttpd"):
            if name in self.names:
                for load in LOADS:
                    add(f"CPU, {LOADS[load]}", 0.95, True, self.ratio(load, name, "cpu_us"), name, floor(load, name, "cpu_us"))
        if "epoll" in self.names:
            for load in ("keep 8", "keep 64", "keep 256"):
                add(f"CPU, {LOADS[load]}", 1.15, True, self.ratio(load, "epoll", "cpu_us"), "epoll")
        if self.go:
            for load in ("keep 8", "keep 64", "keep 256", "new 1", "new 32"):
                best = self.best_go(load, "cpu_us")
                add(f"CPU, {LOADS[load]}", 0.5, True, self.ratio(load, best, "cpu_us"), best, floor(load, best, "cpu_us"))
        if "nginx" in self.names:
            for load in ("keep 8", "keep 64", "keep 256"):
                add(f"requests/s, {LOADS[load]}", 1, False, self.ratio(load, "nginx", "rps"), "nginx", floor(load, "nginx", "rps"))
        for name in ("nginx", *self.go):
            if name in self.names:
                add("p99, kept, 64", 1, True, self.ratio("keep 64", name, "p99_us"), name, floor("keep 64", name, "p99_us"))
        if "epoll" in self.names:
            # With the others' starts in between, little of either is in the processor's caches.
            for which, between in (("pair", "these two in turn"), ("starts", "the others in between")):
                ours, floor = self.start("probeserver", which=which), self.start("epoll", which=which)
                # 200 single starts differ too much to be told apart; the middle half of the ratios says how sure the median is.
                ratio = Ratio(ours, floor)
                ratio.least, _, ratio.most = statistics.quantiles([a / b for a, b in zip(ours, floor)], n=4)
                add(f"exec to first answer, {between} (middle half)", 1.35, True, ratio, "epoll")
        full = self.data["connections"]["probeserver"]["10000"]
        idle = self.data["connections"]["probeserver"]["0"]
        if full:
            good = full["rss"] <= 6 * MIB and full["threads"] == idle["threads"]
            rows.append(["RSS, 10,000 idle connections", "at most 6 MiB, no thread each", f"{mib(full['rss'])} MiB, {full['threads']} threads", "", "", "met" if good else "missed"])
        else:
            rows.append(["RSS, 10,000 idle connections", "at most 6 MiB", "not held", "", "", "missed"])
        return [
            "## Targets",
            "The ratio of probeserver to the server named, which is the peer in Go that does best there where the target is about those. \"Within the noise\": "
            "some rounds say otherwise. The ratio of the C epoll server to the same one says how far a server can come on this machine that "
            "parses nothing.",
            table(["what", "target", "ratio", "to", "C epoll server to it", ""], rows),
        ]


def main():
    with open(os.path.join(sys.argv[1], "report.json")) as file:
        report = Report(json.load(file))
    parts = [*report.head(), *report.speed(), *report.ratios(), *report.footprint(), *report.targets()]
    text = ""
    for part in parts:
        # Items of one list stand together.
        text += ("\n" if text and not (part.startswith("* ") and text.rstrip("\n").split("\n")[-1].startswith("* ")) else "") + part + "\n"
    print(text, end="")
    with open(os.path.join(sys.argv[1], "report.md"), "w") as file:
        file.write(text)


main()
