from soilloss.equation import spec_of
from soilloss.workflow.methods import DEFAULTS, METHODS, MODEL_DEFAULTS, check_coefficients


def test_methods_are_found_under_what_they_give():
    assert METHODS["erosivity"]["singh_1981"].__name__ == "singh_1981"
    for variable, functions in METHODS.items():
        assert all(spec_of(f).gives == variable for f in functions.values())


def test_defaults_exist_with_their_coefficients():
    for table in (DEFAULTS, *MODEL_DEFAULTS.values()):
        for variable, choices in table.items():
            for name, given in choices:
                check_coefficients(variable, name, given)
