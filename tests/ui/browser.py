"""What the tests of the page share: pods that are real servers, an address in front of them, a browser that complains, and claims."""

import contextlib
import http.client
import itertools
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import traceback

from playwright.sync_api import expect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
# For whatever is waited for. With three pods and two polls a second most of it takes a few seconds, and thirty polls fifteen.
PATIENCE = 120
PODS = [
    {"POD_NAME": "web-0", "ZONE": "zone-a", "NODE_NAME": "node-1", "APP_VERSION": "1.4.2"},
    {"POD_NAME": "web-1", "ZONE": "zone-b", "NODE_NAME": "node-2", "APP_VERSION": "1.4.2"},
    {"POD_NAME": "web-2", "ZONE": "zone-c", "NODE_NAME": "node-3", "APP_VERSION": "1.5.0", "FAULTS": "ready fail for 1s"},
]

counts = {"passed": 0, "failed": 0}


@contextlib.contextmanager
def claim(text):
    try:
        yield
    except Exception as error:
        counts["failed"] += 1
        lineno = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(os.path.dirname(__file__))][-1]
        said = str(error).split("Aria snapshot")[0].strip().replace("\n", "\n    ")
        print(f"not ok - {text}\n    line {lineno}: {said}", flush=True)
    else:
        counts["passed"] += 1
        print(f"ok - {text}", flush=True)


class Server:
    """One pod: a server that is started again, with the same name, a second after it has exited."""

    def __init__(self, binary, settings):
        self.binary, self.settings, self.name = binary, settings, settings["POD_NAME"]
        self.starts, self.port, self.process, self.wanted = 0, None, None, True
        self.listening = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.listening.wait(PATIENCE), f"{self.name} does not listen"

    def run(self):
        while self.wanted:
            environment = {"BIND": "127.0.0.1", "PORT": "0", "POD_NAMESPACE": "demo", **self.settings}
            self.process = subprocess.Popen([self.binary], env=environment, stdout=subprocess.PIPE, text=True)
            self.starts += 1
            for line in self.process.stdout:
                if found := re.search(r"event=listening address=\S+:(\d+)", line):
                    self.port = int(found[1])
                    self.listening.set()
            self.port = None
            self.process.wait()
            if self.wanted:
                time.sleep(1)

    def stop(self):
        self.wanted = False
        self.process.kill()
        self.thread.join()

    def replace(self, **settings):
        """The next version of the pod, as a rollout of a StatefulSet brings it."""
        self.settings = {**self.settings, **settings}
        self.process.terminate()

    def call(self, method, path, body=None, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Kubelet:
    """Asks the checks of every server twice a second, as their probes would."""

    def __init__(self, servers):
        self.servers, self.wanted = servers, True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.wanted:
            for server, path in itertools.product(self.servers, ["/healthz", "/livez", "/readyz"]):
                if server.port:
                    with contextlib.suppress(OSError, http.client.HTTPException, TypeError):
                        server.call("GET", path)
            time.sleep(0.5)

    def stop(self):
        self.wanted = False
        self.thread.join()


class Service:
    """One address in front of some servers: each new connection goes to the next one that listens."""

    def __init__(self, servers):
        self.servers, self.turn = servers, itertools.count()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            with contextlib.suppress(OSError):
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def backend(self):
        ports = [server.port for server in self.servers if server.port]
        return socket.create_connection(("127.0.0.1", ports[next(self.turn) % len(ports)]))

    def serve(self, client):
        try:
            backend = self.backend()
        except (OSError, ZeroDivisionError):
            return client.close()
        self.both_ways(client, backend)

    def both_ways(self, client, backend):
        def copy(source, sink):
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

        back = threading.Thread(target=copy, args=(backend, client), daemon=True)
        back.start()
        copy(client, backend)
        back.join()
        client.close()
        backend.close()


class SubPath(Service):
    """The same as an Ingress does it: under a path, which it strips, and with a Host of its own."""

    prefix = b"/some/path"

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := client.recv(65536)):
                return client.close()
            head += data
        if b" " + self.prefix + b"/" not in head.split(b"\r\n")[0]:
            client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return client.close()
        head = head.replace(b" " + self.prefix, b" ", 1)
        head = re.sub(rb"(?mi)^Host: .*\r$", b"Host: backend\r", head)
        # One request a connection, so that this need not look for the next one.
        head = re.sub(rb"(?mi)^Connection: .*\r$", b"Connection: close\r", head)
        backend = self.backend()
        backend.sendall(head)
        self.both_ways(client, backend)


class Watch:
    """What a page asks for, and what the browser has against it."""

    def __init__(self, page):
        self.requests, self.complaints = [], []
        page.on("request", lambda request: self.requests.append(request.url.split("?")[0]))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        # That a fault was answered with its status is what the page is for.
        page.on("console", lambda message: message.type == "error" and "Failed to load resource" not in message.text and self.complaints.append(message.text))


def open_page(context, url):
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    watch = Watch(page)
    answer = page.goto(url)
    return page, watch, answer


def tile(page, name):
    return page.locator(f'[id="pod-{name}"]')


def button(page, verb, name):
    """The button of a pod's panel: what can be done is shown for the pod that is looked at."""
    tile(page, name).click()
    return page.get_by_role("button", name=f"{verb} {name}", exact=True)


def pods(page):
    return page.locator("#tiles [role=option]")


def until(page, condition):
    """Waits for an expression in the page. Playwright's own way evaluates text inside the page, which its policy forbids."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"waited {PATIENCE} s in vain for {condition}"
        page.wait_for_timeout(50)


def until_here(page, condition):
    """Waits for something on this side, as what the fake API or a server has seen."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s in vain"
        page.wait_for_timeout(50)


def percent(page, selector):
    return int(page.inner_text(selector).split()[0].replace("\u2013", "0"))


def log_has(page, text):
    expect(page.get_by_role("log")).to_contain_text(text)


def is_state(page, name, state):
    expect(tile(page, name).locator(".state")).to_have_text(state)


# The contrast of each text with what is painted behind it (WCAG 2.2, 1.4.3), as [ratio, text], the worst first.
CONTRASTS = """() => {
    const parse = colour => (colour.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const luminance = rgb => rgb.slice(0, 3).map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
    const behind = element => {
        for (; element; element = element.parentElement) {
            const colour = parse(getComputedStyle(element).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll('body *')]
        .filter(element => element.offsetParent && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
        .map(element => {
            const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
            return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), element.textContent.trim().slice(0, 40)];
        })
        .sort((a, b) => a[0] - b[0]);
}"""
