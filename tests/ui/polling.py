"""The page before three servers behind one address, as a NodePort or an Ingress has them: it knows who answers."""

import os
import re

from browser import CONTRASTS, PODS, ROOT, Kubelet, Server, Service, SubPath, button, claim, is_state, log_has, open_page, percent, pods, tile, until, until_here
from playwright.sync_api import expect

# Every other second, by chance, the page asks whoever answers for its counts, which in half a minute is none of one of three pods
# once in 150 times.
CHANCE = 180_000


def test_three_pods(browser, binary):
    servers = [Server(binary, settings) for settings in PODS]
    by_name = {server.name: server for server in servers}
    kubelet, service = Kubelet(servers), Service(servers)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script("window.violations = []; document.addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective + ' ' + e.blockedURI))")
    page, watch, answer = open_page(context, service.origin + "/ui")

    with claim("the page is gzip, of this server alone, with a strict policy"):
        fields = answer.all_headers()
        with open(os.path.join(ROOT, "src", "ui", "policy.txt")) as file:
            assert fields["content-security-policy"] == file.read(), fields
        assert fields["content-encoding"] == "gzip" and fields["x-content-type-options"] == "nosniff", fields
        assert fields["content-type"] == "text/html; charset=utf-8" and fields["cache-control"] == "no-store", fields
    with claim("three pods are three tiles, each with its zone, node and version"):
        expect(pods(page)).to_have_count(3)
        for settings in PODS:
            for text in [settings["ZONE"], settings["NODE_NAME"], settings["APP_VERSION"]]:
                expect(tile(page, settings["POD_NAME"])).to_contain_text(text)
        expect(page.locator("#pods")).to_have_text("3")
        expect(page.locator("#zones li")).to_have_count(3)
        expect(page.locator("#versions")).to_contain_text("1.4.2")
        expect(page.locator("#versions")).to_contain_text("1.5.0")
    with claim("the shares of versions and zones are bars that are to be seen"):
        bars = page.evaluate("[...document.querySelectorAll('#versions .bar i, #zones .bar i')].map(one => [one.offsetWidth, one.offsetHeight])")
        assert len(bars) == 5 and all(width > 10 and height > 4 for width, height in bars), bars
    with claim("all of them are OK, with the answers of their checks"):
        for name in by_name:
            is_state(page, name, "OK")
            tile(page, name).click()
            expect(page.locator("#checks")).to_contain_text(re.compile(r"health\s*✓ 200\s*live\s*✓ 200\s*ready\s*✓ 200\s*startup\s*–"))
    with claim("each has about a third of the answers"):
        until(page, "view.polls > 30")
        shares = page.evaluate("Object.fromEntries([...pods.keys()].map(name => [name, Math.round(100 * recent.filter(one => one.pod === name).length / recent.length)]))")
        tile(page, "web-1").click()
        expect(page.locator("#facts")).to_contain_text(re.compile(r"answers\s*\d+ %, in \d+ ms"))
        # The counts that are asked for by chance take turns, too.
        assert all(10 <= one <= 60 for one in shares.values()), shares
    with claim("a plan in force is shown with its hit counts"):
        tile(page, "web-2").click()
        expect(page.locator("#rules")).to_contain_text(re.compile(r"ready fail for 1s\s*\d+ of \d+ hit"), timeout=CHANCE)

    with claim("infect: that tile alone turns red and says why"):
        button(page, "Infect", "web-1").click()
        is_state(page, "web-1", "Failing")
        expect(tile(page, "web-1")).to_have_class("bad")
        expect(tile(page, "web-1").locator(".why")).to_have_text("health 500, live 500")
        expect(page.locator("#rules")).to_contain_text(re.compile(r"health fail\s*[1-9]\d* of \d+ hit"), timeout=CHANCE)
        expect(page.locator("#failing")).to_have_text("1")
        expect(page).to_have_title(re.compile("1 of 3 failing"))
        log_has(page, "web-1: infected")
        for name in ["web-0", "web-2"]:
            is_state(page, name, "OK")
            assert "infect" not in by_name[name].call("GET", "/faults")[1]
            assert "live fail" not in by_name[name].call("GET", "/faults")[1]
    with claim("cure: it is OK again"):
        button(page, "Cure", "web-1").click()
        is_state(page, "web-1", "OK")
        log_has(page, "web-1: OK")
        assert by_name["web-1"].call("GET", "/faults")[1] == "", "rules are left"
    for restarts, name in enumerate(["web-1", "web-1", "web-0", "web-2"], 1):
        with claim(f"kill {name}: it restarts once and no other does ({restarts} of 4)"):
            before = {one.name: one.starts for one in servers}
            button(page, "Kill", name).click()
            log_has(page, f"{name}: killed")
            expect(page.locator("#restarts")).to_have_text(str(restarts))
            expect(button(page, "Kill", name)).not_to_have_attribute("aria-busy", "true")
            is_state(page, name, "OK")
            starts = {one.name: one.starts - before[one.name] for one in servers}
            assert starts == {one: int(one == name) for one in by_name}, starts
    with claim("the restarts are on the tiles"):
        for name, times in [("web-0", "1"), ("web-1", "2"), ("web-2", "1")]:
            expect(tile(page, name)).to_contain_text(f"{times}×")

    with claim("an app fault shows as errors of that pod, and the polls go on to the others"):
        # The state follows the last twenty polls of each, which take half a minute at the usual pace.
        page.locator("#rate").select_option("200")
        before = int(page.evaluate("view.polls"))
        by_name["web-2"].call("POST", "/faults", "app fail 503")
        is_state(page, "web-2", "Failing")
        expect(tile(page, "web-2").locator(".why")).to_contain_text("polls 503")
        until(page, f"view.polls > {before} + 40")
        # Also when it fails, /whoami has to close, or the browser would ask the failing one again and again.
        shares = page.evaluate("Object.fromEntries([...pods.keys()].map(name => [name, recent.slice(-30).filter(one => one.pod === name).length]))")
        assert all(5 <= one <= 15 for one in shares.values()) and percent(page, "#errors") >= 5, shares
        expect(page.locator("#versions")).to_contain_text("failed")
    with claim("so does a dropped connection, which is nobody's"):
        by_name["web-2"].call("PUT", "/faults", "app drop")
        log_has(page, "a poll failed: no answer")
        is_state(page, "web-0", "OK")
    with claim("and it ends with the cure, through the page"):
        button(page, "Cure", "web-2").click()
        log_has(page, "web-2: cured")
        is_state(page, "web-2", "OK")

    with claim("the CPU button burns the CPU of that pod"):
        before = {name: server.cpu_seconds() for name, server in by_name.items()}
        button(page, "CPU", "web-0").click()
        log_has(page, "web-0: burned one core for 10 s")
        burned = {name: round(server.cpu_seconds() - before[name], 1) for name, server in by_name.items()}
        # Ten seconds, where the machine has nothing else to do.
        assert burned["web-0"] > 0.5 and burned["web-0"] > 2 * max(burned["web-1"], burned["web-2"]), burned

    with claim("keyboard: arrows choose a pod, Enter goes to its buttons, Enter and Space press them, and the focus stays"):
        page.locator("#rate").select_option("500")
        page.locator("#tiles").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        expect(tile(page, "web-2")).to_have_attribute("aria-selected", "true")
        assert page.locator("#tiles").get_attribute("aria-activedescendant") == "pod-web-2"
        page.keyboard.press("Enter")
        focused = "document.activeElement.getAttribute('aria-label')"
        until(page, f"{focused} === 'Infect web-2'")
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "no focus to be seen"
        page.keyboard.press("Enter")
        is_state(page, "web-2", "Failing")
        assert page.evaluate(focused) == "Infect web-2"
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        is_state(page, "web-2", "OK")
    with claim("screen reader: events are said, pictures have words"):
        log = page.get_by_role("log", name="Events")
        assert log.get_attribute("aria-live") == "off", "the log would chatter"
        expect(page.get_by_role("status")).to_contain_text("web-2")
        expect(log).to_contain_text("web-2: infected")
        expect(page.get_by_role("img", name=re.compile(r"1\.4\.2 \d+ %, 1\.5\.0 \d+ %"))).to_have_count(1)
        expect(page.get_by_role("img", name=re.compile(r"\d+ of the last 20 answers failed"))).to_have_count(1)
        expect(page.get_by_role("img", name=re.compile(r"3 pods, the last three minutes"))).to_have_count(1)
        expect(page.get_by_role("option", name="web-0, OK, nothing wrong")).to_have_count(1)

    with claim("pause and a hidden tab: no poll"):
        for stop, go in [
            ("$('pause').click()", "$('pause').click()"),
            ("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})", "delete document.hidden"),
        ]:
            page.evaluate(stop)
            until(page, "flying === 0")
            before = page.evaluate("view.polls")
            page.wait_for_timeout(1500)  # three times the pace: nothing to wait for, as nothing is to happen
            assert page.evaluate("view.polls") == before, stop
            page.evaluate(go)
            until(page, f"view.polls > {before} + 2")
    with claim("it asked for nothing but whoami, faults and what buttons do; never for a check"):
        paths = {url.removeprefix(service.origin) for url in watch.requests}
        assert paths == {"/ui", "/whoami", "/faults", "/infect", "/cure", "/kill", "/cpu"}, paths
    with claim("no error on the console, no violation of the policy"):
        assert not watch.complaints and page.evaluate("violations") == [], (watch.complaints, page.evaluate("violations"))
    with claim("and the policy is in force: a script, a style and HTML from text are refused"):
        assert page.evaluate("""() => {
            const script = document.createElement('script'), style = document.createElement('style');
            let typed = 'no';
            try { script.textContent = 'window.hacked = 1'; document.body.append(script); } catch { typed = 'yes'; }
            try { document.body.innerHTML = '<p>'; } catch { typed += ' yes'; }
            style.textContent = 'body { color: rgb(1, 2, 3) }';
            document.body.append(style);
            return [typed, window.hacked, getComputedStyle(document.body).color];
        }""")[0:2] == ["yes yes", None]
        assert page.evaluate("getComputedStyle(document.body).color") != "rgb(1, 2, 3)"
    page.close()

    with claim("phone: nothing is wider than 390 pixels, targets are 40 high, the timeline's times stand apart; dark mode is dark"):
        phone = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
        phone.add_init_script("""
            window.texts = [];
            const write = CanvasRenderingContext2D.prototype.fillText;
            CanvasRenderingContext2D.prototype.fillText = function (text, x, ...rest) {
                const half = this.measureText(text).width / 2;
                if (this.textAlign === 'center') texts.push([text, x - half, x + half]);
                write.call(this, text, x, ...rest);
            };
        """)
        page, _, _ = open_page(phone, service.origin + "/ui")
        expect(pods(page)).to_have_count(3)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert min(page.evaluate("[...document.querySelectorAll('#acts button:not([hidden])')].map(b => b.offsetHeight)")) >= 40
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 16, 21)"
        times = page.evaluate("texts.slice(texts.findLastIndex(one => one[0] === '\u22122 min'))")
        assert len(times) >= 4 and all(before[2] < after[1] for before, after in zip(times, times[1:])), times
        phone.close()
    for scheme in ["light", "dark"]:
        with claim(f"contrast of every text is 4.5 or more, a red tile and one that is not ready included: {scheme}"):
            by_name["web-1"].call("POST", "/faults", "health fail; live fail")
            by_name["web-2"].call("POST", "/faults", "ready fail")
            coloured = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
            page, _, _ = open_page(coloured, service.origin + "/ui")
            is_state(page, "web-1", "Failing")
            is_state(page, "web-2", "Not ready")
            contrasts = page.evaluate(CONTRASTS)
            assert len(contrasts) > 60 and contrasts[0][0] >= 4.5, contrasts[:4]
            for name in ["web-1", "web-2"]:
                by_name[name].call("DELETE", "/faults")
            coloured.close()

    with claim("with colours of the user's own the states still have theirs"):
        forced = browser.new_context(forced_colors="active")
        page, _, _ = open_page(forced, service.origin + "/ui")
        expect(pods(page)).to_have_count(3)
        for selector in ["#signs .ok i", "#tiles .ok .state"]:
            expect(page.locator(selector).first).to_have_css("background-color", "rgb(26, 127, 55)")
        forced.close()
    with claim("without JavaScript: links to whoami, faults and metrics"):
        plain = browser.new_context(java_script_enabled=False)
        page, _, _ = open_page(plain, service.origin + "/ui")
        links = page.locator("noscript a")
        assert [link.get_attribute("href") for link in links.all()] == ["whoami", "faults", "metrics"]
        links.first.click()
        expect(page.locator("body")).to_contain_text('"pod":"web-')
        plain.close()

    with claim("under a sub-path: three tiles, infect and cure"):
        sub_path = SubPath(servers)
        page, watch, _ = open_page(context, sub_path.origin + "/some/path/ui")
        expect(pods(page)).to_have_count(3)
        button(page, "Infect", "web-0").click()
        is_state(page, "web-0", "Failing")
        button(page, "Cure", "web-0").click()
        is_state(page, "web-0", "OK")
        assert all(url.startswith(sub_path.origin + "/some/path/") for url in watch.requests), set(watch.requests)
        assert not watch.complaints, watch.complaints
        page.close()

    with claim("a pod that is no more is shown as gone, then not at all"):
        page = context.new_page()
        page.clock.install()
        page.goto(service.origin + "/ui")
        page.locator("#rate").select_option("200")
        expect(pods(page)).to_have_count(3)
        by_name["web-2"].stop()
        is_state(page, "web-2", "Gone")
        expect(button(page, "Kill", "web-2")).to_be_hidden()
        page.clock.fast_forward(61_000)
        expect(pods(page)).to_have_count(2)
        log_has(page, "web-2: Gone")
        page.close()

    kubelet.stop()
    context.close()
    for server in servers[:2]:
        server.stop()


def test_token(browser, binary):
    servers = [Server(binary, {**settings, "CONTROL": "token:sesame"}) for settings in PODS[:2]]
    context = browser.new_context()
    page, watch, _ = open_page(context, Service(servers).origin + "/ui")
    dialog, field = page.get_by_role("dialog", name="Control needs a token"), page.get_by_label("Token for web-1")
    expect(pods(page)).to_have_count(2)

    with claim("token: asked for in a dialog, which Escape leaves without doing anything"):
        button(page, "Infect", "web-1").click()
        expect(dialog).to_be_visible()
        expect(field).to_be_focused()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        log_has(page, "web-1: nothing done, no token")
        assert servers[1].call("GET", "/faults")[1] == ""
    with claim("token: a wrong one is asked for again, the right one is used from then on"):
        button(page, "Infect", "web-1").click()
        expect(field).to_be_focused()
        page.keyboard.type("open")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Wrong. Token for")).to_be_visible()
        page.keyboard.type("sesame")
        page.keyboard.press("Enter")
        log_has(page, "web-1: infected")
        is_state(page, "web-1", "Failing")
        expect(tile(page, "web-1").locator(".why")).to_have_text("health would fail, live would fail")
        expect(dialog).to_be_hidden()
        button(page, "Cure", "web-1").click()
        log_has(page, "web-1: cured")
        button(page, "Kill", "web-0").click()
        log_has(page, "web-0: killed")
        until_here(page, lambda: servers[0].starts == 2)
        assert servers[1].starts == 1
        assert not watch.complaints, watch.complaints
    context.close()
    for server in servers:
        server.stop()


def test_off_and_hostile(browser, binary):
    server = Server(binary, {**PODS[0], "CONTROL": "off", "FAULTS": "health fail 40%"})
    context = browser.new_context()
    service = Service([server])
    page, _, _ = open_page(context, service.origin + "/ui")
    with claim("CONTROL=off: the plan without counts, no buttons"):
        tile(page, "web-0").click()
        expect(page.locator("#rules")).to_contain_text("health fail 40%")
        expect(button(page, "Kill", "web-0")).to_be_hidden()
    page.close()
    with claim("what comes from outside stays text"):
        name = "<img src=x onerror=window.hacked=1>"
        page = context.new_page()
        page.route("**/whoami", lambda route: route.fulfill(json={
            "pod": name, "zone": name, "node": name, "version": name, "started": name, "uptime_seconds": 1,
            "checks": {"health": name}, "faults": [name],
        }))
        page.goto(service.origin + "/ui")
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.locator("#versions")).to_contain_text(name)
        expect(page.locator("#zones")).to_contain_text(name)
        assert page.locator("img:not([class])").count() == 0 and page.evaluate("window.hacked") is None
    page.close()
    with claim("a zone and a version may be called as what every object has"):
        page = context.new_page()
        page.route("**/whoami", lambda route: route.fulfill(json={
            "pod": "web-0", "zone": "constructor", "version": "__proto__", "started": "2026", "uptime_seconds": 1, "checks": {}, "faults": [],
        }))
        page.goto(service.origin + "/ui")
        expect(page.locator("#zones")).to_have_text("constructor100 %")
        expect(page.locator("#versions")).to_have_text("__proto__100 %")
        page.close()
    with claim("and so does what looks like the page's own way to tell of elements"):
        element = ["img", {"src": "x"}, "told"]
        page = context.new_page()
        page.route("**/whoami", lambda route: route.fulfill(json={
            "pod": "web-0", "zone": element, "node": element, "version": element, "started": "2026", "uptime_seconds": 1,
            "checks": {"health": 200, "live": 200, "ready": element}, "faults": [element],
        }))
        page.goto(service.origin + "/ui")
        for shown in [tile(page, "web-0"), page.locator("#rules"), page.locator("#checks"), page.locator("#versions"), page.locator("#zones"), page.locator("#facts")]:
            expect(shown).to_contain_text("img,[object Object],told")
        assert page.locator("img").count() == 0
    context.close()
    server.stop()

TESTS = [test_three_pods, test_token, test_off_and_hostile]
