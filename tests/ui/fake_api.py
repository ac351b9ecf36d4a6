"""A small API server: list and watch of pods, EndpointSlices and events, Services, access reviews, and its proxy to pods. It holds
what a test puts there, and misbehaves on request: `break_next(kind, how)` for one answer, `refuse(kind, status)` for all."""

import contextlib
import datetime
import http.client
import http.server
import itertools
import json
import queue
import socket
import threading
import time
import urllib.parse

NAMESPACE = "demo"
KINDS = {"pods": "Pod", "endpointslices": "EndpointSlice", "events": "Event", "services": "Service", "deployments": "Deployment"}


def timestamp(seconds_ago=0.0):
    return datetime.datetime.fromtimestamp(time.time() - seconds_ago, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(name, *, ready=True, age=300, restarts=0, phase="Running", state=None, last=None, deleting=None, node="node-1", zone="zone-a", uid=None, started=None, labels=None, spec=None, owner=None):
    """A pod as the API has it. `state` is that of its container, running if None."""
    begun = timestamp(age if started is None else started)
    state = state or {"running": {"startedAt": begun}}
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": begun}
    prefix, _, tail = name.rpartition("-")
    labels = {"app": "web", "topology.kubernetes.io/zone": zone, **(labels or {})}
    metadata = {"name": name, "namespace": NAMESPACE, "uid": uid or "uid-" + name, "creationTimestamp": timestamp(age), "labels": labels}
    if len(tail) == 5 and "-" in prefix:
        metadata["labels"]["pod-template-hash"] = prefix.rpartition("-")[2]
        metadata["ownerReferences"] = [{"kind": "ReplicaSet", "name": prefix, "apiVersion": "apps/v1"}]
    if deleting is not None:
        metadata["deletionTimestamp"] = timestamp(-deleting)

    def probe(path, period, failures):
        return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": period, "timeoutSeconds": 1, "failureThreshold": failures, "successThreshold": 1}

    container = {
        "name": "probeserver", "image": "localhost/probeserver:dev", "ports": [{"name": "http", "containerPort": 8080}],
        "livenessProbe": probe("/livez", 10, 3), "readinessProbe": probe("/readyz", 5, 2),
    }
    status = {"name": "probeserver", "ready": ready, "started": "running" in state, "restartCount": restarts, "state": state, "lastState": {"terminated": last} if last else {}}
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"nodeName": node, "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "containers": [container], **(spec or {})},
        "status": {"phase": phase, "podIP": "10.0.0.1", "startTime": timestamp(age), "conditions": [condition], "containerStatuses": [status]},
    }


def terminated(code, ago, life=1, reason="Error", message=""):
    return {"exitCode": code, "reason": reason, "message": message, "startedAt": timestamp(ago + life), "finishedAt": timestamp(ago)}


def back_off(delay):
    return {"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off {delay} restarting failed container=probeserver pod=x"}}


class Api:
    def __init__(self, servers=()):
        self.servers = {server.name: server for server in servers}
        self.lock = threading.RLock()
        self.objects = {kind: {} for kind in KINDS}
        self.watchers = {kind: [] for kind in KINDS}
        self.version = itertools.count(1000)
        self.broken = {kind: [] for kind in KINDS}
        self.refused, self.denied = {}, set()
        self.turn = itertools.count()
        self.calls, self.forecasts, self.forecast = [], [], None
        self.listener = self.port = None
        self.start()
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": NAMESPACE},
                   "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}
        self.put("services", service)

    # --- its life
    def start(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def any(self):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    api.answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64
            open = set()

            def process_request(self, request, address):
                self.open.add(request)
                super().process_request(request, address)

            def handle_error(self, request, address):
                pass

        self.listener = Server(("127.0.0.1", self.port or 0), Handler)
        self.port = self.listener.server_port
        threading.Thread(target=self.listener.serve_forever, daemon=True, kwargs={"poll_interval": 0.05}).start()

    def stop(self):
        """The proxy is gone: nobody listens, and what was open is closed."""
        self.listener.shutdown()
        self.listener.server_close()
        for connection in list(self.listener.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.end_watches()

    def url(self, what="services/web:http"):
        return f"http://127.0.0.1:{self.port}/k8s/api/v1/namespaces/{NAMESPACE}/{what}/proxy/ui"

    # --- what it holds
    def put(self, kind, item):
        with self.lock:
            name = item["metadata"]["name"]
            type_ = "MODIFIED" if name in self.objects[kind] else "ADDED"
            item = json.loads(json.dumps(item))
            item["metadata"]["resourceVersion"] = str(next(self.version))
            self.objects[kind][name] = item
            self.tell(kind, type_, item)

    def delete(self, kind, name):
        with self.lock:
            item = self.objects[kind].pop(name, None)
            if item:
                item["metadata"]["resourceVersion"] = str(next(self.version))
                self.tell(kind, "DELETED", item)

    def put_pods(self, *items, serving=None):
        """Pods, and the slice that has those that are ready."""
        for item in items:
            self.put("pods", item)
        self.put_slice(serving)

    def put_slice(self, serving=None):
        with self.lock:
            endpoints = []
            for name, item in self.objects["pods"].items():
                ready = item["status"]["conditions"][0]["status"] == "True" if serving is None else name in serving
                terminating = "deletionTimestamp" in item["metadata"]
                endpoints.append({"targetRef": {"kind": "Pod", "name": name}, "conditions": {"ready": ready and not terminating, "serving": ready, "terminating": terminating}})
            self.put("endpointslices", {"metadata": {"name": "web-x", "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": "web"}}, "endpoints": endpoints})

    def event(self, pod_name, reason, message, *, count=1, type_="Normal", name=None, ago=0.0):
        name = name or f"{pod_name}.{reason}"
        self.put("events", {"metadata": {"name": name, "uid": "uid-" + name, "namespace": NAMESPACE, "creationTimestamp": timestamp(ago)},
                            "involvedObject": {"kind": "Pod", "name": pod_name, "uid": "uid-" + pod_name}, "reason": reason, "message": message,
                            "count": count, "type": type_, "lastTimestamp": timestamp(ago)})

    def tell(self, kind, type_, item):
        for watcher in self.watchers[kind]:
            watcher.put(json.dumps({"type": type_, "object": item}) + "\n")

    def say(self, kind, text):
        """Into every watch of that kind as it is; None ends them."""
        with self.lock:
            for watcher in self.watchers[kind]:
                watcher.put(text)

    def end_watches(self):
        for kind in KINDS:
            self.say(kind, None)

    # --- how it answers
    def answer(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        path = url.path
        self.calls.append((request.command, path, query))
        if not path.startswith("/k8s/"):
            return self.send(request, 404, {"kind": "Status", "code": 404})
        words = path.removeprefix("/k8s/").split("/")
        if words[-1] == "selfsubjectaccessreviews":
            attributes = json.loads(body)["spec"]["resourceAttributes"]
            key = "/".join(filter(None, [attributes["verb"], attributes["resource"], attributes.get("subresource")]))
            return self.send(request, 201, {"status": {"allowed": key not in self.denied and "*" not in self.denied}})
        at = words.index("namespaces") + 2
        kind, name, rest = words[at], words[at + 1] if len(words) > at + 1 else "", words[at + 2:]
        if rest[:1] == ["proxy"]:
            return self.proxy(request, kind, urllib.parse.unquote(name), "/" + "/".join(rest[1:]), url.query, body)
        if kind in self.refused:
            return self.send(request, self.refused[kind], {"kind": "Status", "code": self.refused[kind]})
        if name:
            return self.one(request, kind, name, rest, body)
        how = self.broken[kind].pop(0) if self.broken[kind] else None
        if how == "nothing":
            time.sleep(60)
            return None
        if isinstance(how, int):
            return self.send(request, how, {"kind": "Status", "code": how})
        if how == "garbage":
            return self.send_text(request, "<html>\0\xff not JSON {{{")
        if query.get("watch"):
            return self.watch(request, kind, query)
        with self.lock:
            items = [item for item in self.objects[kind].values()]
            for item in items:
                item.pop("kind", None) if kind == "pods" else None
            return self.send(request, 200, {"kind": "List", "metadata": {"resourceVersion": str(next(self.version))}, "items": items})

    def watch(self, request, kind, query):
        mine = queue.Queue()
        with self.lock:
            since = int(query["resourceVersion"])
            for item in self.objects[kind].values():
                if int(item["metadata"]["resourceVersion"]) > since:
                    mine.put(json.dumps({"type": "MODIFIED", "object": item}) + "\n")
            self.watchers[kind].append(mine)
        try:
            request.send_response(200)
            request.send_header("Content-Type", "application/json")
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            while (line := mine.get()) is not None:
                data = line.encode()
                request.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            request.wfile.write(b"0\r\n\r\n")
        finally:
            with self.lock:
                self.watchers[kind].remove(mine)

    def one(self, request, kind, name, rest, body):
        with self.lock:
            item = self.objects[kind].get(name)
            if request.command == "DELETE" and kind == "pods" and item:
                item["metadata"]["deletionTimestamp"] = timestamp(-30)
                self.put(kind, item)
                self.put_slice()
                return self.send(request, 200, item)
            if request.command == "PATCH":
                return self.send(request, 200, {"patched": json.loads(body)})
            return self.send(request, 200, {"apiVersion": "v1", "kind": KINDS[kind], **item}) if item else self.send(request, 404, {"kind": "Status", "code": 404})

    def proxy(self, request, kind, name, path, query, body):
        if path == "/forecast" and self.forecast is not None:
            self.forecasts.append((dict(urllib.parse.parse_qsl(query)), json.loads(body)))
            told = self.forecast(*self.forecasts[-1])
            return self.send(request, 200, told) if isinstance(told, dict) else self.send_text(request, told, 400)
        name = name.split(":")[0] if kind == "pods" else name
        live = [server for server in self.servers.values() if server.port]
        if kind == "pods":
            server = self.servers.get(name)
        else:
            ready = [one for one in live if one.name not in self.objects["pods"] or self.objects["pods"][one.name]["status"]["conditions"][0]["status"] == "True"]
            server = ready[next(self.turn) % len(ready)] if ready else None
        if not server or not server.port:
            return self.send(request, 503, {"kind": "Status", "code": 503, "message": "no endpoints available"})
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=70)
        fields = {key: value for key, value in request.headers.items() if key.lower() not in ("host", "connection", "authorization")}
        try:
            connection.request(request.command, path + ("?" + query if query else ""), body or None, fields)
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            return self.send(request, 502, {"kind": "Status", "code": 502, "message": "error trying to reach service: EOF"})
        request.send_response_only(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("connection", "transfer-encoding", "content-length"):
                request.send_header(key, value)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
        return None

    def send(self, request, status, content):
        self.send_text(request, json.dumps(content), status, "application/json")

    def send_text(self, request, text, status=200, type_="text/plain"):
        data = text.encode()
        request.send_response(status)
        request.send_header("Content-Type", type_)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
