"""The page before a fake API server: what it shows of pods that do not answer, what it says will come, and what it does when the API errs."""

import re
import time

from browser import CONTRASTS, PODS, Server, button, claim, is_state, log_has, open_page, pods, tile, until, until_here
from fake_api import Api, back_off, pod, terminated
from playwright.sync_api import expect

HASH = "probeserver-6f9fd5866-"
LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def names(count):
    return [HASH + "".join(LETTERS[(at // 27**digit * 7 + digit) % 27] for digit in range(5)) for at in range(count)]


def told(after_ms=0, **extra):
    """A forecast as /forecast gives it: not ready 5 to 59 s after the rule, killed and started again two minutes after it,
    and a crash loop that comes of the same rule in the next process, where a rule of run time is no more. Kubernetes is quicker;
    a test on a busy machine is not, and has to come inside the first window and before the second."""
    at = after_ms / 1000
    rows = [("listening", 1, 0.3, 0.5, 0.7), ("ready", 1, 1, 2, 3), ("in_service", 1, 1, 2, 3)]
    if after_ms:
        rows += [("not_ready", 1, at + 5.5, at + 7, at + 59), ("killed", 1, at + 120, at + 125, at + 129), ("restarted", 1, at + 120.5, at + 125, at + 129.5),
                 ("out_of_service", 0.3, at + 6, at + 7, at + 59), ("crash_loop", 1, at + 160, at + 170, at + 180)]
    return {"events": [{"what": what, "share": share, "p5": p5, "p50": p50, "p95": p95} for what, share, p5, p50, p95 in rows], **extra}


def forecast(query, content):
    kinds = [item["kind"] for item in content["items"]]
    if kinds != ["Pod", "Service"] or "status" in content["items"][0]:
        return f"got {kinds}"
    if "delete-at" in query:
        return told(deletion={"gone": {"p5": 0.2, "p50": 1, "p95": 58}})
    found = re.search(r"live fail after (\d+)ms", query.get("plan", ""))
    return told(int(found[1]) if found else 0)


def open_view(context, api, what="services/web:http"):
    page, watch, _ = open_page(context, api.url(what))
    return page, watch


def page_server(binary):
    """Serves the page, and is none of the pods that are shown."""
    return Server(binary, {"POD_NAME": "page"})


def trouble(page):
    return page.locator("#trouble")


def test_states(browser, binary):
    server = page_server(binary)
    api = Api([server])
    waiting = lambda reason, message="": {"waiting": {"reason": reason, "message": message}}
    cases = [
        # name, pod, word on the tile, what else it says
        ("fine", dict(), "Ready", "in the Service"),
        ("unready", dict(ready=False), "Not ready", "out of the Service"),
        ("creating", dict(ready=False, phase="Pending", state=waiting("ContainerCreating")), "ContainerCreating", "on node-1"),
        ("pull", dict(ready=False, phase="Pending", state=waiting("ErrImagePull", "no such image")), "ErrImagePull", "no such image"),
        ("looping", dict(ready=False, restarts=9, state=back_off("5m0s"), last=terminated(3, 5)), "CrashLoopBackOff", "exit 3"),
        ("ended", dict(ready=False, restarts=0, state={"terminated": terminated(0, 0, reason="Completed")}), "Completed", "exit 0"),
        ("killed", dict(ready=False, state={"terminated": terminated(137, 0, reason="OOMKilled")}), "OOMKilled", "exit 137"),
        ("leaving", dict(deleting=30), "Terminating", "serving and leaving"),
        ("evicted", dict(ready=False, phase="Failed"), "Failed", ""),
        ("again", dict(restarts=2, last=terminated(137, 100, message="rule 1: live fail")), "Ready", "2\u00d7"),
    ]
    api.put_pods(*(pod("web-" + name, **fields) for name, fields, _, _ in cases))
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page, watch = open_view(context, api)
    with claim("cluster's view: each pod in kubectl's words, with why, and with the part of its name that tells it apart"):
        expect(pods(page)).to_have_count(len(cases))
        for name, _, word, why in cases:
            is_state(page, "web-" + name, word)
            expect(tile(page, "web-" + name)).to_contain_text(why)
            expect(tile(page, "web-" + name).locator("b").first).to_have_text(name)
        expect(page.locator("#before")).to_have_text("web-\u2026")
    with claim("the pause that is left of a crash loop: 5 min from the end, and what the kubelet's rounds add"):
        first, last = map(int, re.search(r"restart in (\d+) to (\d+) s", tile(page, "web-looping").inner_text()).groups())
        # The end was 5 s before the test began.
        assert 200 <= first <= 296 and last == first + 17, (first, last)
    with claim("trouble is said first, the worst first"):
        words = trouble(page).locator(".state").all_inner_texts()
        assert words == ["Completed", "Failed", "OOMKilled", "CrashLoopBackOff", "ErrImagePull", "and 3 more"], words
    with claim("the panel of a pod tells its last end, its probes and where it is"):
        tile(page, "web-again").click()
        for text in ["exit 137 Error", "rule 1: live fail", "/livez each 10 s, timeout 1 s, 3 failures", "zone-a, node-1, 10.0.0.1", "Running 1/1"]:
            expect(page.locator("#facts")).to_contain_text(text)
    with claim("what is said anew each second stays while it is used: the focus in the bar of trouble, a text that is selected"):
        page.evaluate("getSelection().selectAllChildren($('trouble'))")
        selected = page.evaluate("String(getSelection())")
        page.wait_for_timeout(2500)  # two rounds: nothing is to happen
        assert selected and page.evaluate("String(getSelection())") == selected
        trouble(page).get_by_role("button").first.focus()
        page.wait_for_timeout(2500)
        assert page.evaluate("document.activeElement.textContent").startswith("ended"), page.evaluate("document.activeElement.outerHTML")
    with claim("and no longer: the pod that is chosen there is shown, and the bar goes on"):
        page.keyboard.press("Enter")
        expect(page.locator("#name")).to_have_text("web-ended")
        expect(page.locator("#facts")).not_to_contain_text("exit 137")
        api.put_pods(pod("web-pull"))
        expect(trouble(page)).not_to_contain_text("ErrImagePull")
    with claim("out of the Service as soon as the API says so, and back"):
        api.put_slice(serving=[])
        is_state(page, "web-fine", "Not in Service")
        api.put_slice()
        is_state(page, "web-fine", "Ready")
    with claim("a pod that is deleted is no more, and one that comes is there"):
        api.delete("pods", "web-leaving")
        expect(tile(page, "web-leaving")).to_have_count(0)
        api.put_pods(pod("web-new", ready=False, phase="Pending", state=waiting("ContainerCreating"), age=0))
        is_state(page, "web-new", "ContainerCreating")
        log_has(page, "new pod web-new")
    with claim("events: in order, each once, a repeated one counted in its line"):
        api.event("web-looping", "BackOff", "Back-off restarting", count=3, type_="Warning")
        log_has(page, "looping BackOff \u00d73")
        api.event("web-looping", "BackOff", "Back-off restarting", count=4, type_="Warning")
        log_has(page, "looping BackOff \u00d74")
        expect(page.locator("#log li").filter(has_text="BackOff")).to_have_count(1)
        api.event("stranger", "Pulled", "not of this Service")
        expect(page.locator("#log li").filter(has_text="not of this Service")).to_have_count(0)
    with claim("events: a long line leaves its time the room it needs"):
        api.event("web-fine", "Long", "many words " * 25)
        log_has(page, "fine Long: many words")
        squeezed = page.evaluate("[...document.querySelectorAll('#log time')].filter(one => one.scrollWidth > one.clientWidth).map(one => one.parentNode.textContent)")
        assert not squeezed, squeezed
    with claim("cluster's view: contrast of every text is 4.5 or more"):
        worst = page.evaluate(CONTRASTS)[:3]
        assert worst[0][0] >= 4.5, worst
    with claim("cluster's view: no error on the console"):
        assert not watch.complaints, watch.complaints
    context.close()
    api.stop()
    server.stop()


def test_acts(browser, binary):
    before = time.monotonic()
    servers = [Server(binary, {**settings, "FAULTS": ""}) for settings in PODS]
    api = Api(servers)
    api.forecast = forecast
    api.put_pods(*(pod(server.name) for server in servers))
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page, watch = open_view(context, api, "services/http:web:80")
    rows = page.locator("#predicted tr")

    with claim("joined: the API's pods with the versions and checks that polls tell"):
        for settings in PODS:
            expect(tile(page, settings["POD_NAME"])).to_contain_text(settings["APP_VERSION"])
    with claim("all is well, but not while no poll is answered"):
        expect(trouble(page)).to_contain_text("All is well")
        page.route("**/whoami", lambda route: route.abort())
        expect(trouble(page)).to_contain_text("No poll is answered")
        expect(trouble(page)).not_to_contain_text("All is well")
        page.unroute("**/whoami")
        expect(trouble(page)).to_contain_text("All is well")
    with claim("an act is predicted before it is done, with the pod's object, its probes' ticks and its time counted in"):
        button(page, "Infect", "web-1").click()
        log_has(page, "web-1: infected")
        query, content = api.forecasts[-1]
        assert content["items"][0]["spec"]["containers"][0]["livenessProbe"]["periodSeconds"] == 10
        plan = re.fullmatch(r"health fail after (\d+)ms; live fail after (\d+)ms", query["plan"])
        # The server's own time, not that of the pod's object, which is five minutes.
        assert plan and 0 < int(plan[1]) < 1000 * (time.monotonic() - before), query
        expect(rows).to_have_count(4)
        assert rows.nth(0).inner_text().split("\t")[2] == "not ready in 4 to 60 s", rows.nth(0).inner_text()
        expect(rows.nth(1)).to_contain_text("in 30 %")
        expect(page.locator("#told")).to_contain_text("infect: not ready in")
    with claim("infect has reached that pod alone, though it is not ready"):
        assert servers[1].call("GET", "/faults")[1].startswith("health fail"), servers[1].call("GET", "/faults")
        assert servers[0].call("GET", "/faults")[1] == ""
    with claim("what comes within its window is inside, and what comes too early is not"):
        # "in at most" begins when half a second is left to the window.
        expect(rows.nth(0)).to_contain_text("in at most")
        page.wait_for_timeout(600)
        api.put_pods(pod("web-1", ready=False))
        expect(rows.nth(0)).to_contain_text("inside")
        api.event("web-1", "Killing", "Container probeserver failed liveness probe, will be restarted")
        expect(rows.nth(2)).to_contain_text(re.compile(r"\u2717 \d+\.\d s, outside"))
        expect(page.locator("#tally")).to_have_text("1 of 2 inside")
    with claim("an unready pod is cured, which overtakes what was predicted"):
        button(page, "Cure", "web-1").click()
        log_has(page, "web-1: cured")
        assert servers[1].call("GET", "/faults")[1] == ""
    with claim("a rule of one's own: the server's error stands where the rule is, and a good one is set"):
        tile(page, "web-0").click()
        page.locator("#rule").fill("ready fail forever")
        page.get_by_role("button", name="Set").click()
        expect(page.get_by_role("alert")).to_contain_text("forever")
        page.locator("#rule").fill("app fail 503 10%")
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#told")).to_contain_text("nothing comes")
        assert servers[0].call("GET", "/faults")[1] == "", "asked alone, and set"
        page.get_by_role("button", name="Set", exact=True).click()
        log_has(page, "web-0: rules added: app fail 503 10%")
        expect(page.get_by_role("alert")).to_be_empty()
    with claim("what is no rule can be predicted, an answer that breaks off is said, and the next rule is set"):
        for nothing in ["# a comment alone", ";"]:
            page.locator("#rule").fill(nothing)
            page.get_by_role("button", name="Predict").click()
            expect(page.locator("#told")).to_contain_text("nothing comes")
        broken = "**/pods/web-0:8080/proxy/faults"
        page.route(broken, lambda route: route.fulfill(headers={"Probe-Pod": "web-0"}, body='{"rules": [') if route.request.method == "POST" else route.continue_())
        page.locator("#rule").fill("app delay 1ms")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("JSON")
        page.unroute(broken)
        page.get_by_role("button", name="Set", exact=True).click()
        log_has(page, "web-0: rules added: app delay 1ms")
        expect(page.get_by_role("alert")).to_be_empty()
    with claim("what the API server answers for a pod is no answer of the pod, or a kill would be sent again"):
        tile(page, "web-2").click()
        tries = []
        page.route("**/whoami", lambda route: (tries.append(route.request.url), route.fulfill(status=503, json={"kind": "Status", "code": 503})))
        # What was asked before this may still have its answer from the pod.
        begun = page.evaluate("Date.now()")
        until_here(page, lambda: sum("/pods/web-2:" in url for url in tries) >= 4)
        asked = page.evaluate("pods.get('web-2').asked")
        page.unroute("**/whoami")
        assert asked <= begun, (asked, begun)
    with claim("kill ends that pod's process once"):
        button(page, "Kill", "web-2").click()
        log_has(page, "web-2: killed")
        until(page, "!pods.get('web-2').busy.kill")
        until_here(page, lambda: servers[2].starts > 1)
        starts = [server.starts for server in servers]
        assert starts == [1, 1, 2], starts
    with claim("a pod that has another name for itself, its host's, is reached all the same"):
        servers.append(Server(binary, {"POD_NAME": "a-host"}))
        api.servers["web-3"] = servers[3]
        api.put_pods(pod("web-3"))
        button(page, "Infect", "web-3").click()
        log_has(page, "web-3: infected")
        assert servers[3].call("GET", "/faults")[1].startswith("health fail")
        api.delete("pods", "web-3")
        expect(tile(page, "web-3")).to_have_count(0)
    with claim("delete: asked of the API, predicted, and seen"):
        button(page, "Delete", "web-2").click()
        is_state(page, "web-2", "Terminating")
        api.delete("pods", "web-2")
        expect(tile(page, "web-2")).to_have_count(0)
        expect(rows.filter(has_text="delete")).to_contain_text(re.compile("gone in 0 to 59 s.*inside"))
    with claim("a forecast that fails is said, and the act is done all the same"):
        api.forecast = lambda *_: "plan line 1: too much"
        button(page, "Infect", "web-0").click()
        log_has(page, "web-0: infected")
        expect(page.locator("#predicted")).to_contain_text("no forecast: plan line 1: too much")
    with claim("its requests stay with the API server, and no error is on the console"):
        assert {url.split("/k8s/")[0] for url in watch.requests} == {f"http://127.0.0.1:{api.port}"}
        assert not watch.complaints, watch.complaints
    page.close()

    with claim("a Deployment is scaled and restarted"):
        api.put_pods(*(pod(name) for name in names(3)))
        page, _ = open_view(context, api)
        tile(page, names(3)[0]).click()
        expect(page.locator("#owner")).to_have_text("probeserver")
        replicas, scale = page.get_by_label("Replicas"), page.get_by_role("button", name="Scale")
        replicas.fill("5")
        scale.click()
        log_has(page, "probeserver: to have 5 pods")
        page.get_by_role("button", name="Restart all").click()
        log_has(page, "probeserver: all of its pods anew")
        scaled = ("PATCH", "/k8s/apis/apps/v1/namespaces/demo/deployments/probeserver/scale", {})
        assert scaled in api.calls
    with claim("the number of replicas is that of the pods, what is put there stays, and none is not sent as 0"):
        expect(replicas).to_have_value("3")
        api.put_pods(pod(names(5)[3]))
        expect(replicas).to_have_value("4")
        replicas.fill("7")
        api.put_pods(pod(names(5)[4]))
        expect(tile(page, names(5)[4])).to_have_count(1)
        expect(replicas).to_have_value("7")
        before = api.calls.count(scaled)
        replicas.fill("")
        scale.click()
        replicas.fill("6")
        scale.click()
        log_has(page, "probeserver: to have 6 pods")
        assert api.calls.count(scaled) == before + 1
        expect(replicas).to_have_value("5")
        for name in names(5)[3:]:
            api.delete("pods", name)
        page.close()
    with claim("from a pod's own page too: the Service that selects it is found"):
        page, _ = open_view(context, api, "pods/web-0:8080")
        expect(pods(page)).to_have_count(5)
        is_state(page, names(3)[0], "Ready")
        page.close()
    with claim("and from a pod that no Service selects: the namespace"):
        api.objects["pods"]["client"] = pod("client", labels={"app": "client"})
        api.servers["client"] = servers[0]
        page, _ = open_view(context, api, "pods/client:8080")
        is_state(page, names(3)[0], "Ready")
        page.close()
        del api.objects["pods"]["client"]
    with claim("rights that are missing: what needs them is hidden, and acts go through the Service"):
        api.denied = {"*"}
        page, _ = open_view(context, api)
        button(page, "Cure", "web-0").click()
        log_has(page, "web-0: cured")
        expect(page.get_by_role("button", name="Delete web-0")).to_be_hidden()
        tile(page, names(3)[0]).click()
        expect(page.locator("#deployment")).to_be_hidden()
    context.close()
    api.stop()
    for server in servers:
        server.stop()


def test_an_api_that_errs(browser, binary):
    server = Server(binary, PODS[0])
    api = Api([server])
    api.put_pods(pod("web-0"), pod("web-1"))
    context = browser.new_context()

    with claim("no right to see pods: who answers is shown, said once, without a dialog"):
        api.refused = {kind: 403 for kind in ["pods", "services", "endpointslices", "events"]}
        page, watch = open_view(context, api)
        is_state(page, "web-0", "OK")
        expect(pods(page)).to_have_count(1)
        log_has(page, "The API does not show its pods (status 403)")
        expect(page.get_by_role("dialog")).to_have_count(0)
        button(page, "Infect", "web-0").click()
        log_has(page, "web-0: infected")
        button(page, "Cure", "web-0").click()
        page.close()
        api.refused = {}
    with claim("no right to see slices or events: pods all the same"):
        api.refused = {"endpointslices": 403, "events": 500}
        page, watch = open_view(context, api)
        is_state(page, "web-1", "Ready")
        log_has(page, "does not tell of EndpointSlices to this user: status 403")
        log_has(page, "does not tell of events: status 500")
        api.refused = {}
        page.close()
    for how in [500, 429, "garbage"]:
        with claim(f"a list that is answered with {how}: asked again, and then seen"):
            api.broken["pods"] = [how, how]
            page, watch = open_view(context, api)
            is_state(page, "web-1", "Ready")
            assert not watch.complaints, watch.complaints
            page.close()

    page, watch = open_view(context, api)
    is_state(page, "web-1", "Ready")
    lines = [
        ("garbage in a watch", "}{ not JSON\n"),
        ("JSON that is no event", "[1,2]\n"),
        ("410 in a watch", '{"type":"ERROR","object":{"kind":"Status","code":410}}\n'),
        ("half a line, and the end", '{"type":"MODIFIED","object":{"metadata":{"na'),
    ]
    for at, (what, text) in enumerate(lines):
        with claim(f"{what}: nothing is lost, what comes then is seen"):
            before = list(api.watchers["pods"])
            api.say("pods", text)
            api.say("pods", None)
            until_here(page, lambda: not any(watch in before for watch in api.watchers["pods"]))
            api.put("pods", pod("web-1", restarts=at + 1, last=terminated(1, 1)))
            expect(tile(page, "web-1")).to_contain_text(f"{at + 1}\u00d7")
    with claim("410 for the watch itself: a new list"):
        api.broken["pods"] = [410]
        api.end_watches()
        until_here(page, lambda: not api.broken["pods"])
        api.put("pods", pod("web-1", restarts=9, last=terminated(1, 1)))
        expect(tile(page, "web-1")).to_contain_text("9\u00d7")
    with claim("the proxy is gone: said once, what was known stays and says how old it is; it comes back: seen again"):
        api.stop()
        expect(trouble(page)).to_contain_text("No word from the API since")
        is_state(page, "web-1", "Ready")
        page.wait_for_timeout(1500)  # it says that after a second, and that all is well again only of what lasted two
        api.start()
        api.put("pods", pod("web-1", restarts=10, last=terminated(1, 1)))
        expect(tile(page, "web-1")).to_contain_text("10\u00d7")
        expect(trouble(page)).not_to_contain_text("No word")
        log_has(page, "The API tells of pods again")
        expect(page.locator("#log li").filter(has_text="does not tell of pods: no connection")).to_have_count(1)
    with claim("names and messages from outside stay text"):
        hostile = "<img src=x onerror=window.hacked=1>"
        api.put_pods(pod("web-2", ready=False, state={"waiting": {"reason": hostile, "message": hostile}}, node=hostile, zone=hostile))
        api.event("web-2", hostile, hostile)
        expect(tile(page, "web-2")).to_contain_text(hostile)
        log_has(page, hostile)
        assert page.locator("img").count() == 0 and page.evaluate("window.hacked") is None
    context.close()
    api.stop()
    server.stop()


def test_many(browser, binary):
    server = page_server(binary)
    api = Api([server])
    all_names = names(500)
    api.put_pods(*(pod(name) for name in all_names[:12]))
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page, watch = open_view(context, api)
    with claim("twelve pods and the timeline are on a laptop's screen, without scrolling"):
        expect(pods(page)).to_have_count(12)
        expect(page.locator("#timeline")).to_have_attribute("aria-label", re.compile("^12 pods"))
        bottoms = page.evaluate("[...document.querySelectorAll('#tiles li, #timeline')].map(one => one.getBoundingClientRect().bottom)")
        assert max(bottoms) <= 768, max(bottoms)
    with claim("what changes does not move the rest"):
        # What comes one after the other when a page is opened is there: figures, and the last of the rights, which bring buttons.
        expect(page.locator("#pods")).to_have_text("12/12")
        expect(page.get_by_role("button", name="Delete ")).to_be_visible()
        expect(page.locator("#restart")).to_be_visible()
        until(page, "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true))))")
        # The log's lines make room for new ones; nothing else moves. (What is built anew has no node any more.)
        page.evaluate("window.shifts = []; new PerformanceObserver(list => shifts.push(...list.getEntries().flatMap(one => one.sources.map(source => source.node))))"
                      ".observe({type: 'layout-shift'})")
        for at, state in enumerate([back_off("20s"), None, {"terminated": terminated(1, 0)}, None]):
            api.put_pods(pod(all_names[3], ready=state is None, restarts=at, state=state, last=terminated(1, 1)))
            is_state(page, all_names[3], "Ready" if state is None else "CrashLoopBackOff" if at == 0 else "Error")
        moved = page.evaluate("shifts.filter(node => node && !(node.closest ? node : node.parentElement)?.closest('#log, #trouble, .row small')).map(node => (node.outerHTML || node.data).slice(0, 200))")
        assert not moved, moved
    with claim("500 pods are cells on one screen, and the one in trouble is said first"):
        for name in all_names[12:]:
            api.put("pods", pod(name))
        api.put_slice()
        expect(pods(page)).to_have_count(500)
        for cell in [pods(page).first, pods(page).first.locator(".state")]:
            expect(cell).to_have_css("border-radius", "4px")
        api.put_pods(pod(all_names[400], ready=False, restarts=1, state=back_off("10s"), last=terminated(1, 1)))
        expect(trouble(page)).to_contain_text(all_names[400][-5:])
        until(page, "document.querySelector('#tiles').getBoundingClientRect().bottom <= 768")
        trouble(page).get_by_role("button").first.click()
        expect(page.locator("#name")).to_have_text(all_names[400])
        assert not watch.complaints, watch.complaints
    context.close()
    api.stop()
    server.stop()


TESTS = [test_states, test_acts, test_an_api_that_errs, test_many]
