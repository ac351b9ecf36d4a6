"""Measures the servers of servers.py, all in turn in each round, so that whatever else the machine does hits all alike, and
writes what it saw to FOLDER/report.json. scripts/bench runs it; report.py makes sense of the figures.

    measure.py FOLDER ROUNDS SECONDS STARTS
"""

import datetime
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time

import servers
from servers import BUILT, Client, every, free_port

LOADS = [("keep", 1), ("keep", 8), ("keep", 64), ("keep", 256), ("new", 1), ("new", 32)]
IDLE = (1000, 5000, 10_000)


def note(text):
    print(text, file=sys.stderr, flush=True)


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"(?m)^model name\s*: (.*)$", file.read())
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_average": os.getloadavg()[0],
    }


def busy_seconds():
    """What all cores together have spent on anything at all, and what the host took from them, since the start of the machine."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, irq, soft, steal = map(int, file.readline().split()[1:9])
    tick = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + soft) / tick, steal / tick


def load(server, mode, connections, seconds):
    command = [os.path.join(BUILT, "load"), str(server.port), server.path, str(connections), str(seconds), mode]
    text = subprocess.run([*command, *map(str, server.pids())], check=True, capture_output=True, text=True).stdout
    figures = json.loads(text)
    requests = figures["requests"]
    if not requests:
        raise SystemExit(f"{server.name} answered nothing: {text}")
    return {
        "rps": requests / figures["seconds"],
        "cpu_us": figures["cpu_us"] / requests,
        **{key: figures[key] for key in ("p50_us", "p99_us", "p999_us", "failed", "reconnected")},
        "busy_us": figures["cpu_us"] + figures["client_cpu_us"],
        "seconds": figures["seconds"],
    }


def loads(folder, contestants, rounds, seconds):
    """{load: {server: [figures of each round]}}"""
    result = {f"{mode} {connections}": {s.name: [] for s in contestants} for mode, connections in LOADS}
    kept = {s.name: s.start(folder) for s in contestants}
    # A second copy, where the server has to be told that connections are for one request.
    fresh = {s.name: type(s)().start(folder, fresh=True) if s.fresh_environment else kept[s.name] for s in contestants}
    for number in range(rounds):
        note(f"round {number + 1} of {rounds}")
        order = contestants[number % len(contestants) :] + contestants[: number % len(contestants)]
        for mode, connections in LOADS:
            for server in order if number % 2 == 0 else order[::-1]:
                running = (fresh if mode == "new" else kept)[server.name]
                result[f"{mode} {connections}"][server.name].append(load(running, mode, connections, seconds))
    servers.stop_all()
    return result


def idle_memory(folder, contestants):
    """Of each, a second and a half after its first answer."""
    running = [type(s)().start(folder) for s in contestants]
    time.sleep(1.5)
    result = {s.name: s.memory() for s in running}
    servers.stop_all()
    return result


def idle_connections(folder, contestants):
    """Memory with so many connections open, each of which has asked once; null where the server has closed some of them."""
    result = {}
    for contestant in contestants:
        server = type(contestant)().start(folder, connections=IDLE[-1] + 500)
        clients, rows = [], {}
        try:
            time.sleep(0.5)
            rows["0"] = server.memory()
            for number in IDLE:
                while len(clients) < number:
                    clients.append(Client(server))
                    clients[-1].ask()
                time.sleep(0.3)
                rows[str(number)] = server.memory() if all(c.silent() for c in clients) else None
        except OSError as error:
            note(f"{server.name}: {len(clients)} connections, then: {error}")
        finally:
            for client in clients:
                client.socket.close()
            server.stop()
        result[server.name] = {str(n): rows.get(str(n)) for n in (0, *IDLE)}
    return result


def starts(folder, contestants, runs):
    """{server: [[exec to accepted connection, exec to first octet of an answer], ...]}, microseconds."""
    words = []
    for server in contestants:
        port = free_port()
        # Those that learn it from PORT take what the harness says, the others need it in their arguments: the same for both.
        words += ["--"] * bool(words) + [f"{port}{server.path}", *server.command(port, folder, None)]
    text = subprocess.run([os.path.join(BUILT, "startup"), str(runs), *words], check=True, capture_output=True, text=True).stdout
    result = {s.name: [] for s in contestants}
    for line in text.splitlines():
        which, accepted, answered = line.split()
        result[contestants[int(which)].name].append([float(accepted), float(answered)])
    return result


def main():
    target, rounds, seconds, runs = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    if servers.most_files() < IDLE[-1] + 1000:
        raise SystemExit(f"the limit of open files (ulimit -Hn) is too low for {IDLE[-1]} connections")
    contestants = [s for s in every() if s.available()]
    began = time.monotonic()
    report = {
        "machine": machine(),
        "rounds": rounds,
        "seconds": seconds,
        "missing": [s.name for s in every() if not s.available()],
        "servers": {s.name: {"kind": s.kind, "note": s.note, "path": s.path, "version": s.version()} for s in contestants},
    }
    with tempfile.TemporaryDirectory() as folder:
        busy, steal = busy_seconds()
        loads_began = time.monotonic()
        report["loads"] = loads(folder, contestants, rounds, seconds)
        took = time.monotonic() - loads_began
        busy, steal = (after - before for after, before in zip(busy_seconds(), (busy, steal)))
        # The servers and the load generator while measured; the rest of a round is short.
        ours = sum(run["busy_us"] for rows in report["loads"].values() for runs_ in rows.values() for run in runs_) / 1e6
        own = resource.getrusage(resource.RUSAGE_SELF)
        others = max(0.0, busy - ours - own.ru_utime - own.ru_stime)
        report["machine"] |= {"others_share": others / (took * os.cpu_count()), "steal_share": steal / (took * os.cpu_count())}
        note("starts")
        report["starts"] = starts(folder, contestants, runs)
        report["pair"] = starts(folder, [s for s in contestants if s.name in ("probeserver", "epoll")], runs)
        note("idle memory")
        report["idle"] = idle_memory(folder, contestants)
        note("idle connections")
        report["connections"] = idle_connections(folder, contestants)
    report["sizes"] = {s.name: dict(zip(("program", "libraries"), s.size())) for s in contestants}
    archive = os.path.join(servers.TARGET, "dist", "probeserver.oci.tar")
    report["image"] = os.path.getsize(archive) if os.path.exists(archive) else None
    report["machine"]["load_average_after"] = os.getloadavg()[0]
    report["took"] = time.monotonic() - began
    with open(os.path.join(target, "report.json"), "w") as file:
        json.dump(report, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
