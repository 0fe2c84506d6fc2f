"""The page: accessible, safe, self-contained, fit for print, phones and desktops."""

import html
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from reported import EVIL

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def test_tables_have_captions_scopes_and_can_be_scrolled_by_keyboard(read):
    assert len(read.all("caption")) == len(read.all("table")) >= 3
    assert all(a.get("scope") in ("col", "row") for a in read.all("th"))
    boxes = [a for a in read.all("div") if a.get("class") == "scroll"]
    assert len(boxes) == len(read.all("table"))
    assert all(box["tabindex"] == "0" and box["aria-labelledby"] in read.ids for box in boxes)


def test_nothing_is_loaded_from_elsewhere(read, page):
    for tag in ("script", "link", "img", "iframe", "object", "image"):
        assert read.all(tag) == []
    for _, attributes in read.tags:
        for key in ("src", "href", "xlink:href"):
            assert attributes.get(key, "#").startswith("#")
    assert "@import" not in page
    assert all(part.startswith("#") for part in page.split("url(")[1:])


def test_every_figure_has_a_title_and_its_numbers_in_words(read, page, verdict):
    figures = [ElementTree.fromstring(f"<svg{part.split('</svg>')[0]}</svg>")
               for part in page.split("<svg")[1:]]  # fmt: skip
    rungs, layers, looked_at = len(verdict.rungs), 2, 2
    assert len(figures) == 3 + rungs * (layers + 1) + 2 * looked_at + 1
    for figure in figures:
        assert figure.get("role") == "img"
        title, desc = list(figure)[:2]
        assert (title.tag, desc.tag) == ("title", "desc")
        assert figure.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
        assert title.text
        assert any(c.isdigit() for c in desc.text)
    assert len(set(read.ids)) == len(read.ids)
    referred = {part.split(")")[0][1:] for part in page.split("url(")[1:]}
    referred |= {a["href"][1:] for a in read.all("use")}
    assert referred <= set(read.ids)


def test_figures_take_the_colours_of_the_page(page):
    assert "#010203" not in page
    assert "#0072b2" not in page[page.index("</style>") :]
    assert page.count("<style") == 1
    assert "currentColor" in page


def test_names_of_users_are_text(read, page):
    assert EVIL not in page
    assert "<script" not in page
    assert html.escape(EVIL, quote=False) in page.replace("&#39;", "'")
    assert f"net {EVIL}" in read.text["h1"]
    assert EVIL in read.text["desc"]
    assert "brianbridge verify" in read.text["code"]


def test_closed_parts_are_printed_and_headings_stay_with_what_follows(page):
    printed = page[page.index("@media print") : page.index("</style>")]
    assert "details::details-content { content-visibility: visible" in printed
    assert "break-after: avoid" in printed


# The page in a frame as wide as a phone or a desktop; headless windows cannot be that narrow.
FRAME = """<!doctype html><body><iframe id="f" width="{width}" height="{height}" srcdoc="{page}">
</iframe><p id="found"></p><script>
document.getElementById("f").onload = function () {{
  const page = this.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("main > *, section > *, figure, svg")].filter(
    e => e.getBoundingClientRect().right > root.clientWidth + 1).length;
  page.querySelectorAll("details").forEach(d => {{ d.open = true; }});
  const texts = [...page.querySelectorAll("svg text")].filter(
    e => e.getBoundingClientRect().width);
  const small = texts.filter(e => {{
    const at = e.getCTM(), size = parseFloat(getComputedStyle(e).fontSize);
    return Math.hypot(at.a, at.b) * size < 9; }}).length;
  const clipped = texts.filter(e => {{
    const box = e.getBoundingClientRect();
    return box.left < -1 || box.right > root.clientWidth + 1; }}).length;
  document.getElementById("found").textContent = [root.scrollWidth - root.clientWidth, wide, small,
    clipped, getComputedStyle(page.body).color].join("|");
}};
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize(("mode", "light_ink"), [("light", False), ("dark", True)])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_the_page_fits_a_phone_and_a_desktop_in_light_and_dark(
    page, tmp_path, width, height, mode, light_ink
):
    file = tmp_path / "frame.html"
    file.write_text(
        FRAME.format(width=width, height=height, page=html.escape(page)), encoding="utf-8"
    )
    preferred = {"light": "1", "dark": "0"}[mode]
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width + 40},{height + 100}",
        f"--blink-settings=preferredColorScheme={preferred}", "--virtual-time-budget=5000",
        "--dump-dom", Path(file).as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = done.stdout.rsplit('<p id="found">', 1)[1].split("</p>")[0]
    overflow, wide, small, clipped, colour = found.split("|")
    assert (overflow, wide, small, clipped) == ("0", "0", "0", "0")
    ink = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (min(ink) > 128) is light_ink
