"""Each figure of the table stands in the passage that its row links to."""

from dataclasses import replace
from datetime import date

from hypothesis import example, given
from hypothesis import strategies as st
from lxml import html

from rag.figures import missing_figures
from rag.types import Answer, Citation, Sentence
from tests.ui.test_copying import answer, citation
from ui.figure_table import figure_table_html, rows, timeline_html

PLANT = (
    "Aclara puts the capital cost of its plant at US$277 million. "
    "Planned annual output is 200 tonnes of dysprosium, "
    "30 tonnes of terbium and 1,400 tonnes of NdPr by 2028."
)
OTHER = "Lynas made 2,588 tonnes of NdPr in the December 2025 quarter."


def cited(n: int, text: str) -> Citation:
    return replace(citation(n), quote=text, end=len(text))


def plant() -> Answer:
    cost, output = PLANT.split(". ", 1)
    return answer(
        Sentence(f"{cost}.", "supported", (1,)),
        Sentence(output, "weak", (2, 1)),
        citations=(cited(1, PLANT), cited(2, OTHER)),
    )


def test_a_row_says_what_a_figure_is_of_and_where_it_stands() -> None:
    table = html.fromstring(figure_table_html(plant(), 3))
    assert [[cell.text_content() for cell in row] for row in table.findall("tbody/tr")] == [
        ["Aclara puts the capital cost of its plant at", "US$277 million", "published 2025-05-13", "1"],
        ["Planned annual output is … of dysprosium", "200 tonnes", "published 2025-05-13", "1"],
        ["Planned annual output is … of terbium", "30 tonnes", "published 2025-05-13", "1"],
        ["Planned annual output is … of NdPr by 2028", "1,400 tonnes", "2028", "1"],
    ]
    assert set(table.xpath("//a/@href")) == {"#cite-3-1"}
    assert table.find("caption") is not None
    assert {th.get("scope") for th in table.iter("th")} == {"col", "row"}


def test_what_does_not_stand_in_a_cited_passage_is_no_row() -> None:
    wrong = Sentence("It makes 300 tonnes of dysprosium, 31 tonnes of terbium and 5 t of NdPr.", "weak", (1,))
    withheld = replace(plant().sentences[1], support="unsupported")
    for sentence in (wrong, withheld):
        assert rows(replace(plant(), sentences=(sentence,))) == []
    dated = Sentence("Planned output of dysprosium is 200 tonnes in 2030.", "weak", (1,))
    assert [row.when for row in rows(replace(plant(), sentences=(dated,)))] == [""]


def test_few_figures_and_mere_counts_make_no_table() -> None:
    assert figure_table_html(replace(plant(), sentences=plant().sentences[:1]), 0) == ""
    text = "In 2024 the 18th meeting named 3 priorities, 7 companies and 12 projects for 5 years."
    assert figure_table_html(answer(Sentence(text, "supported", (1,)), citations=(cited(1, text),)), 0) == ""


def test_a_figure_that_is_said_twice_is_one_row() -> None:
    twice = replace(plant(), sentences=plant().sentences * 2)
    assert rows(twice) == rows(plant())


@given(st.text(st.sampled_from(list("ab <>&\"'%$1,.；年5")), min_size=1, max_size=60))
@example("<img src=x onerror=alert()> a")
def test_a_table_is_its_own_markup_only_and_true(text: str) -> None:
    said = f"{text} is 5% of {text}, {text} 7 kg {text}; {text} US$3 {text}"
    full = answer(Sentence(said, "supported", (1,)), citations=(replace(cited(1, said), title=said),))
    assert all(not missing_figures(row.figure, row.citation.quote) for row in rows(full))
    found = figure_table_html(full, 0)
    allowed = {"table", "caption", "thead", "tbody", "tr", "th", "td", "a", "span", "time"}
    if found:
        assert {element.tag for element in html.fromstring(found).iter()} <= allowed


def test_the_timeline_has_the_articles_of_each_date_in_their_order() -> None:
    days = [date(2026, 1, 20), date(2024, 10, 30), date(2025, 1, 17)]
    citations = tuple(
        replace(citation(n), title=f"<b>{n}</b>", published=day) for n, day in enumerate(days, 1)
    )
    line = html.fromstring(timeline_html(answer(citations=citations), 2))
    assert line.xpath("//time/@datetime") == ["2024-10-30", "2025-01-17", "2026-01-20"]
    assert line.xpath("//a/@href") == ["#cite-2-2", "#cite-2-3", "#cite-2-1"]
    assert [span.text_content() for span in line.iter("span")] == ["<b>2</b> 2", "<b>3</b> 3", "<b>1</b> 1"]
    assert timeline_html(answer(citations=citations[:2]), 0) == ""
