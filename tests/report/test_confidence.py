"""How far confidence can be trusted: of the right arm, in the right numbers, or left out."""

import pytest

from ganjax import report
from ganjax.report import answer
from ganjax.report.confidence import confidence

HEADING = "How far its confidence can be trusted"


def section(results):
    return confidence(results, answer.decisive(results))


@pytest.mark.parametrize(("helps", "arm"), [(True, "both"), (False, "classical")])
def test_the_diagram_is_of_the_arm_that_is_advised(make_results, helps, arm):
    found = section(make_results(helps))
    assert found["arm"] == arm
    assert [row["arm"] for row in found["rows"]] == ["real", "classical", "generated", "both"]
    assert found["rows"][0] == {
        "arm": "real", "temperature": "1.50 to 1.90", "before": "10.0%", "after": "6.0%",
    }  # fmt: skip


def test_bins_of_few_images_are_not_drawn(make_results):
    results = make_results(None)
    equal, before, after = section(results)["chart"].lines
    assert [len(line.paths[-1].split("L")) for line in (equal, before, after)] == [2, 13, 13]
    bins = results["calibration"]["classical"]["before"]["reliability"]
    bins["counts"] = [9] * 15
    after = results["calibration"]["classical"]["after"]["reliability"]
    after["counts"] = [9] * 15
    assert section(results)["chart"] is None


def test_the_page_tells_it(make_results):
    html = report.build(make_results(True))
    assert html.count(HEADING) == 1
    assert 'href="#confidence"' in html
    assert "Both: accuracy by confidence, in percent" in html
    assert "with its temperature" in html


def test_results_of_earlier_versions_have_no_such_section(make_results):
    results = make_results(True)
    del results["calibration"]
    assert HEADING not in report.build(results)
    assert "#confidence" not in report.build(results)
    assert section({**results, "calibration": {}}) is None


def test_replicates_that_tell_nothing_are_passed_over(make_results):
    results = make_results(True, replicates=3)
    results["calibration"]["both"]["temperature"] = [None, 1.25, None]
    assert section(results)["rows"][-1]["temperature"] == "1.25"
