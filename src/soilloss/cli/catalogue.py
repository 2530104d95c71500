"""Verbs that need no project: what can be chosen, and whether it agrees with its sources."""

from __future__ import annotations

import sys

from soilloss.cli.common import Json, app, print_json


@app.command
def methods(variable: str | None = None, name: str | None = None, /, *, json: Json = False) -> None:
    """Show what can be chosen: methods, formulas, units, citations.

    Parameters
    ----------
    variable
        Only methods that make this variable.
    name
        Only this method, in full.
    """
    from soilloss.workflow.catalogue import describe_methods, page

    found = describe_methods(variable, name)
    if json:
        print_json(found)
    else:
        print(page(found, full=name is not None))


@app.command
def conformance(*, only: str = "", json: Json = False) -> None:
    """Check the worked values of published sources: pass or fail per method.

    Parameters
    ----------
    only
        Part of a method's name, e.g. erosivity or mccool_1987.
    """
    from soilloss.conformance import by_method
    from soilloss.conformance import check as run_values

    rows = run_values(only=only)
    if json:
        print_json(rows.to_dict("records"))
    else:
        for method, (passed, count) in by_method(rows).items():
            print(f"{'pass' if passed == count else 'FAIL'}  {method}  {passed} of {count}")
        print(f"{list(rows['status']).count('pass')} of {len(rows)} worked values pass")
    if any(status != "pass" for status in rows["status"]):
        sys.exit(4)
