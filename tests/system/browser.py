#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""browser.py CHROMIUM PAGE.html WIDTH light|dark [SCREENSHOT.png]: opens a file in a headless Chromium
that has no network, and prints what came of it as JSON: console (errors and warnings), requests (all
URLs that it asked for, data: left out), overflow (pixels that the page is too wide), background,
images (how many, and those that cannot be decoded), and of each svg by its id: width, height, marks
(elements of nonzero size that draw data), outside (texts that reach out of it), overlaps (pairs of
texts that cover each other), letters (height of the smallest text), points (series, x, y, and how far
off the place that its axes give it is drawn), values (of bars, by their names)."""
import base64
import json
import os
import subprocess
import sys
import tempfile

PROBE = r"""(async () => {
const box = e => e.getBoundingClientRect();
const covers = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
	Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
// How far from its value's place something is drawn, as the axis's ticks have it: between two of them,
// or by their logarithms. Two ticks alone do not tell which.
function off(svg, name, value, at) {
	const t = [...svg.querySelectorAll(`.${name} .tick`)].map(e =>
		[Number(e.dataset.value), Number(e.dataset.at)]);
	if (t.length < 2) return null;
	const a = t[0], b = t[t.length - 1];
	const place = (f, v) => a[1] + (f(v) - f(a[0])) * (b[1] - a[1]) / (f(b[0]) - f(a[0]));
	return Math.min(...[x => x, Math.log].filter(f => t.every(u => Math.abs(place(f, u[0]) - u[1]) < 0.1))
		.map(f => Math.abs(place(f, value) - at)));
}
function figure(svg) {
	const r = box(svg), texts = [...svg.querySelectorAll("text")].filter(t => box(t).width > 0);
	const out = { width: r.width, height: r.height, outside: [], overlaps: [] };
	out.marks = [...svg.querySelectorAll(".series path[d], .dot, .bar, .area, image, .step")]
		.filter(e => box(e).width > 0 || box(e).height > 0).length;
	for (const t of texts) {
		const b = box(t);
		if (b.left < r.left - 1 || b.right > r.right + 1 || b.top < r.top - 1 || b.bottom > r.bottom + 1)
			out.outside.push(t.textContent);
	}
	texts.forEach((t, i) => texts.slice(i + 1).forEach(u => {
		if (covers(box(t), box(u))) out.overlaps.push([t.textContent, u.textContent]);
	}));
	out.points = [...svg.querySelectorAll("circle[data-x]")].map(c => ({
		series: c.closest("g").dataset.name || "", x: Number(c.dataset.x), y: Number(c.dataset.y),
		off: Math.max(off(svg, "x-axis", Number(c.dataset.x), c.cx.baseVal.value),
			off(svg, "y-axis", Number(c.dataset.y), c.cy.baseVal.value)) }));
	out.letters = Math.min(...texts.map(t => box(t).height));
	out.values = [...svg.querySelectorAll("[data-name][data-value]")].map(e =>
		[e.dataset.name, Number(e.dataset.value)]);
	return out;
}
const images = [...document.querySelectorAll("image")], broken = [];
for (const i of images) {
	const probe = new Image();
	probe.src = i.href.baseVal;
	try { await probe.decode(); } catch (e) { broken.push(i.href.baseVal.slice(0, 60)); }
}
const svgs = {};
for (const s of document.querySelectorAll("svg")) svgs[s.id] = figure(s);
return JSON.stringify({ title: document.title, images: images.length, broken, svgs,
	overflow: document.documentElement.scrollWidth - window.innerWidth,
	background: getComputedStyle(document.body).backgroundColor,
	tables: [...document.querySelectorAll("table")].map(t => [t.id, t.rows.length]),
	scripts: document.scripts.length });
})()"""


class Browser:
    def __init__(self, program, profile):
        to, self.write = os.pipe()
        self.read, of = os.pipe()

        def descriptors():
            # Above 4 first: the pipes may have these numbers.
            high = [os.dup(to), os.dup(of)]
            while min(high) <= 4:
                high = [os.dup(h) for h in high]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.child = subprocess.Popen(
            [program, "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
             "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
             "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND",
             "--user-data-dir=" + profile, "about:blank"],
            preexec_fn=descriptors, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to)
        os.close(of)
        self.n, self.rest, self.events, self.session = 0, b"", [], None

    def receive(self):
        while b"\0" not in self.rest:
            more = os.read(self.read, 1 << 20)
            if not more:
                sys.exit("browser.py: the browser has left: status %s" % self.child.wait())
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            m = self.receive()
            if m.get("id") == self.n:
                if "error" in m:
                    sys.exit("browser.py: %s: %s" % (method, m["error"]))
                return m["result"]
            self.events.append(m)

    def wait(self, event):
        while not any(m.get("method") == event for m in self.events):
            self.events.append(self.receive())

    def of(self, event):
        return [m["params"] for m in self.events if m.get("method") == event]


def look(browser, page, width, scheme, picture):
    targets = browser.call("Target.getTargets")["targetInfos"]
    target = next(t["targetId"] for t in targets if t["type"] == "page")
    browser.session = browser.call("Target.attachToTarget", targetId=target,
                                   flatten=True)["sessionId"]
    for domain in "Page", "Runtime", "Log", "Network", "Security", "Audits":
        browser.call(domain + ".enable")
    browser.call("Network.emulateNetworkConditions", offline=True, latency=0,
                 downloadThroughput=0, uploadThroughput=0)
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                 deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.call("Page.navigate", url="file://" + os.path.abspath(page))
    browser.wait("Page.loadEventFired")
    result = browser.call("Runtime.evaluate", expression=PROBE, awaitPromise=True)["result"]
    if result.get("type") != "string":
        sys.exit("browser.py: the probe failed: %s" % result)
    seen = json.loads(result["value"])
    if picture:
        shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True)
        with open(picture, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
    urls = [m["request"]["url"] for m in browser.of("Network.requestWillBeSent")]
    seen["requests"] = [u for u in urls if not u.startswith("data:")]
    seen["console"] = (
        [m["entry"]["text"] for m in browser.of("Log.entryAdded")] +
        [str(m["args"]) for m in browser.of("Runtime.consoleAPICalled")] +
        [m["exceptionDetails"]["text"] for m in browser.of("Runtime.exceptionThrown")] +
        [m["issue"]["code"] for m in browser.of("Audits.issueAdded")])
    return seen


def main():
    program, page, width, scheme = sys.argv[1:5]
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(program, profile)
        try:
            seen = look(browser, page, int(width), scheme, (sys.argv[5:] or [None])[0])
        finally:
            browser.child.kill()
            browser.child.wait()
    print(json.dumps(seen, indent=1))


main()
