"""Pictures of the page for the docs: a fake API server that plays an experiment, in the forecast's own words."""

import os
import re

from browser import Kubelet, Server, button, is_state, open_page, pods
from cluster_view import HASH, names
from fake_api import Api, back_off, pod, terminated

TAILS = ["7fnhn", "b4cdz", "c9xbd", "h7jgf", "l5m2n", "m9qrt", "p2n8s", "q8w4r", "s6t2v", "tw5v6", "x8k2l", "zz4kd"]


def zone(at):
    return {"zone": "zone-" + "abc"[at % 3], "node": f"node-{at % 3 + 1}"}


def told(query, _content):
    found = re.search(r"live fail after (\d+)ms", query.get("plan", ""))
    at = int(found[1]) / 1000 if found else 0
    rows = [("listening", 0.3, 0.5, 0.7), ("ready", 1, 2, 3)]
    if found:
        rows += [("killed", at + 20.5, at + 25, at + 28.5), ("restarted", at + 20.6, at + 25, at + 28.8)]
    return {"events": [{"what": what, "share": 1, "p5": p5, "p50": p50, "p95": p95} for what, p5, p50, p95 in rows]}


def take(browser, binary, folder):
    os.makedirs(folder, exist_ok=True)
    settings = [{"POD_NAME": HASH + tail, "ZONE": zone(at)["zone"], "NODE_NAME": zone(at)["node"], "APP_VERSION": "1.5.0" if at % 4 == 0 else "1.4.2"} for at, tail in enumerate(TAILS)]
    servers = [Server(binary, one) for one in settings if one["POD_NAME"][-5:] not in ("zz4kd", "l5m2n", "h7jgf")]
    kubelet, api = Kubelet(servers), Api(servers)
    api.forecast = told
    unlike = {
        "zz4kd": dict(ready=False, restarts=4, state=back_off("40s"), last=terminated(3, 8, message="rule 1: start exit 3 100%")),
        "l5m2n": dict(ready=False), "h7jgf": dict(ready=False, phase="Pending", state={"waiting": {"reason": "ContainerCreating"}}, age=4),
    }
    make = lambda tail, **more: pod(HASH + tail, **{"age": 3000, **zone(TAILS.index(tail)), **unlike.get(tail, {}), **more})
    api.put_pods(*map(make, TAILS))
    sizes = {"ui": (1366, 768, "light"), "ui-dark": (1366, 768, "dark"), "ui-phone": (390, 844, "light")}
    shots = {}
    for name, (width, height, scheme) in sizes.items():
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        shots[name] = open_page(context, api.url())[0]
    page = shots["ui"]
    page.wait_for_timeout(15000)
    for other in shots.values():
        button(other, "Infect", HASH + "m9qrt").click()
        page.wait_for_timeout(300)
    page.wait_for_timeout(8000)
    api.event(HASH + "m9qrt", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", count=2, type_="Warning")
    page.wait_for_timeout(14000)
    api.event(HASH + "m9qrt", "Killing", "Container probeserver failed liveness probe, will be restarted")
    api.put_pods(make("m9qrt", restarts=1, last=terminated(0, 0, life=3000, reason="Completed"), started=0))
    for server in servers:
        if server.name.endswith("m9qrt"):
            server.process.terminate()
    page.wait_for_timeout(4000)
    for other in shots.values():
        button(other, "Infect", HASH + "b4cdz").click()
        page.wait_for_timeout(300)
    page.wait_for_timeout(6000)
    for name, other in shots.items():
        other.screenshot(path=os.path.join(folder, name + ".png"))
    api.stop()
    kubelet.stop()

    api = Api(servers)
    for at, name in enumerate(names(100)):
        api.put("pods", pod(name, age=3000 + at, **{**zone(at), **({"ready": False} if at % 31 == 7 else {"ready": False, "restarts": 2, "state": back_off("20s"), "last": terminated(1, 9)} if at % 43 == 11 else {})}))
    api.put_slice()
    context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme="light")
    page = open_page(context, api.url())[0]
    page.wait_for_timeout(4000)
    assert pods(page).count() == 100
    is_state(page, names(100)[11], "CrashLoopBackOff")
    pods(page).nth(11).click()
    page.wait_for_timeout(1500)
    page.screenshot(path=os.path.join(folder, "ui-100.png"))
    api.stop()
    for server in servers:
        server.stop()
