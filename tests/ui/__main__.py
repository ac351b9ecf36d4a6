#!/usr/bin/env python3
"""The page /ui in a real browser, Debian's chromium: against three servers behind one address, as a Service has it, and against a fake API
server. Each claim is one `ok` or `not ok` line, exit 1 when one fails.

    tests/ui/__main__.py [BINARY] [NAME...]         BINARY: target/release/probeserver by default; NAME: of tests, all by default;
                                                    needs scripts/setup ui
    tests/ui/__main__.py [BINARY] --screenshots DIR no tests: PNGs of an experiment under way, into DIR

Everything is on loopback, with ports that the kernel chooses.
"""

import os
import sys

if {"-h", "--help"} & set(sys.argv[1:]):
    print(__doc__.strip())
    sys.exit()

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
VENV = os.environ.get("PROBESERVER_VENV", os.path.join(ROOT, "target", "venv"))
sys.path.insert(0, HERE)
try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    python = os.path.join(VENV, "bin", "python3")
    if sys.executable == python or not os.path.exists(python):
        sys.exit("tests/ui: no playwright: scripts/setup ui")
    os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])

import browser
import cluster_view
import firefox
import polling
import screenshots


def misused():
    print(__doc__.strip(), file=sys.stderr)
    sys.exit(2)


def main():
    arguments = sys.argv[1:]
    folder = None
    if "--screenshots" in arguments:
        at = arguments.index("--screenshots")
        if at + 1 == len(arguments):
            misused()
        folder = arguments.pop(at + 1)
        arguments.pop(at)
    tests = {test.__name__.removeprefix("test_"): test for test in [*polling.TESTS, *cluster_view.TESTS]}
    wanted = [one for one in arguments if one in tests or one == "firefox"]
    rest = [one for one in arguments if one not in wanted]
    if len(rest) > 1 or any(one.startswith("-") for one in rest):
        misused()
    binary = os.path.abspath((rest or [os.path.join(ROOT, "target", "release", "probeserver")])[0])
    if not os.access(binary, os.X_OK):
        sys.exit(f"tests/ui: no {binary}: cargo build --release")
    expect.set_options(timeout=browser.PATIENCE * 1000)
    with sync_playwright() as playwright:
        # As root chromium's own sandbox does not work; all that it loads here is ours.
        chromium = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=["--no-sandbox"])
        if folder:
            return screenshots.take(chromium, binary, folder)
        for name, test in tests.items():
            if not wanted or name in wanted:
                test(chromium, binary)
        chromium.close()
    if not wanted or "firefox" in wanted:
        firefox.test(binary)
    print(f"{browser.counts['passed']} passed, {browser.counts['failed']} failed")
    sys.exit(1 if browser.counts["failed"] else 0)


main()
