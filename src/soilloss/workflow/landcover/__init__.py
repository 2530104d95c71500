"""Land cover of a project: tiles, training, maps of single steps, the smoothed series, its accuracy.

``open_work(file) -> Work``; each of `cut`, `teach`, `map_steps`, `smooth_series`, `score_series` first does what it
needs and is not done yet, so that one call goes all the way. What was done is kept in ``record.json`` of the folder
under keys made of its options and inputs.
"""

from soilloss.workflow.landcover.maps import map_steps
from soilloss.workflow.landcover.score import score_series
from soilloss.workflow.landcover.series import smooth_series
from soilloss.workflow.landcover.teach import cut, teach
from soilloss.workflow.landcover.work import Work, open_work

__all__ = ["Work", "cut", "map_steps", "open_work", "score_series", "smooth_series", "teach"]
