"""The same page in Debian's Firefox. Playwright drives a Firefox of its own only, and Debian has no geckodriver; so this speaks Marionette,
the browser's own protocol: JSON with its length before it, over TCP."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

from browser import PATIENCE, PODS, Server, Service, claim
from cluster_view import forecast
from fake_api import Api, back_off, pod, terminated

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    def __init__(self):
        self.profile = tempfile.mkdtemp()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with open(os.path.join(self.profile, "user.js"), "w") as file:
            for key, value in {"marionette.port": port, "app.update.enabled": False, "browser.shell.checkDefaultBrowser": False,
                               "datareporting.policy.dataSubmissionEnabled": False, "network.captive-portal-service.enabled": False,
                               "network.connectivity-service.enabled": False, "browser.safebrowsing.downloads.remote.enabled": False}.items():
                file.write(f"user_pref({json.dumps(key)}, {json.dumps(value)});\n")
        environment = {**os.environ, "HOME": self.profile, "MOZ_HEADLESS": "1"}
        self.process = subprocess.Popen([FIREFOX, "--marionette", "--profile", self.profile, "--no-remote"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 2 * PATIENCE
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=2 * PATIENCE)
                break
            except OSError:
                assert time.monotonic() < deadline and self.process.poll() is None, "firefox does not open its port"
                time.sleep(0.2)
        self.buffer, self.id = b"", 0
        self.receive()
        self.call("WebDriver:NewSession")

    def receive(self):
        while b":" not in self.buffer:
            self.buffer += self.socket.recv(65536)
        length, _, rest = self.buffer.partition(b":")
        while len(rest) < int(length):
            rest += self.socket.recv(65536)
        self.buffer = rest[int(length):]
        return json.loads(rest[: int(length)])

    def call(self, name, **parameters):
        self.id += 1
        text = json.dumps([0, self.id, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self.receive()
        assert error is None, error
        return result

    def run(self, script):
        """In a sandbox that shares the page's document; the page's policy is not asked."""
        return self.call("WebDriver:ExecuteScript", script=script, args=[])["value"]

    def until(self, script):
        end = time.monotonic() + PATIENCE
        while not (value := self.run("return " + script)):
            assert time.monotonic() < end, f"waited {PATIENCE} s in vain for {script}; the page: {self.run('return document.body.innerText')[:600]}"
            time.sleep(0.1)
        return value

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


def text(selector):
    return f"(document.querySelector({json.dumps(selector)})?.innerText ?? '')"


def test(binary):
    if not FIREFOX:
        print("firefox: not here, so not looked at (apt-get install firefox-esr)")
        return
    servers = [Server(binary, {**settings, "FAULTS": ""}) for settings in PODS]
    service, api = Service(servers), Api(servers)
    api.forecast = forecast
    api.put_pods(*(pod(server.name) for server in servers), pod("web-3", ready=False, restarts=3, state=back_off("40s"), last=terminated(3, 5)))
    browser = None
    with claim("firefox: starts, and shows who answers"):
        browser = Firefox()
        browser.call("WebDriver:Navigate", url=service.origin + "/ui")
        browser.until("document.querySelectorAll('#tiles li').length === 3")
        browser.until("[...document.querySelectorAll('#tiles .state')].every(one => one.innerText === 'OK')")
    if browser:
        with claim("firefox: the cluster's view, a crash loop and its pause"):
            browser.call("WebDriver:Navigate", url=api.url())
            browser.until("document.querySelectorAll('#tiles li').length === 4")
            shown = browser.until(f"/restart in \\d+ to \\d+ s/.test({text('#pod-web-3')}) && {text('#pod-web-3')}")
            assert re.search("CrashLoopBackOff", shown), shown
        with claim("firefox: an act is predicted and reaches its pod"):
            browser.run("document.querySelector('#pod-web-1').click()")
            browser.until("document.querySelector('#acts button[aria-label=\"Infect web-1\"]')")
            browser.run("document.querySelector('#acts button').click()")
            browser.until(f"{text('#log')}.includes('web-1: infected')")
            browser.until(f"{text('#predicted')}.includes('not ready in 4 to 60 s')")
            assert servers[1].call("GET", "/faults")[1].startswith("health fail")
        browser.stop()
    api.stop()
    for server in servers:
        server.stop()
