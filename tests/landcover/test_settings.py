"""The defaults of training."""

from soilloss.landcover.settings import KINDS, Refinement, Training


def test_the_default_goes_through_all_three_stages():
    assert tuple(stage.kind for stage in Training().stages) == KINDS
    assert Training().refinement == Refinement()


def test_the_threshold_leaves_room_for_the_limit():
    chosen = Refinement()
    assert 0 < chosen.fewest < chosen.threshold < 1
