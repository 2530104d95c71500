from soilloss.workflow.lazy import open_result


def test_finished_folder_opens_lazily(finished):
    result = open_result(finished / "out")
    assert result["soil_loss"].chunks is not None
    assert result["severity"].dtype == "uint8"
    assert list(result["soil_loss_by_year"]["time"].dt.year.values) == [2001, 2002, 2003]
    assert result.attrs["name"] == "made-up hills"
