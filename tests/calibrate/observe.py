"""What really happens: runs one scenario on the cluster, and writes down every change with the moment at which it was seen.

Each pod of a scenario is one instance of its manifest, with a name and a label of its own, created one after the other, since a
kubelet that starts ten pods at once starts each of them later. Nothing is judged here; what is written down is figures.py's matter.
"""

import contextlib
import copy
import json
import os
import queue
import re
import subprocess
import threading
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
PATHS = {"Deployment": "/apis/apps/v1/namespaces/%s/deployments", "Service": "/api/v1/namespaces/%s/services", "Pod": "/api/v1/namespaces/%s/pods"}


def seconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(s|m)", text).groups()
    return float(number) * {"s": 1, "m": 60}[unit]


class Scenario:
    """A manifest of this folder. Its second line says how many pods, for how long, and what is done to them meanwhile."""

    def __init__(self, name, manifest=None):
        self.name, self.file, self.manifest = name, os.path.join(FOLDER, name + ".yaml"), manifest
        if manifest is None:
            with open(self.file, encoding="utf-8") as file:
                self.manifest = file.read()
        first, second = self.manifest.splitlines()[:2]
        self.title = first.removeprefix("# ")
        words = second.removeprefix("# calibrate: ").split()
        self.is_quick = "quick" in words
        options = dict(word.split("=") for word in words if "=" in word)
        self.pods, self.span = int(options["pods"]), seconds(options["for"])
        self.delete_at = seconds(options["delete-at"]) if "delete-at" in options else None
        self.update_at = seconds(options["update-at"]) if "update-at" in options else None


def scenarios():
    return [Scenario(file[: -len(".yaml")]) for file in sorted(os.listdir(FOLDER)) if file.endswith(".yaml")]


def namespace_of(scenario):
    return "calibrate-" + scenario.name


class Pace:
    """All that starts pods waits here, so that the nodes never have many to start at once."""

    def __init__(self, gap):
        self.gap, self.next, self.lock = gap, 0.0, threading.Lock()

    def wait(self, pods=1):
        with self.lock:
            at = max(time.time(), self.next)
            self.next = at + self.gap * pods
        time.sleep(max(0, at - time.time()))


class Observation:
    def __init__(self, cluster, scenario, pace):
        self.cluster, self.scenario, self.pace = cluster, scenario, pace
        self.namespace = namespace_of(scenario)
        self.pods, self.deployments, self.acts, self.load = {}, {}, {}, []
        self.lock, self.is_done, self.logs, self.wanted = threading.RLock(), False, queue.Queue(), set()

    # The changes, as they are seen.

    def pod_changed(self, at, change, pod):
        meta, status = pod["metadata"], pod.get("status", {})
        with self.lock:
            known = self.pods.setdefault(meta["uid"], {"name": meta["name"], "instance": meta["labels"].get("instance"), "created": at, "statuses": [], "events": [], "slice": [], "logs": {}})
            known["node"] = pod["spec"].get("nodeName")
            if change == "DELETED":
                known["gone"] = at
            containers = {}
            for each in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
                container = {"started": each.get("started"), "ready": each["ready"], "restarts": each["restartCount"], "state": brief(each.get("state")), "last": brief(each.get("lastState"))}
                containers[each["name"]] = container
                self.want_log(meta["uid"], each["name"], each.get("state", {}).get("terminated"), "")
                self.want_log(meta["uid"], each["name"], each.get("lastState", {}).get("terminated"), "&previous=true")
            ready = next((c["status"] == "True" for c in status.get("conditions", []) if c["type"] == "Ready"), False)
            now = {"phase": status.get("phase"), "ready": ready, "deleted": "deletionTimestamp" in meta, "containers": containers}
            if not known["statuses"] or known["statuses"][-1][1] != now:
                known["statuses"].append([round(at, 3), now])

    def event_seen(self, at, change, event):
        with self.lock:
            pod = self.pods.get(event["involvedObject"].get("uid"))
            if pod and change != "DELETED":
                pod["events"].append([round(at, 3), event["reason"], event.get("message", ""), event.get("count") or 1])

    def slice_changed(self, at, change, changed):
        endpoints = {} if change == "DELETED" else {e["targetRef"]["uid"]: e["conditions"] for e in changed.get("endpoints") or [] if "targetRef" in e}
        owner = changed["metadata"]["name"]
        with self.lock:
            for uid, pod in self.pods.items():
                now = endpoints.get(uid)
                if now:
                    pod["slice_name"] = owner
                elif pod.get("slice_name") != owner:
                    continue
                now = now and {key: bool(now.get(key)) for key in ("ready", "serving", "terminating")}
                if not pod["slice"] or pod["slice"][-1][1] != now:
                    pod["slice"].append([round(at, 3), now])

    def deployment_changed(self, at, _change, deployment):
        status = deployment.get("status", {})
        keys = ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        now = {key: status.get(key, 0) for key in keys} | {"generation": deployment["metadata"]["generation"], "wanted": deployment["spec"]["replicas"]}
        now["progressing"] = next((c.get("reason") for c in status.get("conditions", []) if c["type"] == "Progressing"), None)
        with self.lock:
            changes = self.deployments.setdefault(deployment["metadata"]["labels"]["instance"], [])
            if not changes or changes[-1][1] != now:
                changes.append([round(at, 3), now])

    # Logs: a run's log is fetched when it has ended, before the run after the next one takes its place.

    def want_log(self, uid, container, ended, which):
        if ended and ended.get("containerID") not in self.wanted:
            self.wanted.add(ended.get("containerID"))
            self.logs.put((uid, container, which))

    def want_logs(self, instance=None):
        """Those of the containers that run, of all pods or of one instance's."""
        with self.lock:
            for uid, pod in self.pods.items():
                if "gone" not in pod and instance in (None, pod["instance"]):
                    for container in pod["statuses"][-1][1]["containers"]:
                        self.logs.put((uid, container, ""))

    def fetch_logs(self):
        while (wanted := self.logs.get()) is not None:
            with contextlib.suppress(OSError):
                self.fetch_log(*wanted)

    def fetch_log(self, uid, container, which):
        pod = self.pods[uid]
        status, content = self.cluster.ask("GET", f"/api/v1/namespaces/{self.namespace}/pods/{pod['name']}/log?container={container}{which}")
        if status == 200:
            self.keep_log(pod, container, content.decode("utf-8", "replace").splitlines())

    def keep_log(self, pod, container, lines):
        with self.lock:
            runs = pod["logs"].setdefault(container, {})
            # A run is known by its first line; the longer text of two is the later one.
            if lines and len(lines) >= len(runs.get(lines[0], [])):
                runs[lines[0]] = lines

    def follow_log(self, pod, container):
        lines = []
        with contextlib.suppress(OSError):
            for line in self.cluster.stream(f"/api/v1/namespaces/{self.namespace}/pods/{pod['name']}/log?follow=true&container={container}"):
                lines.append(line.decode("utf-8", "replace").rstrip("\n"))
        self.keep_log(pod, container, lines)

    # The course of a scenario.

    def run(self):
        cluster, scenario = self.cluster, self.scenario
        # One of an earlier run may still be going.
        while cluster.ask("GET", f"/api/v1/namespaces/{self.namespace}")[0] != 404:
            time.sleep(1)
        cluster.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": {"app.kubernetes.io/managed-by": "calibrate"}}})
        try:
            # Without its account a namespace takes no pods.
            while cluster.ask("GET", f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default")[0] != 200:
                time.sleep(0.1)
            base = f"namespaces/{self.namespace}"
            for path, tell in (
                (f"/api/v1/{base}/pods", self.pod_changed),
                (f"/api/v1/{base}/events", self.event_seen),
                (f"/apis/discovery.k8s.io/v1/{base}/endpointslices", self.slice_changed),
                (f"/apis/apps/v1/{base}/deployments", self.deployment_changed),
            ):
                cluster.watch(path, tell, lambda: self.is_done)
            fetcher = threading.Thread(target=self.fetch_logs, daemon=True)
            fetcher.start()
            objects = decoded(scenario.file)
            replicas = next((o["spec"].get("replicas", 1) for o in objects if o["kind"] == "Deployment"), 1)
            threads = []
            for number in range(scenario.pods // replicas):
                self.pace.wait(replicas)
                instance = f"i{number:02d}"
                for each in sorted((instance_of(o, instance) for o in objects), key=lambda o: o["kind"] != "Service"):
                    cluster.create(PATHS[each["kind"]] % self.namespace, each)
                self.acts[instance] = {"applied": time.time()}
                threads.append(threading.Thread(target=self.act, args=(instance, replicas), daemon=True))
                threads[-1].start()
            for thread in threads:
                thread.join()
            self.want_logs()
            self.logs.put(None)
            fetcher.join()
            return self.saved()
        finally:
            self.is_done = True
            cluster.ask("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def act(self, instance, replicas):
        """What is done to one instance while time goes by."""
        scenario = self.scenario
        start = self.acts[instance]["applied"]
        until = lambda t: time.sleep(max(0, start + t - time.time()))
        if scenario.delete_at:
            until(scenario.delete_at - 2)
            with self.lock:
                pod = next(p for p in self.pods.values() if p["instance"] == instance)
                containers = list(pod["statuses"][-1][1]["containers"])
            for container in containers:
                threading.Thread(target=self.follow_log, args=(pod, container), daemon=True).start()
            until(scenario.delete_at)
            self.acts[instance]["deleted"] = time.time()
            self.cluster.ask("DELETE", f"/api/v1/namespaces/{self.namespace}/pods/{pod['name']}")
        if scenario.update_at:
            until(scenario.update_at - 2)
            self.want_logs(instance)
            until(scenario.update_at)
            self.pace.wait(replicas)
            self.acts[instance]["updated"] = time.time()
            template = {"spec": {"template": {"metadata": {"annotations": {"calibrate": "2"}}}}}
            self.cluster.ask("PATCH", f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{scenario.name}-{instance}", template, "application/strategic-merge-patch+json")
        while time.time() < start + scenario.span + 1.5:
            time.sleep(0.5)
            if instance == "i00":
                self.load.append(os.getloadavg()[0])

    def saved(self):
        with self.lock:
            pods = [dict(pod) for pod in self.pods.values()]
        for pod in pods:
            pod["logs"] = {container: sorted(runs.values(), key=lambda lines: lines[0]) for container, runs in pod["logs"].items()}
        load = sorted(self.load)
        return {
            "scenario": self.scenario.name, "manifest": self.scenario.manifest, "kubernetes": self.cluster.version,
            "load": {"median": load[len(load) // 2], "max": load[-1]} if load else None,
            "acts": self.acts, "pods": pods, "deployments": self.deployments,
        }


def brief(state):
    """running, waiting or terminated, with what figures need of it."""
    for word, more in (state or {}).items():
        return {"is": word} | {key: more[key] for key in ("reason", "exitCode", "startedAt", "finishedAt") if key in more}
    return None


def decoded(file):
    """The objects of a manifest, as kubectl reads it."""
    text = subprocess.run(["kubectl", "create", "--dry-run=client", "-o", "json", "-f", file], check=True, capture_output=True, text=True).stdout
    found, decoder = [], json.JSONDecoder()
    while text.strip():
        each, end = decoder.raw_decode(text.lstrip())
        text = text.lstrip()[end:]
        found += each["items"] if each["kind"] == "List" else [each]
    return found


def instance_of(manifest, instance):
    made = copy.deepcopy(manifest)
    made["metadata"]["name"] += "-" + instance
    made["metadata"].pop("namespace", None)
    made["metadata"].setdefault("labels", {})["instance"] = instance
    if made["kind"] == "Service":
        made["spec"]["selector"]["instance"] = instance
    elif made["kind"] == "Deployment":
        made["spec"]["selector"]["matchLabels"]["instance"] = instance
        made["spec"]["template"]["metadata"]["labels"]["instance"] = instance
    return made
