"""The cluster that KUBECONFIG names, by way of kubectl's proxy: plain requests, and watches that never miss a change."""

import contextlib
import http.client
import json
import re
import subprocess
import threading
import time


class Cluster:
    """One connection for each request; `kubectl proxy` holds the credentials."""

    def __init__(self):
        self.proxy = subprocess.Popen(["kubectl", "proxy", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.proxy.stdout.readline()
        found = re.search(r":(\d+)$", line.strip())
        if not found:
            raise SystemExit(f"calibrate: kubectl proxy: {line.strip()}")
        self.port = int(found.group(1))
        self.version = self.get("/version")["gitVersion"]

    def close(self):
        self.proxy.terminate()
        self.proxy.wait()

    def open(self, method, path, body=None, kind="application/json", timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request(method, path, body=None if body is None else json.dumps(body), headers={"Content-Type": kind})
        return connection, connection.getresponse()

    def ask(self, method, path, body=None, kind="application/json"):
        connection, response = self.open(method, path, body, kind)
        with contextlib.closing(connection):
            return response.status, response.read()

    def get(self, path):
        status, content = self.ask("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {content[:200]!r}")
        return json.loads(content)

    def create(self, path, body):
        status, content = self.ask("POST", path, body)
        if status not in (200, 201):
            raise RuntimeError(f"POST {path}: {status} {content[:300]!r}")

    def stream(self, path):
        """The lines of an answer, as they come; None on an answer other than 200."""
        connection, response = self.open("GET", path, timeout=3600)
        with contextlib.closing(connection):
            if response.status != 200:
                response.read()
                return
            while line := response.readline():
                yield line

    def watch(self, path, tell, is_done):
        """Starts a thread that calls tell(time, type, object) for what is there and for every change, until is_done()."""

        def follow():
            version = None
            while not is_done():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if version is None:
                        listed = self.get(path)
                        version = listed["metadata"]["resourceVersion"]
                        for item in listed["items"]:
                            tell(time.time(), "ADDED", item)
                    for line in self.stream(f"{path}?watch=1&resourceVersion={version}"):
                        at, change = time.time(), json.loads(line)
                        if change["type"] == "ERROR":
                            version = None
                            break
                        version = change["object"]["metadata"]["resourceVersion"]
                        tell(at, change["type"], change["object"])

        threading.Thread(target=follow, daemon=True).start()
