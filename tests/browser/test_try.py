"""Open the workbench in JupyterLab and take pictures."""
import pytest
from tests.browser.pages import LabPage
from tests.browser.conftest import *  # noqa
from tests.conftest import *  # noqa
from playwright.sync_api import expect
def test_it(lab, installation, start_worker):
    import photoqueue
    from photoqueue import Settings
    lab.run_notebook(["from photoqueue import Workbench\nwb = Workbench()\nwb"])
    lab.page.wait_for_timeout(5000)
    lab.screenshot("wb-empty")
    start_worker()
    lab.page.get_by_label("Source", exact=True).select_option("Sample homes")
    lab.page.wait_for_timeout(1500)
    lab.screenshot("wb-samples")
    lab.page.get_by_role("button", name="Submit").click()
    lab.page.wait_for_timeout(9000)
    lab.screenshot("wb-jobs")
    for tab in ("Photos","Inventory","Charts","System"):
        lab.page.get_by_role("tab", name=tab).click()
        lab.page.wait_for_timeout(2500)
        lab.screenshot("wb-"+tab.lower())
