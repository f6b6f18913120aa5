"""What is said of the figures follows from them: wins, ties, single seeds, the conflict."""

import re

import pytest
from fake_records import TITLES, records

from dyml.study.methods import SHIPPED
from dyml.study.page import method_table, page_text, summary_table
from dyml.study.records import Record, as_csv, spread_of
from dyml.study.tables import run_line, text_table
from dyml.study.words import across_sets, conflict, ordinal, rank, spreads, verdict

CLEAR = {"csl": [60.0, 60.5, 61.0], "cosface": [50.0, 50.5, 51.0], "tied": [40.0, 40.5, 41.0]}
CLOSE = {"csl": [60.0, 61.0, 62.0], "cosface": [59.9, 60.9, 61.9], "tied": [40.0, 41.0, 42.0]}
SAME = {"csl": [60.0, 61.0], "cosface": [60.0, 61.0], "tied": [60.5, 60.5]}


def test_a_clear_winner() -> None:
    said = verdict(records(CLEAR), "overall", "mAP", TITLES)
    assert said == (
        "mAP: **CSL (60.5) wins**, 10.0 ahead of CosFace per scale (50.5); up to 0.8 may be chance."
    )


def test_two_that_cannot_be_told_apart() -> None:
    said = verdict(records(CLOSE), "fine", "mAP", TITLES)
    assert said == (
        "fine mAP: no difference between CSL (61.0) and CosFace per scale (60.9): they lie within 1.6."
    )


def test_no_difference_at_all() -> None:
    assert "no difference between any of the 3 methods" in verdict(records(SAME), "overall", "ASI", TITLES)


def test_one_seed_proves_nothing() -> None:
    single = records({"csl": [60.0], "cosface": [40.0]})
    said = verdict(single, "overall", "mAP", TITLES)
    assert said == (
        "mAP: CSL has the highest figure (60.0, then CosFace per scale 40.0), but one seed says nothing of "
        "differences."
    )
    assert "**" not in method_table(single, TITLES, [("overall", "mAP")])


def test_one_method_and_no_figures() -> None:
    assert (
        verdict(records({"csl": [60.0, 61.0]}), "overall", "mAP", TITLES) == "mAP: CSL alone was run (60.5)."
    )
    assert verdict(records(CLEAR), "multi", "NDCG", TITLES) == "NDCG: no figures."


def test_the_conflict_names_who_is_where() -> None:
    fine = {"csl": [70.0, 70.0], "cosface": [60.0, 60.0], "tied": [50.0, 50.0]}
    coarse = {"csl": [30.0, 30.0], "cosface": [60.0, 60.0], "tied": [65.0, 65.0]}
    assert conflict(records(fine, coarse), TITLES) == (
        "CSL has the best fine mAP (70.0) and comes 3rd of 3 at coarse (30.0); Tied proxies has the best "
        "coarse mAP (65.0) and comes 3rd at fine (50.0)."
    )
    assert conflict(records(CLEAR), TITLES) == "CSL has both the best fine and the best coarse mAP."
    assert conflict(records({"csl": [1.0], "tied": [2.0]}), TITLES) == ""


def test_ranks() -> None:
    found = spreads(records(CLEAR), "overall", "mAP")
    assert [rank(found, name) for name in ("csl", "cosface", "tied")] == [1, 2, 3]
    assert [ordinal(n) for n in (3, 12, 21)] == ["3rd", "12th", "21st"]


def test_across_sets() -> None:
    other = {"csl": [40.0, 40.5, 41.0], "cosface": [59.0, 59.5, 60.0], "tied": [59.1, 59.6, 60.1]}
    third = {"csl": [40.0, 40.5, 41.0], "cosface": [59.0, 59.5, 60.0], "tied": [19.1, 19.6, 20.1]}
    both = [*records(CLOSE), *records(other, set_name="grocery")]
    assert across_sets(both, TITLES, "overall", "mAP") == (
        "In mAP, CosFace per scale is first or level with the first on every set."
    )
    apart = [*records(CLEAR), *records(third, set_name="grocery")]
    assert across_sets(apart, TITLES, "overall", "mAP") == (
        "In mAP, no method is first or level with the first on more than one set."
    )
    three = [*apart, *records(third, set_name="omniglot")]
    assert across_sets(three, TITLES, "overall", "mAP").endswith(
        "nearest to it: CosFace per scale (grocery and omniglot)."
    )


def test_a_table_is_ordered_and_marks_who_is_level() -> None:
    lines = method_table(records(CLOSE), TITLES, [("overall", "mAP"), ("multi", "NDCG")]).splitlines()
    assert lines[0] == "| method | mAP | NDCG | seeds |"
    assert lines[2:] == [
        "| CSL | **61.0 ± 1.0** | – | 3 |",
        "| CosFace per scale | **60.9 ± 1.0** | – | 3 |",
        "| Tied proxies | 41.0 ± 1.0 | – | 3 |",
    ]


def test_nobody_is_marked_where_all_are_level() -> None:
    assert "**" not in method_table(records(SAME), TITLES, [("overall", "mAP")])


def test_a_summary_over_sets() -> None:
    other = {"csl": [40.0, 40.5, 41.0], "cosface": [70.0, 70.5, 71.0]}
    both = [*records(CLEAR), *records(other, set_name="grocery")]
    assert summary_table(both, TITLES).splitlines() == [
        "| method | glyphs: mAP | grocery: mAP | mean ASI | mean mAP | mean CMC@1 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| CosFace per scale | 50.5 ± 0.5 | 70.5 ± 0.5 | 60.5 | 60.5 | 60.5 |",
        "| CSL | 60.5 ± 0.5 | 40.5 ± 0.5 | 50.5 | 50.5 | 50.5 |",
        "| Tied proxies | 40.5 ± 0.5 | – | – | – | – |",
    ]
    assert summary_table(records(CLEAR), TITLES) == ""


def test_the_terminal_shows_the_same() -> None:
    methods = [method for method in SHIPPED if method.key in CLOSE]
    lines = text_table(records(CLOSE), methods, "glyphs").splitlines()
    assert [line.split("  ")[0] for line in lines] == ["glyphs", "CSL", "CosFace per scale", "Tied proxies"]
    assert "61.0 ± 1.0" in lines[1]
    assert lines[1].endswith("    3")
    assert run_line(records(CLEAR)[1], "CSL") == (
        "glyphs  CSL  seed 1:  ASI / mAP / CMC@1  60.5 / 60.5 / 60.5  41 s"
    )


@pytest.mark.parametrize("with_costs", [False, True])
def test_the_page(with_costs: bool) -> None:
    costs = {"words": "B 4", "losses": {"csl": {"seconds": 0.0102, "ratio": 1.24, "bytes": 2**21}}}
    made = {"summary": "Budget `short`.", "details": ["| set |"]}
    methods = [method for method in SHIPPED if method.key in CLEAR]
    page = page_text(records(CLEAR), methods, {"glyphs": "images/x.svg"}, made, costs if with_costs else None)
    for words in ("Budget `short`.", "**CSL (60.5) wins**", "![fine against coarse mAP", "(images/x.svg)"):
        assert words in page
    assert ("| CSL | 10.2 | 1.2 | 2.0 | 2,000 | 31 |" in page) == with_costs
    assert ("| CSL | 2,000 | 31 |" in page) != with_costs
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "1.0 GiB" in page


def test_csv_has_a_line_a_value() -> None:
    lines = as_csv(records({"csl": [60.0]})).splitlines()
    assert lines[0] == "set,method,seed,scale,measure,value"
    assert lines[1] == "glyphs,csl,0,fine,ASI,0.6"
    assert lines[-1] == "glyphs,csl,0,multi,NDCG,"
    assert len(lines) == 1 + 3 * 3 + 2


def test_missing_values_are_left_out_of_a_mean() -> None:
    some = [Record("s", "m", seed, {"fine": {"mAP": value}}) for seed, value in enumerate((0.5, None, 0.7))]
    found = spread_of(some, "fine", "mAP")
    assert found is not None
    assert (found.mean, found.count) == (pytest.approx(60.0), 2)
    assert spread_of(some, "coarse", "mAP") is None
