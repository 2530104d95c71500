from xml.etree import ElementTree

from soilloss.workflow.estimate import describe, draw
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site
from soilloss.workflow.stored import Limits


def test_plan_tells_what_is_read_stored_and_in_the_pass(landscape):
    described = describe(open_site(landscape / "project.yml"))
    steps = {s["variable"]: s for s in described["steps"]}
    assert (steps["elevation"]["place"], steps["contributing_area"]["place"]) == ("read", "stored")
    assert steps["contributing_area"]["state"] == "to make"
    assert steps["cover"]["place"] == "pass"
    assert described["memory_bytes"] > 0
    assert "soil_loss/2002.tif" in described["maps"]
    execute(open_site(landscape / "project.yml"))
    again = describe(open_site(landscape / "project.yml", {"methods.cover.alpha": 3}))
    assert {s["state"] for s in again["steps"] if s["place"] == "stored"} == {"reused"}


def test_drawing_is_svg_with_a_box_per_step(landscape):
    described = describe(open_site(landscape / "project.yml"))
    root = ElementTree.fromstring(draw(described))
    assert len([e for e in root if e.tag.endswith("rect")]) == len(described["steps"])
    assert any(e.tag.endswith("path") for e in root)


def test_the_plan_of_a_grid_beyond_the_memory_speaks_of_tiles(landscape):
    site = open_site(landscape / "project.yml", {"methods.cover.alpha": 4, "methods.contributing_area.exponent": 1.2})
    within, beyond = describe(site), describe(site, Limits(memory=1e3), 1)
    assert within["tile"] is None
    assert beyond["tile"] == 512
    assert "flow goes through tiles of 512 x 512 cells" in beyond["words"]
    assert beyond["disk_bytes"] > within["disk_bytes"]
