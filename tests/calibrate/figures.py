"""What was observed, as figures: the same ones that `probeserver forecast --format json` tells, each with a value for every pod.

A value is (seconds, give): `give` is how far off it may be, where only Kubernetes' whole seconds tell of a moment. The moments of a
program are those of its own log, the moments of the API those at which a watch brought them, some milliseconds late.
"""

import datetime
import re

PROBES = {"/startupz": "startup", "/livez": "liveness", "/readyz": "readiness"}
BLINK = 0.5
CHECKS = {"startup": "startup", "live": "liveness", "ready": "readiness"}
EVENT = {"startup": "startup_probe", "liveness": "liveness_probe", "readiness": "readiness_probe"}


def moment(text):
    """Seconds since 1970 of an RFC 3339 time, with or without a fraction."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def fields(line):
    return {key: value.strip('"') for key, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line)}


class Run:
    """One life of a container, by its log."""

    def __init__(self, lines):
        self.lines = [each for each in map(fields, lines) if "time" in each and "event" in each]
        for each in self.lines:
            each["at"] = moment(each["time"])
        self.start = self.lines[0]["at"]
        self.listening = next((each["at"] for each in self.lines if each["event"] == "listening"), None)
        self.checks = [(each["at"], probe_of(each), each.get("status", "-")) for each in self.lines if each["event"] == "request" and probe_of(each)]
        self.end, self.give, self.exit, self.reason = None, 0.0, None, None

    def ended(self, terminated):
        """By the status of the API; when it ended by itself, the last line of the log is the better clock."""
        self.exit, self.reason = terminated["exitCode"], terminated.get("reason")
        self.end, self.give = moment(terminated["finishedAt"]) + 0.5, 0.5
        last = self.lines[-1]
        if last["event"] != "request" and abs(last["at"] - self.end) < 1.5 and last["event"] not in ("draining", "listening"):
            self.end, self.give = last["at"], 0.0


def probe_of(line):
    name = line.get("probe", "")
    if name in EVENT:
        return name
    if "check" in line:
        return CHECKS.get(line["check"])
    return PROBES.get(line.get("path", "").split("?")[0])


class Pod:
    def __init__(self, pod, container, manifest):
        self.unlogged = {kind for kind in EVENT if re.search(kind + r"Probe:\s+tcpSocket", manifest)}
        self.timeouts = {kind: int(seconds) for kind, seconds in re.findall(r"(\w+)Probe:(?:\n {10,}.*)*?\n +timeoutSeconds: (\d+)", manifest)}
        self.raw, self.created, self.container = pod, pod["created"], container
        self.statuses, self.events, self.slice = pod["statuses"], pod["events"], pod["slice"]
        self.runs = [run for run in map(Run, (lines for lines in pod["logs"].get(container, []) if usable(lines)))]
        self.runs.sort(key=lambda run: run.start)
        ends = {}
        for _, status in self.statuses:
            each = status["containers"].get(container, {})
            for state in (each.get("state"), each.get("last")):
                if state and state["is"] == "terminated" and state.get("startedAt"):
                    ends[(state["startedAt"], state["finishedAt"])] = state
        for state in ends.values():
            near = [run for run in self.runs if -0.1 < run.start - moment(state["startedAt"]) < 1.9 or abs(run.start - moment(state["startedAt"])) < 0.1]
            if near:
                min(near, key=lambda run: abs(run.start - moment(state["startedAt"]) - 0.5)).ended(state)

    def first(self, test, after=0.0):
        """When a status first passed, seconds since 1970."""
        return next((at for at, status in self.statuses if at >= after and test(status)), None)

    def at(self, moment):
        """The first entry of that moment in which the pod is ready; another of the same millisecond may come before it."""
        return next(entry for entry in self.statuses if entry[0] == moment and entry[1]["ready"])

    def own(self, status):
        return status["containers"].get(self.container, {})

    def state(self, status):
        return self.own(status).get("state") or {}

    def first_event(self, pattern, after=0.0):
        return next((at for at, reason, message, _ in self.events if at >= after and re.search(pattern, f"{reason}: {message}")), None)

    def first_probe(self, kind):
        """Answered, so in the log; or not, so in an event; a connection that is made and closed is in neither."""
        if kind in self.unlogged:
            return None
        seen = [at for run in self.runs for at, which, _ in run.checks if which == kind][:1]
        failed = f"^Unhealthy: {kind.capitalize()} probe (failed|errored)"
        told = self.first_event(failed)
        # What was not answered is told of when the time for it is up.
        if told and told == self.first_event(failed + ".*(timeout|deadline exceeded)"):
            told -= self.timeouts.get(kind, 1)
        return min([*seen, *([told] if told else [])], default=None)

    def failing(self, kind):
        """The first failed probe after a success. A tcpSocket probe's successes leave no trace, so all of them count there."""
        good = next((at for run in self.runs for at, which, status in run.checks if which == kind and status[:1] in "23"), None)
        if kind in self.unlogged:
            good = self.first(lambda s: s["ready"] or self.own(s).get("started"))
        if good is None:
            return None
        bad = [at for run in self.runs for at, which, status in run.checks if which == kind and at > good and status[:1] in "45"][:1]
        told = self.first_event(f"^Unhealthy: {kind.capitalize()} probe failed", good)
        return min([*bad, *([told] if told else [])], default=None)

    def out_of_service(self, after):
        """When it left the slice. What is back after a blink (a restart whose first probe passes) the nodes' rules need not have seen."""
        for (at, now), (then, later) in zip(self.slice, [*self.slice[1:], (float("inf"), None)]):
            if at > after and not (now and now["ready"]) and not (later and later["ready"] and then - at < BLINK):
                return at
        return None

    def events_of_life(self):
        """What SPEC calls the first time of each."""
        ready = self.first(lambda s: s["ready"])
        in_service = next((at for at, each in self.slice if each and each["ready"]), None)
        run = self.runs[0] if self.runs else None
        life = {
            "created": self.created,
            "container_started": run and run.start,
            "listening": next((run.listening for run in self.runs if run.listening), None),
            **{name: self.first_probe(kind) for kind, name in EVENT.items()},
            "started": self.first(lambda s: self.own(s).get("started")),
            "ready": ready,
            "in_service": in_service,
            **{f"failing ({kind})": self.failing(kind) for kind in ("liveness", "readiness")},
            **{f"killed ({kind})": self.first_event(f"^Killing: .*failed {kind} probe") for kind in ("startup", "liveness")},
            "ended": (run.end, run.give) if run and run.end else None,
            "restarted": self.runs[1].start if len(self.runs) > 1 else None,
            "crash_loop": self.first(lambda s: self.state(s).get("reason") == "CrashLoopBackOff"),
            "not_ready": ready and next((at for at, s in self.statuses[self.statuses.index(self.at(ready)) :] if not s["ready"]), None),
            "out_of_service": in_service and self.out_of_service(in_service),
            "succeeded": self.first(lambda s: s["phase"] == "Succeeded"),
            "failed": self.first(lambda s: s["phase"] == "Failed"),
        }
        return {name: value if isinstance(value, tuple) else (value, 0.0) for name, value in life.items() if value is not None}

    def word(self, at):
        """What `kubectl get pods` says at a moment, for a pod of one container."""
        now = next((status for seen, status in reversed(self.statuses) if seen <= at), None)
        if now is None:
            return "Pending"
        if now["deleted"] and now["phase"] not in ("Succeeded", "Failed"):
            return "Terminating"
        state = self.state(now)
        return {"running": "Running"}.get(state.get("is")) or state.get("reason") or now["phase"]

    def by(self, run):
        """Who ended a run: itself, unless it was sent a signal; then the probe that the kubelet's event nearest to it names."""
        if not any("signal" in line or line.get("reason", "").startswith("SIGTERM") for line in run.lines):
            return "itself"
        told = [(abs(at - run.end), found.group(1)) for at, reason, message, _ in self.events if reason == "Killing" and (found := re.search("failed (liveness|startup) probe", message))]
        return min(told, default=(0, "deletion"))[1]


def usable(lines):
    return lines and lines[0].startswith("time=")


def main_container(observation):
    """The first regular one: a status lists init containers first, and they are the ones with a state of their own kind."""
    names = re.findall(r"^      containers:\n      - name: (\S+)", observation["manifest"], re.M)
    return names[0]


def figures(observation, span):
    """{figure: {"values": [(seconds, give)], "of": pods, "words": {...}}}, only what lies within `span` of a pod's creation."""
    container = main_container(observation)
    first_of = {}
    for raw in sorted(observation["pods"], key=lambda pod: pod["created"]):
        updated = observation["acts"].get(raw["instance"], {}).get("updated", float("inf"))
        if raw["created"] < updated:
            first_of.setdefault(raw["instance"], []).append(raw)
    is_deleted = any("deleted" in act for act in observation["acts"].values())
    # A deleted pod's successor is none of the scenario's.
    pods = [Pod(raw, container, observation["manifest"]) for found in first_of.values() for raw in (found[:1] if is_deleted else found)]
    out = {}

    def add(figure, value, give=0.0):
        out.setdefault(figure, {"values": [], "of": len(pods)})["values"].append((round(value, 3), give))

    # What becomes of a pod that is replaced or deleted is told by figures of their own.
    span = min([span, *(act[what] - act["applied"] - 1 for act in observation["acts"].values() for what in ("updated", "deleted") if what in act)])
    for pod in pods:
        for what, (at, give) in pod.events_of_life().items():
            if at - pod.created <= span and what != "created":
                add(what, at - pod.created, give)
        for n, (run, following) in enumerate(zip(pod.runs, pod.runs[1:]), 1):
            if run.end is None or following.start - pod.created > span:
                continue
            add(f"restart {n}: at", following.start - pod.created)
            add(f"restart {n}: life", run.end - run.start, run.give)
            add(f"restart {n}: pause", following.start - run.end, run.give)
            out[f"restart {n}: at"].setdefault("words", []).append(f"{run.exit} {run.reason}, by {pod.by(run)}")
        for at in (10, 30, 60, 120, 300):
            if at <= span:
                out.setdefault(f"status at {at}", {"values": [], "words": [], "of": len(pods)})["words"].append(pod.word(pod.created + at))
        deleted = observation["acts"].get(pod.raw["instance"], {}).get("deleted")
        if deleted:
            run = pod.runs[-1] if pod.runs else None
            if run and run.end:
                add("deletion: ended", run.end - deleted, run.give)
                out["deletion: ended"].setdefault("words", []).append(f"{run.exit} {run.reason}")
            if "gone" in pod.raw:
                add("deletion: gone", pod.raw["gone"] - deleted)
    rollouts(observation, out)
    return out


def rollouts(observation, out):
    """From the change of the template until the controller calls it complete, and the fewest that were available meanwhile."""
    for instance, changes in observation["deployments"].items():
        start = observation["acts"].get(instance, {}).get("updated")
        if not start:
            continue
        complete = out.setdefault("rollout: complete", {"values": [], "of": len(observation["deployments"])})
        done = next((at for at, status in changes if at > start and is_complete(status)), None)
        if done:
            complete["values"].append((round(done - start, 3), 0.0))
            fewest = out.setdefault("rollout: fewest available", {"values": [], "of": complete["of"]})
            fewest["values"].append((min(status["availableReplicas"] for at, status in changes if start <= at <= done), 0.0))


def is_complete(status):
    wanted = status["wanted"]
    return status["observedGeneration"] == status["generation"] and status["updatedReplicas"] == status["replicas"] == status["availableReplicas"] == wanted
