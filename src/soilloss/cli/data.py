"""Verbs of known products: list them, fetch them for a project, look after what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from soilloss.cli.common import Json, Set, app, print_json


@app.command
def products(variable: str | None = None, /, *, catalogue: Path | None = None, json: Json = False) -> None:
    """List known products: what they hold, from when to when, where they come from, on which terms.

    Parameters
    ----------
    variable
        Only products that give this variable, e.g. land_cover.
    catalogue
        A catalogue file of your own that is merged.
    """
    from soilloss.sources.products import catalogue as merged
    from soilloss.workflow.yaml12 import read

    known = merged(read(catalogue), catalogue.name) if catalogue else merged()
    chosen = {name: one for name, one in known.items() if variable is None or variable in one.variables}
    if json:
        print_json({name: one.model_dump(mode="json", exclude_unset=True) for name, one in chosen.items()})
        return
    for name, one in chosen.items():
        years = f"{one.time.start} to {one.time.end or 'now'}, each {one.time.step}" if one.time else "one date"
        how = {"url": "fetched", "stac": "fetched", "earthengine": "Earth Engine", "file": "by hand"}[one.access]
        print(f"{name}: {one.title}")
        print(f"    {', '.join(one.variables)}; {one.cell:g} m; {years}; {how}; {one.licence}")
        print(f"    {one.citation}" + "  [entry not checked against the service]" * one.unverified)


@app.command
def fetch(file: Path, /, *, set: Set = [], dry_run: bool = False, json: Json = False) -> None:  # noqa: B006
    """Fetch what a project takes from known products, so that it runs without network afterwards.

    Parameters
    ----------
    file
        Project file.
    dry_run
        Say what would be fetched: items, bytes, hosts.
    """
    from soilloss.workflow.fetch import fetch as get
    from soilloss.workflow.watch import parse_settings, watch

    if dry_run:
        if not tell_missing(file, set, json):
            print_json([]) if json else print("nothing to fetch: everything is here")
        return
    with watch(quiet=json) as progress:
        done = get(file, parse_settings(set), progress=progress)
    if json:
        print_json(done)
    else:
        made, reused = len(done["made"]), done["reused"]
        print(
            f"{made} rasters of {done['items']} items made, {done['bytes'] / 1e6:.1f} MB received; {reused} were here"
        )


def tell_missing(file: Path, settings: list[str], json: bool) -> bool:
    """Print what a project has still to fetch; return whether there was anything."""
    from soilloss.workflow.fetch import describe, missing
    from soilloss.workflow.watch import parse_settings

    rows = describe(missing(file, parse_settings(settings)))
    if json and rows:
        print_json({"to_fetch": rows})
    elif rows:
        for row in rows:
            size = f"about {max(row['bytes'], 1e5) / 1e6:.1f} MB"
            print(f"fetch   {row['variable']} <- {row['product']}: {row['items']} items, {size} from {row['from']}")
        print(f"then soilloss run {file} (or soilloss fetch {file} first); the steps are planned when this is here")
    return bool(rows)


@app.command
def stations(files: list[Path], /, *, years: str, out: Path = Path("stations.csv")) -> None:
    """Make a table of daily rain from files of GHCN-Daily (.csv or .dly), for a project's sources.

    Parameters
    ----------
    files
        Files of stations; .dly files need ghcnd-stations.txt beside them.
    years
        First and last year, e.g. 2001-2010.
    out
        Table to write.
    """
    from soilloss.errors import ProjectError
    from soilloss.sources.ghcn import read_ghcn

    first, _, last = years.partition("-")
    if not (first.isdigit() and (last or first).isdigit()):
        raise ProjectError(f"--years {years!r}: expected a first and a last year, e.g. 2001-2010")
    table = read_ghcn(files, int(first), int(last or first))
    table.to_csv(out, index=False)
    print(f"{out}: {table['station'].nunique()} stations, {len(table)} days")


@app.command
def cache(*, clear: bool = False, product: str = "", json: Json = False) -> None:
    """Show what is kept of fetched files, or delete it.

    Parameters
    ----------
    clear
        Delete it; what projects have fetched beside their files stays.
    product
        Of this product only.
    """
    from soilloss.sources.cache import Cache

    store = Cache()
    if clear:
        files, size = store.clear(product)
        print_json({"files": files, "bytes": size}) if json else print(f"{files} files deleted, {size / 1e6:.1f} MB")
        return
    rows: dict[str, dict[str, Any]] = {}
    for one in store.listing():
        name = one.get("product", "")
        if not product or name == product:
            row = rows.setdefault(name, {"product": name, "files": 0, "bytes": 0})
            row["files"] += 1
            row["bytes"] += one.get("bytes", 0)
    if json:
        print_json({"folder": str(store.folder), "limit": store.limit, "products": list(rows.values())})
        return
    for row in rows.values():
        print(f"{row['product']}: {row['files']} files, {row['bytes'] / 1e6:.1f} MB")
    total = sum(row["bytes"] for row in rows.values())
    print(f"{total / 1e6:.1f} of {store.limit / 1e6:.0f} MB in {store.folder}")
