import pandas as pd

from soilloss.workflow.analyses import effect

COLUMNS = ["place", "class", "effect", "area [ha]", "soil loss [t ha-1 yr-1]"]


def test_bars_leave_out_what_did_not_happen():
    rows = [("all", "forest", "gain", 0.0, float("nan")), ("all", "forest", "loss", 1250.0, 3.0)]
    frame = pd.DataFrame([*rows, ("all", "forest", "current", 9.0, 1.0)], columns=COLUMNS)
    drawn = effect.figure(frame, "all", ("2001", "2005"))
    assert drawn["names"][0].startswith("loss of forest (1")
    assert drawn["values"] == [3.0]


def test_nothing_changed_nothing_drawn():
    assert effect.figure(pd.DataFrame([], columns=COLUMNS), "all", ("2001", "2005")) is None
