from soilloss.publish import answers
from soilloss.publish.page import Page


def page_of(folder, entry):
    return Page(folder, {"analyses": [entry]}, {})


def test_a_section_shows_words_figures_and_short_tables(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/one.csv").write_text("place,area [ha]\nwest,2.5\neast,\n")
    line = {"kind": "line", "name": "mean", "years": ["2001", "2002"], "values": [1, 2], "slope": 1, "intercept": -2000}
    line |= {"label": "soil loss", "unit": "t ha-1", "caption": "A < b", "alt": "a line"}
    entry = {"name": "trend", "title": "Trend", "words": ["It rose & fell."], "figures": [line]}
    entry["tables"] = [{"path": "tables/one.csv", "rows": 2, "caption": "Areas."}]
    ((name, title, body),) = answers.sections(page_of(tmp_path, entry))
    assert (name, title) == ("analysis-trend", "Trend")
    assert "It rose &amp; fell." in body
    assert "A &lt; b" in body
    assert "area (ha)" in body
    assert "2.5" in body
    assert (tmp_path / "figures/mean.png").exists()


def test_a_long_table_is_named_only(tmp_path):
    entry = {"name": "trend", "title": "Trend", "words": [], "figures": []}
    entry["tables"] = [{"path": "tables/long.csv", "rows": 10_000, "caption": "All zones."}]
    assert "10000 rows: <code>tables/long.csv</code>" in answers.section(page_of(tmp_path, entry), entry)


def test_a_longer_table_is_folded_and_names_stay_words(tmp_path):
    (tmp_path / "tables").mkdir()
    rows = "".join(f"{n},{2000 + n},{n / 2}\n" for n in range(12))
    (tmp_path / "tables/zones.csv").write_text(f"place,year,area [ha]\n{rows}")
    entry = {"name": "change", "title": "Change", "words": [], "figures": []}
    entry["tables"] = [{"path": "tables/zones.csv", "rows": 12, "caption": "By zone."}]
    body = answers.section(page_of(tmp_path, entry), entry)
    assert body.startswith("<details><summary>By zone. <code>tables/zones.csv</code>, 12 rows</summary>")
    assert "<td>11</td><td>2011</td>" in body
    assert '<td class="n">5.5</td>' in body


def test_a_folder_without_analyses_has_no_sections(tmp_path):
    assert answers.sections(Page(tmp_path, {}, {})) == []
