from xml.etree import ElementTree

from soilloss.workflow.estimate import describe, draw
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site


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
