"""Known products become files before the run: what has to be fetched, the fetching, and what it was.

What is fetched lies in ``.soilloss/fetched`` beside the project file, one raster for each variable and step on the
product's own grid, with a note of items, hashes and dates: such a project runs again without network.
"""

from soilloss.workflow.fetch.jobs import Job, all_jobs, describe, jobs_of, missing, outline
from soilloss.workflow.fetch.make import fetch
from soilloss.workflow.fetch.resolve import resolve

__all__ = ["Job", "all_jobs", "describe", "fetch", "jobs_of", "missing", "outline", "resolve"]
