"""The claims from Python: the same verdicts as the program's, every draw, and what is refused."""

import json
from pathlib import Path

import pytest

import overparam as op

FAST = "rank-not-norm"


def test_every_claim_says_what_it_is() -> None:
    claims = op.claims.list()
    assert len({claim.id for claim in claims}) == len(claims) >= 27
    assert {claim.talk for claim in claims} == {"hu-2021", "cao-2020", "mei-2020", "zou-2023", "fang-2022"}
    for claim in claims:
        assert claim.statement and claim.prediction and claim.control and claim.sources


def test_a_report_has_its_draws_and_figures(tmp_path: Path) -> None:
    report = op.claims.reproduce(FAST, scale="smoke", out=tmp_path)
    assert report.holds and report.decision == "holds"
    draws = report.draws()
    rows = draws if isinstance(draws, list) else draws.to_dict("records")
    assert {row["grid"] for row in rows} == {"experiment", "control"}
    assert {row["check"] for row in rows if row["grid"] == "experiment"} == {check["id"] for check in report.checks}
    html = report._repr_html_()
    assert report.about.id in html and html.count("<svg") == len(report.figures) > 0
    report.figures[0].save(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").read_text(encoding="utf-8").startswith("<?xml")
    # What was computed is kept, and gives the same again.
    again = op.claims.reproduce(FAST, scale="smoke", out=tmp_path)
    assert json.dumps(again.document["checks"]) == json.dumps(report.document["checks"])


def test_a_changed_assumption_has_another_verdict() -> None:
    report = op.claims.reproduce("resnet-global-minimum", scale="smoke", changes={"width": 24})
    assert report.decision == "fails"
    assert report.command.endswith("--set width=24")


@pytest.mark.parametrize(
    ("claim", "arguments", "message"),
    [
        ("rank-not-nrom", {}, "did you mean rank-not-norm"),
        (FAST, {"changes": {"widht": 3}}, "no cell has such a field"),
        (FAST, {"changes": {"depth": 0}}, "expected a whole number of 1 or more"),
        (FAST, {"changes": {"exchanged": "yes"}}, "expected true or false"),
        (FAST, {"scale": "tiny"}, "tiny"),
        (FAST, {"threads": 0}, "--threads"),
    ],
)
def test_what_makes_no_sense_is_refused(claim: str, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        op.claims.reproduce(claim, **{"scale": "smoke", **arguments})
