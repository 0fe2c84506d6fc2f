"""A verdict whose names are hostile, its page, and the elements of the page."""

import pytest
from reported import EVIL, LADDER, Reader, network, samples

from brianbridge.ladder.verify import verify
from brianbridge.report.page import page_of


@pytest.fixture(scope="module")
def verdict():
    from brian2 import prefs

    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    found = verify(network(), samples(), LADDER, name=f"net {EVIL}")
    prefs.codegen.target = before
    return found


@pytest.fixture(scope="module")
def page(verdict):
    from brian2 import prefs

    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    text = page_of(verdict, f"brianbridge verify '{EVIL}'")
    prefs.codegen.target = before
    return text


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader
