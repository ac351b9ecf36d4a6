"""The page /ui before a fake API server that has 500 pods: how long after the API has told of a change it is drawn, and what the tab holds
after as many changes and events as an hour of trouble brings.

    page.py BINARY [CHANGES]         on stdout; CHANGES: 100 by default; needs scripts/setup ui
"""

import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ui"))
from browser import CHROMIUM, Server, open_page, pods, until
from cluster_view import names
from fake_api import Api, back_off, pod, terminated
from playwright.sync_api import expect, sync_playwright

PODS, DRAWN_MS, HELD_MB = 500, 200, 100
# One of the pods changes each second, and each change comes with an event.
AN_HOUR = 3600

# Calls it drawn when a frame has been painted in which the tile has another class.
WATCH = """() => {
    window.drawn = {};
    new MutationObserver(changes => {
        const names = changes.map(change => change.target.id);
        requestAnimationFrame(() => setTimeout(() => names.forEach(name => drawn[name] ||= performance.timeOrigin + performance.now())));
    }).observe(document.getElementById('tiles'), {attributes: true, attributeFilter: ['class'], subtree: true});
}"""


def changed(name, at):
    if at % 2:
        return pod(name, restarts=at // 2)
    return pod(name, ready=False, restarts=at // 2 + 1, state=back_off("10s"), last=terminated(1, 1))


def delays(page, api, all_names, changes):
    page.evaluate(WATCH)
    taken = []
    for at in range(changes):
        name = all_names[at * 7 % PODS]
        # At no fixed phase of the page's own ten drawings a second.
        page.wait_for_timeout(137)
        begun = time.time()
        api.put("pods", changed(name, 0))
        until(page, f"drawn['pod-{name}'] > 0")
        taken.append(page.evaluate(f"drawn['pod-{name}']") - 1000 * begun)
    return sorted(taken)


def held(session, pid):
    """MB of JavaScript's heap after a collection, and of what is the tab's process's own."""
    session.send("HeapProfiler.collectGarbage")
    heap = next(one["value"] for one in session.send("Performance.getMetrics")["metrics"] if one["name"] == "JSHeapUsedSize")
    with open(f"/proc/{pid}/smaps_rollup") as file:
        private = sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
    return heap / 1e6, private * 1024 / 1e6


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    changes = int(sys.argv[2]) if len(sys.argv) == 3 else 100
    server = Server(os.path.abspath(sys.argv[1]), {"POD_NAME": "page"})
    api = Api([server])
    all_names = names(PODS)
    for name in all_names:
        api.put("pods", pod(name))
    api.put_slice()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = chromium.new_context(viewport={"width": 1366, "height": 768})
        page, _, _ = open_page(context, api.url())
        expect(pods(page)).to_have_count(PODS, timeout=60_000)
        session = context.new_cdp_session(page)
        session.send("Performance.enable")
        processes = chromium.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        pid = max((one for one in processes if one["type"] == "renderer"), key=lambda one: one["cpuTime"])["id"]

        taken = delays(page, api, all_names, changes)
        before = held(session, pid)
        for at in range(AN_HOUR):
            name = all_names[at * 11 % PODS]
            api.put("pods", changed(name, at))
            api.event(name, "BackOff" if at % 2 == 0 else "Started", f"the {at}th", name=f"{name}.{at}")
            # As quick as the page takes them.
            if at % 50 == 49:
                until(page, f"pods.get('{name}').api.restarts === {at // 2}")
        after = held(session, pid)
        chromium.close()
    api.stop()
    server.stop()
    print(f"The page, {PODS} pods: a change is drawn {statistics.median(taken):.0f} ms after the API has told it, the median of {changes}; 95 % within "
          f"{taken[int(len(taken) * 0.95) - 1]:.0f} ms, the last {taken[-1]:.0f} ms (the bar: {DRAWN_MS} ms).")
    print(f"After {AN_HOUR:,} changes and as many events its heap has {after[0]:.1f} MB ({before[0]:.1f} before), and its tab's process "
          f"{after[1]:.0f} MB of its own ({before[1]:.0f} before; the bar: {HELD_MB} MB).")


main()
