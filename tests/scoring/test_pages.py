"""Both pages in a real browser: phone and desktop, light and dark, without a network."""

import fcntl
import json
import os
import select
import shutil
import time

import pytest

from features.catalogue import FEATURES
from scoring.explain import explain_file
from scoring.source_charts import _sources_of

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

WIDTHS = {"phone": 390, "desktop": 1280}
SECONDS = 60

CUT = """[...document.querySelectorAll('body *')]
  .filter(e => !e.closest('svg') && e.getBoundingClientRect().width > 0)
  .filter(e => {
    const box = e.getBoundingClientRect();
    return box.left < -1 || box.right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1 &&
      getComputedStyle(e).display !== 'inline' && getComputedStyle(e).overflowX !== 'visible';
  }).map(e => e.outerHTML.slice(0, 120))"""
"""Elements that stand out of the window, or hide or scroll some of what they hold."""

FAINT = """(() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, weight, k) => {
    const v = rgb(c)[k] / 255;
    return sum + weight * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  }, 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (rgb(c).length === 3 || rgb(c)[3] === 1) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('body *')].filter(e => {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own) return false;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5;
  }).map(e => e.outerHTML.slice(0, 120));
})()"""
"""Elements whose text stands out from its ground by less than 4.5 to 1 (WCAG 2.2, 1.4.3)."""


class Browser:
    """Chromium over the two pipes of its DevTools protocol, which need no library.

    Reference: https://chromedevtools.github.io/devtools-protocol/
    """

    def __init__(self, profile):
        to_browser, self._out = (_high(fd) for fd in os.pipe())
        self._in, from_browser = (_high(fd) for fd in os.pipe())
        self.pid = os.posix_spawn(
            CHROMIUM,
            [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--hide-scrollbars",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={profile}",
                "--remote-debugging-pipe",
                "about:blank",
            ],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, to_browser, 3),
                (os.POSIX_SPAWN_DUP2, from_browser, 4),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )
        os.close(to_browser)
        os.close(from_browser)
        self._count, self._rest, self.events = 0, b"", []
        targets = self("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self("Target.attachToTarget", targetId=page, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self(f"{domain}.enable")

    session = None

    def __call__(self, method, **params):
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda m: m.get("id") == self._count)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path, *, width, scheme="light"):
        """Load a page and return everything that was requested and complained of."""
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.events.clear()
        self("Page.navigate", url=path.as_uri())
        if not any(m.get("method") == "Page.loadEventFired" for m in self.events):
            self._until(lambda m: m.get("method") == "Page.loadEventFired")
        named = {"requested": [], "complained": []}
        for event in self.events:
            params = event.get("params", {})
            if event.get("method") == "Network.requestWillBeSent":
                named["requested"].append(params["request"]["url"])
            elif event.get("method") in {
                "Log.entryAdded",
                "Runtime.consoleAPICalled",
                "Runtime.exceptionThrown",
            }:
                named["complained"].append(params)
        return named

    def value(self, script):
        """What a JavaScript expression is worth on the page."""
        answer = self("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def close(self):
        self.session = None
        self("Browser.close")
        os.waitpid(self.pid, 0)
        os.close(self._out)
        os.close(self._in)

    def _until(self, wanted):
        deadline = time.monotonic() + SECONDS
        while True:
            while b"\0" in self._rest:
                head, self._rest = self._rest.split(b"\0", 1)
                message = json.loads(head)
                self.events.append(message)
                if wanted(message):
                    return message
            ready, _, _ = select.select([self._in], [], [], deadline - time.monotonic())
            assert ready, "the browser does not answer"
            self._rest += os.read(self._in, 1 << 20)


def _high(fd):
    """Move a descriptor out of the way of 3 and 4, which the browser expects."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(fd)
    return moved


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def pages(run, rows, write, tmp_path, model_folder):
    """The report of a batch with rejects and flags, a scored applicant, and a thin one."""
    rows[3]["amount_cny"] = "-5"
    rows[4] |= {"firm_id": "nobody", "application_id": "N" * 100}
    rows[5]["purpose"] = "speculation"
    found = {"report": run(rows).out.with_suffix(".html")}
    for name, application in (("applicant", "A0005"), ("thin", "A0000")):
        found[name] = tmp_path / f"{name}.html"
        explain_file(
            applicants=write(rows),
            signals=run.signals,
            application=application,
            out=found[name],
            model=str(model_folder),
        )
    return found


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_asks_no_network_complains_of_nothing_and_cuts_nothing(
    browser, pages, width, scheme
):
    for path in pages.values():
        seen = browser.open(path, width=width, scheme=scheme)
        assert seen == {"requested": [path.as_uri()], "complained": []}
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value(CUT) == []
        assert browser.value(FAINT) == []
        dark = browser.value("matchMedia('(prefers-color-scheme: dark)').matches")
        assert dark == (scheme == "dark")


def test_what_is_shown_is_what_was_asked_for(browser, pages):
    browser.open(pages["report"], width=390)
    text = browser.value("document.body.innerText")
    for heading in (
        "Applicants read 读入", "Scores 评分分布", "Decisions 决策", "Grades 等级",
        "Data at hand 数据覆盖", "Flags 提示", "Most frequent reasons 主要原因", "PSI of the PD",
        "Features that moved most 变化最大的指标", "Rejected 拒收与剔除",
    ):  # fmt: skip
        assert heading in text
    browser.open(pages["applicant"], width=390)
    text = browser.value("document.body.innerText")
    for heading in (
        "Score 评分", "Grade 等级", "PD, 12 months 违约概率", "Decision 决策",
        "Default rate of applicants like this", "Reasons that speak against 不利因素",
        "average applicant 总体均值", "Tax and invoice 税务发票", "Electricity 用电",
        "Parcel 物流", "E-commerce 电商", ", reason ", "，原因",
    ):  # fmt: skip
        assert heading in text
    assert browser.value("document.querySelectorAll('svg.series rect.window').length") > 0
    drawn = browser.value(
        "[...document.querySelectorAll('svg.series path')].map(p => p.getBBox().height)"
    )
    assert len(drawn) == 5
    assert max(drawn) > 10


def test_chinese_has_glyphs_of_its_own(browser, pages):
    """A font without Chinese draws one box for every character; here each has its shape."""
    browser.open(pages["applicant"], width=390)
    browser("DOM.enable")
    browser("CSS.enable")
    root = browser("DOM.getDocument")["root"]["nodeId"]
    node = browser("DOM.querySelector", nodeId=root, selector=".zh")["nodeId"]
    used = browser("CSS.getPlatformFontsForNode", nodeId=node)["fonts"]
    if not any("CJK" in font["familyName"] or "Han" in font["familyName"] for font in used):
        pytest.skip(f"no Chinese font is installed (docs/commands.md says which): {used}")
    assert sum(font["glyphCount"] for font in used) > 10


def test_a_reason_across_sources_marks_its_window_on_each_of_them():
    assert _sources_of("kwh_per_sales_90d") == {"tax", "electricity"}
    assert _sources_of("coverage_tax") == {"tax"}
    assert _sources_of("firm_age") == set()
    for feature in FEATURES:
        if feature.source in {"across", "peers", "coverage"} and feature.days:
            assert _sources_of(feature.name), feature.name
