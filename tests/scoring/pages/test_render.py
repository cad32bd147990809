"""Both pages in a real browser: phone and desktop, light and dark, without a network."""

import numpy as np
import polars as pl
import pytest

from docs.browser import browser, program
from features.table.catalogue import FEATURES
from models.estimators.model import save
from models.settings import read_settings
from scoring.explain import explain_file
from scoring.inspection.inspect_file import inspect_file
from scoring.pages.source_charts import _sources_of

pytestmark = pytest.mark.skipif(program() is None, reason="no chromium is installed")

WIDTHS = {"phone": 390, "desktop": 1280}

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


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture
def visit(chromium):
    """Open a page without a network; gives it, and all that it requested and complained of."""
    visits = []

    def visit(path, *, width, scheme="light"):
        visits.append(
            chromium.new_context(
                viewport={"width": width, "height": 844},
                is_mobile=width == WIDTHS["phone"],
                color_scheme=scheme,
                offline=True,
            )
        )
        requested, complained = [], []
        page = visits[-1].new_page()
        page.on("request", lambda request: requested.append(request.url))
        page.on("console", lambda message: complained.append(message.text))
        page.on("pageerror", lambda error: complained.append(str(error)))
        page.goto(path.as_uri())
        return page, requested, complained

    yield visit
    for one in visits:
        one.close()


@pytest.fixture
def pages(run, rows, tmp_path, model_folder, card_model):
    """Reports of a batch with rejects and flags, a scored applicant, and a thin one."""
    rows[3]["amount_cny"] = "-5"
    rows[4] |= {"firm_id": "nobody", "application_id": "N" * 100}
    rows[5]["purpose"] = "speculation"
    save(card_model, tmp_path / "card")
    (tmp_path / "along").mkdir()
    along = run(rows, shadow=str(tmp_path / "card"), out=tmp_path / "along" / "scored.csv")
    found = {
        "report": run(rows).out.with_suffix(".html"),
        "with a challenger": along.out.with_suffix(".html"),
    }
    for name, application in (("applicant", "A0005"), ("thin", "A0000")):
        found[name] = tmp_path / f"{name}.html"
        explain_file(
            applicants=tmp_path / "applicants.csv",
            signals=run.signals,
            application=application,
            out=found[name],
            model=str(model_folder),
        )
    return found


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_asks_no_network_complains_of_nothing_and_cuts_nothing(
    visit, pages, width, scheme
):
    for path in pages.values():
        page, requested, complained = visit(path, width=width, scheme=scheme)
        assert requested == [path.as_uri()]
        assert complained == []
        assert page.evaluate("innerWidth") == width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT) == []
        assert page.evaluate(FAINT) == []
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert dark == (scheme == "dark")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_an_inspection_scrolls_tables_and_never_the_window(
    visit, tmp_path, width, scheme
):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(900, 30))
    columns = {f"a_rather_long_name_of_a_feature_{j}": X[:, j] for j in range(30)}
    pl.DataFrame({"id": range(900), **columns}).write_csv(tmp_path / "x.csv")
    start = np.datetime64("2023-01-01")
    labels = {"defaulted": X[:, 0] > 1.3, "date": start + rng.integers(0, 900, 900)}
    pl.DataFrame({"id": range(900), **labels}).write_csv(tmp_path / "y.csv")
    inspect_file(
        data=None,
        features=tmp_path / "x.csv",
        labels=tmp_path / "y.csv",
        out=tmp_path / "found.csv",
        config=read_settings(None),
    )
    path = tmp_path / "found.html"
    page, requested, complained = visit(path, width=width, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert requested == [path.as_uri()]
    assert complained == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(FAINT) == []


def test_a_page_that_asks_the_network_complains_and_cuts_is_noticed(visit, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(
        "<script>console.log('here')</script><img src='http://nowhere.test/a.png'>"
        "<p style='color: #999'>faint</p><div style='width: 2000px'>wide</div>",
        encoding="utf-8",
    )
    page, requested, complained = visit(path, width=1280)
    assert requested == [path.as_uri(), "http://nowhere.test/a.png"]
    assert "here" in complained
    assert len(complained) > 1  # the picture did not come
    assert any("wide" in element for element in page.evaluate(CUT))
    assert any("faint" in element for element in page.evaluate(FAINT))


def test_what_is_shown_is_what_was_asked_for(visit, pages):
    page, *_ = visit(pages["report"], width=390)
    text = page.inner_text("body")
    for heading in (
        "Applicants read 读入", "Scores 评分分布", "Decisions 决策", "Grades 等级",
        "Data coverage 数据覆盖", "Flags 提示", "Most frequent reasons 主要原因", "PSI of the PD",
        "Features that moved most 变化最大的指标", "Rejected 拒收与剔除",
    ):  # fmt: skip
        assert heading in text
    page, *_ = visit(pages["applicant"], width=390)
    text = page.inner_text("body")
    for heading in (
        "Score 评分", "Grade 等级", "PD, 12 months 违约概率", "Decision 决策",
        "Default rate of applicants like this", "Adverse reasons 不利因素",
        "average applicant 总体均值", "Tax and invoice 税务发票", "Electricity 用电",
        "Parcel 物流", "E-commerce 电商", ", reason ", "，原因",
    ):  # fmt: skip
        assert heading in text
    assert page.locator("svg.series rect.window").count() > 0
    drawn = page.evaluate(
        "[...document.querySelectorAll('svg.series path')].map(p => p.getBBox().height)"
    )
    assert len(drawn) == 5
    assert max(drawn) > 10


def test_chinese_has_glyphs_of_its_own(visit, pages):
    """A font without Chinese draws one box for every character; here each has its shape."""
    page, *_ = visit(pages["applicant"], width=390)
    # which fonts drew an element is told by the DevTools protocol alone
    protocol = page.context.new_cdp_session(page)
    protocol.send("DOM.enable")
    protocol.send("CSS.enable")
    root = protocol.send("DOM.getDocument")["root"]["nodeId"]
    node = protocol.send("DOM.querySelector", {"nodeId": root, "selector": ".zh"})["nodeId"]
    used = protocol.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    if not any("CJK" in font["familyName"] or "Han" in font["familyName"] for font in used):
        pytest.skip(f"no Chinese font is installed (docs/pages.md says which): {used}")
    assert sum(font["glyphCount"] for font in used) > 10


def test_a_reason_across_sources_marks_its_window_on_each_of_them():
    assert _sources_of("kwh_per_sales_90d") == {"tax", "electricity"}
    assert _sources_of("coverage_tax") == {"tax"}
    assert _sources_of("firm_age") == set()
    for feature in FEATURES:
        if feature.source in {"cross_source", "peers", "coverage"} and feature.days:
            assert _sources_of(feature.name), feature.name
