"""The `soilloss` command: a thin door to `workflow`.

Results go to standard output, progress and words to standard error.

Nothing heavy is imported before a verb is chosen, so that ``soilloss --help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from soilloss.cli import catalogue, data, landcover, projects, terrain  # noqa: F401  each adds its verbs
from soilloss.cli.common import app
from soilloss.errors import MissingExtraError, SoilLossError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a user's mistake becomes one sentence and an exit code, never a traceback."""
    try:
        app(arguments, result_action="return_value")
    except SoilLossError as error:
        print(f"soilloss: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nsoilloss: stopped; earlier results are as they were, run again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except ModuleNotFoundError as error:
        print(f"soilloss: {error.name} is not installed; install soilloss again", file=sys.stderr)
        sys.exit(MissingExtraError.exit_code)
    except OSError as error:
        print(f"soilloss: {_reason(error)}; check the path, the disk and permissions", file=sys.stderr)
        sys.exit(3)


def _reason(error: OSError) -> str:
    """What went wrong where; the raster library names only the last step and keeps the cause behind it."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(cause)
