from soilloss.publish import charts


def test_a_line_of_years_and_its_trend():
    figure = charts.draw_line(["2001", "2002", "2003"], [1.0, None, 3.0], 1.0, -2000.0, "soil loss", "t ha-1 yr-1")
    points, line = figure.axes[0].lines
    assert points.get_xdata().tolist() == [2001, 2002, 2003]
    assert line.get_ydata().tolist() == [1.0, 3.0]
    assert figure.axes[0].get_ylabel() == "soil loss (t ha⁻¹ yr⁻¹)"
