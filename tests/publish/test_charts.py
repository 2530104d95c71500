from soilloss.publish import charts


def test_a_line_of_years_and_its_trend():
    figure = charts.draw_line(["2001", "2002", "2003"], [1.0, None, 3.0], 1.0, -2000.0, "soil loss", "t ha-1 yr-1")
    points, line = figure.axes[0].lines
    assert points.get_xdata().tolist() == [2001, 2002, 2003]
    assert line.get_ydata().tolist() == [1.0, 3.0]
    assert figure.axes[0].get_ylabel() == "soil loss (t ha⁻¹ yr⁻¹)"


def test_stacked_areas_name_every_class():
    figure = charts.draw_areas(["2001", "2002"], [[60, 40], [40, 60]], ["forest", "bare"], ["#006400", "#b4b4b4"])
    assert [text.get_text() for text in figure.legends[0].texts] == ["bare", "forest"]
    assert figure.axes[0].get_ylim() == (0, 100)


def test_turnover_shows_gains_above_and_losses_below():
    figure = charts.draw_turnover(["2001", "2002"], [5, 0], [1, 2], "cropland")
    assert [bar.get_height() for bar in figure.axes[0].patches] == [5, 0, -1, -2]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [4, -2]


def test_grouped_bars_have_one_bar_for_each_series():
    figure = charts.draw_grouped(["low", "high"], [("2001", [1, 2]), ("2005", [3, None])], "soil loss", "t ha-1 yr-1")
    assert len(figure.axes[0].patches) == 4
    assert [text.get_text() for text in figure.axes[0].get_legend().texts] == ["2001", "2005"]


def test_effects_go_to_both_sides():
    figure = charts.draw_effects(["gain", "loss"], [2.0, -1.0], "change", "t ha-1")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [2, -1]
    assert figure.axes[0].get_xlabel() == "change (t ha⁻¹)"
