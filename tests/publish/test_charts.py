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
