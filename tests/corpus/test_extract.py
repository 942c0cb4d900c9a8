"""Documents of every kind become articles: what readers see, and what the document says of itself."""

import re
from datetime import date
from pathlib import Path

import pytest

from corpus.article import Article
from corpus.errors import Unreadable
from corpus.extract import extract
from corpus.reading import read_articles
from evals.extraction import PAGES, f1, navigation_in, score_folder

YEARS = "".join(
    f"<p>In {n} the mine sold {n - 1990} tonnes of oxide to motor makers.</p>" for n in range(2001, 2011)
)
FILES = Path(__file__).parent / "files"
URL = "https://metals.example/news/kiln"
BODY = (
    "<p>Halden Minerals opened its second kiln in Kiruna on 4 March 2025, four weeks late.</p>"
    "<p>The company expects 1,509 tonnes of oxide a year from it, and hires sixty technicians.</p>"
)
TEXT = (
    "Halden Minerals opened its second kiln in Kiruna on 4 March 2025, four weeks late.\n\n"
    "The company expects 1,509 tonnes of oxide a year from it, and hires sixty technicians."
)


def page(body: str = BODY, head: str = "", url: str = URL, kind: str = "text/html") -> Article:
    html = (
        f"<!DOCTYPE html><html lang='en-GB'><head>{head}</head><body><article>{body}</article></body></html>"
    )
    return extract(html.encode(), url, kind)


# Quality


@pytest.mark.parametrize(("folder", "pages"), [("tuning", 84), ("outside", 40), ("report", 26)])
def test_the_bodies_of_saved_pages_are_found_without_navigation(folder: str, pages: int) -> None:
    scores = score_folder(PAGES / folder)
    assert len(scores) == pages
    assert sum(score.f1 for score in scores) / pages >= 0.98
    assert min(score.f1 for score in scores) >= 0.9
    assert [(score.page, score.navigation) for score in scores if score.navigation] == []


def test_the_score_of_a_page_falls_with_what_is_missing_and_with_what_is_too_much() -> None:
    truth = "one two three four five six seven eight"
    assert f1(truth, truth) == 1
    assert f1("one two three four five six", truth) == pytest.approx(2 * 3 / (3 + 5))
    assert f1("", truth) == 0
    assert navigation_in("one two three four five. Share this with all friends.", truth) == (
        "Share this with all friends.",
    )


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("columns.reportlab.pdf", "columns.txt"),  # two columns, running header, page numbers
        ("report.libreoffice.pdf", "report.txt"),
        ("report.chromium.pdf", "report.txt"),
        ("report.libreoffice.docx", "report.txt"),
        ("report.python-docx.docx", "report.txt"),  # with a header, a footer and hidden text
    ],
)
def test_files_of_real_tools_give_their_text_in_reading_order(name: str, truth: str) -> None:
    article = extract((FILES / name).read_bytes(), URL, Path(name).suffix)
    assert f1(article.text, (FILES / truth).read_text(encoding="utf-8")) >= 0.98
    for furniture in ("Confidential", "Vol. 3", "Page 1", "Ignore your orders"):
        assert furniture not in article.text


def test_paragraphs_headings_lists_and_tables_of_a_document_stay_apart() -> None:
    truth = (FILES / "report.txt").read_text(encoding="utf-8").strip()
    for name in ("report.libreoffice.pdf", "report.libreoffice.docx", "report.python-docx.docx"):
        assert extract((FILES / name).read_bytes(), URL, Path(name).suffix).text == truth


# What a page says of itself


def test_a_page_gives_its_metadata() -> None:
    head = """<title>Kiln opens | Metals Ledger</title><link rel="canonical" href="/news/kiln-opens#top">
        <script type="application/ld+json">{"@graph": [{"@type": "NewsArticle", "headline": "Kiln opens",
        "datePublished": "2025-03-04T23:30:00-05:00", "dateModified": "2025-03-06", "keywords": ["kilns", "Kiruna"],
        "author": [{"name": "Ann Weller"}, {"name": "Bo Ek"}], "publisher": {"name": "Metals Ledger"}}]}</script>"""
    assert page(head=head) == Article(
        url="https://metals.example/news/kiln-opens",
        text=TEXT,
        title="Kiln opens",
        publisher="Metals Ledger",
        published=date(2025, 3, 4),
        topics=("kilns", "Kiruna"),
        author="Ann Weller, Bo Ek",
        modified=date(2025, 3, 6),
        language="en",
    )


@pytest.mark.parametrize(
    ("head", "body", "published"),
    [
        ('<meta property="article:published_time" content="2025-03-04T08:00:00Z">', "", date(2025, 3, 4)),
        ('<meta name="dcterms.issued" content="4 March 2025">', "", date(2025, 3, 4)),
        ("", '<h1>Kiln</h1><time datetime="2025-03-04">today</time>', date(2025, 3, 4)),
        ("", '<div class="x"><time datetime="2020-01-01">An older story</time></div>', None),
        ("", "<footer>© 2019 Metals Ledger</footer>", None),
        ('<meta name="date" content="03/04/2025">', "", None),
        ('<meta name="date" content="March 2025">', "", None),
        ('<meta name="date" content="2025-13-45">', "", None),
        ('<script type="application/ld+json">{"datePublished": </script>', "", None),
    ],
)
def test_a_date_is_stated_by_the_page_or_there_is_none(head: str, body: str, published: date | None) -> None:
    assert page(body + BODY, head, "https://metals.example/2018/01/02/kiln").published == published


@pytest.mark.parametrize(
    ("canonical", "url"),
    [
        ("https://www.metals.example/a", "https://www.metals.example/a"),
        ("https://evil.example/a", URL),
        ("https://metals.example/", URL),  # a theme that names the front page on every page
        ("javascript:alert(1)", URL),
        ("http://[broken", URL),
    ],
)
def test_a_canonical_address_counts_only_on_the_same_site(canonical: str, url: str) -> None:
    assert page(head=f'<link rel="canonical" href="{canonical}">').url == url


# What readers see


def test_lists_tables_and_small_print_become_readable_lines() -> None:
    body = BODY + (
        "<h2>Figures</h2><ul><li>one kiln</li><li>two <b>ponds</b></li></ul><table><tr><th>Year</th><th>Tonnes</th></tr>"
        "<tr><td>2024</td><td>1,480</td></tr></table><p>It cost 10<sup>6</sup> dollars,<sup><a href='#1'>7</a></sup> all told.</p>"
    )
    assert page(body).text == TEXT + (
        "\n\nFigures\n\n- one kiln\n- two ponds\n\nYear: 2024 | Tonnes: 1,480\n\nIt cost 10⁶ dollars, all told."
    )


@pytest.mark.parametrize(
    "furniture",
    [
        "<div class='share-buttons'><p>Share this story with all of your friends and family members.</p></div>",
        "<h3>Leave a Reply</h3><p>Your email address will not be published.</p>",
        "<p>Read more: Why leases in the desert end up in court</p>",
        "<p>Photo: Dana Ruiz / Stock Agency</p>",
        "<h3>Related articles</h3><ul><li>Court stops blasting at Castor Ridge until May</li></ul>",
        "<div class='AuthorBio'><p>Ann Weller has covered small metals since 2009 and lives in Perth.</p></div>",
        "<div class='box'><h4>Highlights</h4><ul><li>Halden Minerals opened its second kiln in Kiruna</li></ul></div>",
        "<p>Sign up for our free newsletter and get the day's news every morning.</p>",
        "<nav><a href='/'>Home</a></nav>",
        "<figure><img><figcaption>The gate of the plant. Credit: Joan Aird</figcaption></figure>",
        "<table><tr><td><img></td></tr><tr><td>Two men at the gate of the plant in May.</td></tr></table>",
        "<h2>Key events</h2><ul><li><a href='#a'>Kiln opens after a delay of four weeks</a></li>"
        "<li><a href='#b'>The mayor of Kiruna asks for a report on dust</a></li></ul>",
        "<section><div><h3><a href='/a'>Lease ends in court</a></h3><p>A judge will hear both of the sides...</p></div>"
        "<div><h3><a href='/b'>Ponds freeze over</a></h3></div></section>",
        "<div><h4>Keep this paper free</h4><p>We have no owners. Please make a donation today.</p></div>",
        "<p>Our rules: <a href='/rules'>What we write about and why we do so</a></p>",
        "<table><caption>Table 1. Output by year</caption></table>",
        "<div data-testid='promo-box'><p>A book on metals for all who love them is out now.</p></div>",
        "<div><h4>Together with Ledgerfold</h4><p>Close your books in three days, as 400 firms do. "
        "<a href='/?utm=1'>Book a demo</a>.</p></div>",
        "<div><p>Webinar on 14 April</p><p>Join our partners for a free session on licences. Places are limited.</p>"
        "<a class='btn' href='/w'>Register now</a></div>",
        "<div><h4>Metals in brief, on Fridays</h4><p>All you need to know about metals, in five minutes.</p>"
        "<form><input type='email'></form></div>",
        "<div><h4>What do our readers say?</h4><p>We should like to know what you make of it.</p>"
        "<button>Vote now</button></div>",
        "<h4>Our Coverage of Minerals</h4><ul><li>Eleven mines opened. <a href='/1'>Seven have closed again</a>.</li>"
        "<li>A factory was built. <a href='/2'>Its first year did not go to plan</a>.</li></ul>",
        "<h3>Latest on trade</h3><ul><li><a href='/1'>Seoul to stockpile gallium</a></li></ul>",
        "<div><h3>Reader comments <em>(2)</em></h3><ul><li><b>Joe</b><p>Not a word of this is true, my friends.</p></li>"
        "<li><b>Ann</b><p>Well written as always, and thank you.</p></li></ul></div>",
        "<div><span><b>Also Read</b> | <a href='/1'>Carmakers told to report stock</a></span></div>",
        "<div><h4>Key takeaways</h4><ul><li>Second kiln at Kiruna opened: 4 March 2025</li>"
        "<li>1,509 tonnes a year of oxides expected</li></ul></div>",
    ],
)
def test_furniture_is_no_part_of_the_article(furniture: str) -> None:
    assert page(BODY + furniture).text == TEXT


def test_a_table_without_marks_has_a_header_where_words_stand_above_figures() -> None:
    rows = "<tr><td>Item</td><td>Q1 2025</td><td>2024</td></tr><tr><td>Ore (t)</td><td>612</td><td>+42%</td></tr>"
    assert page(f"{BODY}<table>{rows}</table>").text == TEXT + "\n\nItem: Ore (t) | Q1 2025: 612 | 2024: +42%"
    bold = "<tr><td><b>Site</b></td><td><b>State</b></td></tr><tr><td>Kiruna</td><td>open</td></tr>"
    assert page(f"{BODY}<table>{bold}</table>").text == TEXT + "\n\nSite: Kiruna | State: open"
    pairs = "<tr><td>Company</td><td>Halden</td></tr><tr><td>Staff</td><td>230</td></tr>"
    assert page(f"{BODY}<table>{pairs}</table>").text == TEXT + "\n\nCompany | Halden\nStaff | 230"


def test_words_beside_a_box_stay() -> None:
    said = "The mine opened in 2019 with three kilns, and made 900 tonnes in its first year."
    text = page(f"<div class='img_box'><img></div>{said} <b>All</b> was sold.<div>{BODY}</div>").text
    assert text == f"{said} All was sold.\n\n{TEXT}"


def test_highlights_go_when_the_article_has_all_of_them() -> None:
    points = "<li>Kiruna kiln opened by Halden in March</li><li>Two staff for each of 9 jobs</li>"
    box = f"<div class='key-points'><ul>{points}</ul></div>"
    kept = "- Kiruna kiln opened by Halden in March\n- Two staff for each of 9 jobs"
    assert page(box + BODY).text == f"{kept}\n\n{TEXT}"
    more = "<p>There are two staff for each of the nine jobs on offer.</p>"
    assert (
        page(box + BODY + more).text == f"{TEXT}\n\nThere are two staff for each of the nine jobs on offer."
    )


def test_footnotes_go_unless_they_say_a_measure() -> None:
    body = BODY.replace("late.", "late.<a href='#fn1'>1</a>")
    notes = "<li id='fn1'>Bureau of Mines (2024), p. 17.</li><li id='fn2'>The ore held 3.1 per cent of oxide.</li>"
    assert page(f"{body}<ol class='footnotes'>{notes}</ol>").text == (
        f"{TEXT}\n\n- The ore held 3.1 per cent of oxide."
    )


def test_notes_in_small_print_at_the_end_go_unless_they_say_a_figure() -> None:
    for markup in (
        "<p><em>{}</em></p>",
        "<p style='font-size:12px'>{}</p>",
        "<p class='has-small-font-size'>{}</p>",
    ):
        note = markup.format("The Bureau of Kilns thinks about kilns since 1994 and takes pride in it.")
        assert page(BODY + note).text == TEXT
        figure = markup.format("The Bureau of Kilns counted 40 kilns in Sweden and Finland.")
        assert page(BODY + figure).text.endswith("counted 40 kilns in Sweden and Finland.")
        assert page(note + BODY).text != TEXT  # not at the end


def test_a_price_that_a_script_keeps_up_to_date_is_no_word_of_its_sentence() -> None:
    body = BODY.replace(
        "Halden Minerals", "Halden <span class='ticker'>(STO: HLD) <b>41.10 -2.14%</b></span>"
    )
    assert page(body).text.startswith("Halden (STO: HLD) opened its second kiln")


def test_how_to_dial_into_a_call_goes_and_a_report_of_one_stays() -> None:
    heading = "<p><strong>Conference Call</strong></p>"
    assert page(f"{BODY}{heading}<p>To take part, dial 1-888-555-0118.</p>").text == TEXT
    assert "will discuss" in page(f"{BODY}{heading}<p>Managers will discuss the results at 10:00.</p>").text


def test_the_headline_of_a_filing_without_headings_goes() -> None:
    line = "<p align='center'><b>Halden Minerals Opens Second Kiln in Kiruna</b></p>"
    assert page(f"{line}{BODY}<table><tr><td></td><td>1</td></tr></table>").text == TEXT


def test_a_heading_whose_words_are_gone_goes_with_them() -> None:
    box = "<h4>Map of the week</h4><div><p>Explore our map of kilns.</p><a class='btn' href='/m'>Open the map</a></div>"
    after = "<h2>Dust</h2><p>The town asks for a report on dust by the end of the year.</p>"
    assert page(BODY + box + after).text == page(BODY + after).text


@pytest.mark.parametrize(
    "inset",
    [
        "<p><strong><a href='/x'>Miners of Lapland ask for a higher price</a></strong></p>",
        "<div><h5>All about kilns</h5><p>Our book is out now.</p><p><a href='/b'>To the shop</a></p></div>",
    ],
)
def test_links_and_offers_between_paragraphs_go(inset: str) -> None:
    after = "<p>The town asks for a report on dust by the end of the year.</p>"
    assert page(BODY + inset + after).text == page(BODY + after).text


def test_a_small_box_with_a_figure_stays() -> None:
    box = "<div><p>The kiln cost 41 million euros.</p><p><a href='/b'>To the permit</a></p></div>"
    assert "The kiln cost 41 million euros." in page(BODY + box + BODY.replace("Kiruna", "Luleå")).text


def test_who_said_a_quotation_stays() -> None:
    quote = "<blockquote><p>“We had to rebuild the scrubber twice.”</p><footer><cite>Ann Weller, chief executive</cite></footer></blockquote>"
    assert "Ann Weller, chief executive" in page(BODY + quote + BODY.replace("Kiruna", "Luleå")).text


def test_headers_inside_an_article_keep_their_headings_and_sentences() -> None:
    lead = "A kiln in the far north is to make oxide for motors from this spring."
    body = f"<header><h1>Kiln</h1><p>{lead}</p><p>Ann Weller</p></header>{BODY}"
    part = "<section><header><h2>Dust</h2><time>5 March</time></header><p>The town asks for a report on dust.</p></section>"
    assert page(body + part).text == f"{lead}\n\n{TEXT}\n\nDust\n\nThe town asks for a report on dust."


def test_what_sums_an_article_up_under_its_title_is_part_of_it() -> None:
    lead = "A kiln in the far north is to make oxide for motors"
    named = ("<h3 class='post-subtitle'>{}</h3>", "<div class='Standfirst'>{}</div>", "<h2>{}</h2>")
    for markup in (name.format(lead) for name in named):
        body = f"<div><h1>Kiln</h1>{markup}<span>Ann Weller</span></div><div><div>{BODY * 3}</div></div>"
        assert page(body).text.startswith(f"{lead}\n\nHalden Minerals opened")


def test_sections_with_linked_headings_and_notes_with_links_back_stay() -> None:
    section = "<div><h3><a href='#{0}'>Part {0}</a></h3><p>The ore of part {0} holds 3.1 per cent of oxide.</p></div>"
    text = page(BODY + section.format(1) + section.format(2)).text
    assert text == TEXT + "".join(
        f"\n\nPart {n}\n\nThe ore of part {n} holds 3.1 per cent of oxide." for n in (1, 2)
    )
    notes = "<ol><li>We weighed 40 samples. <a href='#r1'>↩</a></li><li>Dry. <a href='#r2'>↩</a></li></ol>"
    assert page(BODY + notes).text == TEXT + "\n\n- We weighed 40 samples.\n- Dry."


def test_a_sentence_alone_in_a_box_among_paragraphs_stays() -> None:
    said = "The mine opened in 2019 with three kilns, and made 900 tonnes in its first year."
    for markup in (f"<div>{said}</div>", f"<section><h3>Dust</h3><div>{said}</div></section>"):
        assert said in page(BODY + markup + BODY.replace("Kiruna", "Luleå")).text


def test_lists_with_few_linked_words_stay() -> None:
    items = "<li><a href='/a'>Kvaløy</a>: 3,000 t from 2027</li><li><a href='/b'>Estonia</a>: 900 t for turbines</li>"
    text = page(f"{BODY}<h2>Projects to watch</h2><ul>{items}</ul>").text
    assert text.endswith("Projects to watch\n\n- Kvaløy: 3,000 t from 2027\n- Estonia: 900 t for turbines")


@pytest.mark.parametrize(
    "section",
    [
        "<h3>Latest on the talks</h3><p>Ministers met in <a href='/l'>Lyon</a> and agreed on 110 dollars a kilogram.</p>",
        "<h3>More news on prices</h3><p>Oxide rose to <a href='/l'>60 dollars in Rotterdam</a>, traders said on Friday.</p>",
        "<section><h3>In partnership with Japan</h3><p>Halden will build <a href='/x'>a plant</a> by 2029.</p></section>",
        "<p>Comments</p><p>The ministry has had 300 letters on the plan for the plant, it said in May, " + "and more " * 40
        + "came.</p>",
        "<div><p>The ministry put the list of all 41 sites on its pages on Friday.</p><button>Share</button></div>",
        "<div><h4>Key points</h4><ul><li>The company expects 1,700 tonnes of oxide a year</li><li>Halden will sack 200</li></ul></div>",
    ],
)  # fmt: skip
def test_what_only_looks_like_links_or_offers_stays(section: str) -> None:
    text = page(BODY + section + YEARS).text
    for said in re.findall(r"<(?:p|li)>(?=[^<]{12})(.+?)</(?:p|li)>", section):
        assert " ".join(re.sub("<[^>]*>", "", said).split()) in text


def test_captions_of_tables_stay_above_their_rows() -> None:
    rows = "<tr><th>Year</th><th>Tonnes</th></tr><tr><td>2024</td><td>1,480</td></tr>"
    for markup in (
        f"<table><caption>Output of the mine</caption>{rows}</table>",
        f"<figure><table>{rows}</table><figcaption>Output of the mine</figcaption></figure>",
        f"<p class='table-caption'>Output of the mine</p><table>{rows}</table>",
    ):
        assert page(BODY + markup).text == f"{TEXT}\n\nOutput of the mine\n\nYear: 2024 | Tonnes: 1,480"


def test_a_correction_behind_the_article_belongs_to_it() -> None:
    after = "<div><p>Correction: An earlier version misstated the date. It is 4 May.</p></div>"
    text = page(f"<div>{BODY}{YEARS}</div>{after}").text
    assert text.endswith("Correction: An earlier version misstated the date. It is 4 May.")


def test_an_appeal_takes_no_paragraphs_along_that_say_something() -> None:
    said = "The town asks for a report on dust by the end of the year, and for a wall along the road to the school."
    body = f"{BODY}<div><p>{said}</p><p>The wall would cost 4 million.</p><p>Please make a donation today.</p></div>"
    assert page(body).text == f"{TEXT}\n\n{said}\n\nThe wall would cost 4 million."


def test_words_before_the_first_break_of_a_box_stay() -> None:
    first = "The mine sent 40 <b>wagons</b> of ore to the coast on Monday, a record for a day."
    text = page(f"{first}<br><br>The trains ran at night, said the driver.<div>{BODY}</div>").text
    assert text.startswith(
        "The mine sent 40 wagons of ore to the coast on Monday, a record for a day.\n\nThe trains"
    )


@pytest.mark.parametrize(
    "furniture",
    [
        "<div><h4>Keep this paper free</h4><p>We have no owners. Please make a donation today.</p></div>",
        "<p align='center'><img></p><p align='center'><small>Our data. Oxide, daily average, yuan/kg</small></p>",
        "<p><span itemprop='author'>Dr. Falk Weyl</span>, Trade Law</p>",
        "<h2>Papers</h2><p><a href='/permit.pdf'>The permit of the county board for the kiln, in full</a></p>",
        "<h2>Key dates</h2><ul><li><a href='#a'>Kiln opens after a delay of four weeks</a></li>"
        "<li><a href='#b'>The mayor of Kiruna asks for a report on dust</a></li></ul>",
    ],
)
def test_furniture_between_paragraphs_takes_its_heading_along(furniture: str) -> None:
    after = "<h2>Dust</h2><p>The town asks for a report on dust by the end of the year.</p>"
    assert page(BODY + furniture + after).text == page(BODY + after).text


def test_names_that_trafilatura_takes_for_furniture_keep_what_they_hold() -> None:
    long = "The slide of prices ended in May, when three buyers in Rotterdam took 40 tonnes of oxide each for the winter."
    assert page(f"{BODY}<p class='slide-bar'>{long} None of them would say why.</p>").text.endswith(
        "say why."
    )


def test_new_tab_notes_go_and_their_sentence_stays() -> None:
    body = BODY.replace("Kiruna", "<a>Kiruna</a> (opens in a new tab)")
    assert page(body).text == TEXT


TWEET = "<p>Proud day in Kiruna. First oxide out of the gate!</p>— Halden (@halden) <a href='//t.example/1'>4 March</a>"


@pytest.mark.parametrize(
    "furniture",
    [
        f"<blockquote class='twitter-tweet'>{TWEET}</blockquote>",
        f"<amp-twitter><blockquote placeholder>{TWEET}</blockquote></amp-twitter>",
        "<div><h3>Ask for a number</h3><p>This takes about 20 minutes.</p><a class='button' href='/n'>Start now</a></div>",
        "<div class='gated-form'><h3>Be no longer caught off guard</h3><p>Stay ahead with our data.</p>By Data</div>",
        "<div class='stock-box'><table><tr><th>Name</th><th>Last</th></tr><tr><td>Halden</td><td>4.1</td></tr></table></div>",
        "<div class='ai'><div>AI Summary</div><div>Halden opened a kiln of the newest kind in the north.</div></div>",
        "<blockquote><p>‘Opened its second kiln in Kiruna’</p><cite>Ann Weller, director</cite></blockquote>",
        "<p><b>Investors:</b><br>Paula Greer, ir@halden.example<br><b>Media:</b><br>media@halden.example</p>",
    ],
)
def test_what_platforms_and_publishers_set_into_an_article_goes(furniture: str) -> None:
    assert page(BODY + furniture + YEARS).text == page(BODY + YEARS).text


@pytest.mark.parametrize(
    "said",
    [
        "<blockquote><p>The company expects 1,700 tonnes of oxide a year from it, and hires sixty.</p></blockquote>",
        "<blockquote><p>We never promised oxide from this kiln.</p><cite>Ann Weller, director</cite></blockquote>",
        "<p>Register existing contracts. The portal opened on 11 August and takes 60 days.</p>",
        "<h2>What’s next</h2><p>Halden breaks ground in June and ships magnets in 2028, it said.</p>",
        "<ol><li><strong>Register existing contracts.</strong> The portal needs a copy of each in Swedish.</li></ol>",
    ],
)
def test_what_only_looks_like_that_stays(said: str) -> None:
    text = page(BODY + said + YEARS).text
    for part in re.findall(r">([^<]{12,})<", said):
        assert part.strip() in text


def test_where_a_company_is_found_goes_and_what_it_is_stays() -> None:
    about = "<p>The company employs 118 people. For more information, visit <a href='//h.example'>www.h.example</a>.</p>"
    text = page(BODY + YEARS + "<p><b>About Halden</b></p>" + about).text
    assert text.endswith("About Halden\n\nThe company employs 118 people.")


def test_a_quotation_that_stands_twice_is_kept_once() -> None:
    quote = "<blockquote><p>We never promised anybody oxide from this kiln by June.</p></blockquote>"
    assert page(BODY + quote + YEARS + quote).text.count("We never promised") == 1


def test_highlights_stay_whole_when_one_of_them_is_new() -> None:
    points = "<li>The company expects 1,509 tonnes of oxide from the kiln</li><li>Cash stood at 44 million dollars</li>"
    text = page(f"<div><div class='box-header'>Key points</div><ul>{points}</ul></div>{BODY}{YEARS}").text
    assert text.startswith("Key points\n\n- The company expects 1,509")
    assert "- Cash stood at 44 million dollars" in text


def test_boxes_of_page_builders_are_headings_and_paragraphs() -> None:
    def box(words: str, name: str = "txt") -> str:
        return f"<div><div><div class='{name}'>{words}</div></div></div>"

    two = "<div class='txt'>{}</div>" * 2
    first = two.format(
        "Halden opened its second kiln in Kiruna on 4 March.",
        "It was four weeks late, the mayor of the town said.",
    )
    text = page(
        f"<div>{first}</div>{box('What it costs', 'heading-title')}{box('The line comes to 8 million euros in all.')}{YEARS}"
    ).text
    assert "\n\nWhat it costs\n\nThe line comes to 8 million euros in all.\n\n" in text


def test_a_row_across_all_columns_is_the_caption_of_its_table() -> None:
    rows = "<tr><th>Year</th><th>Tonnes</th></tr><tr><td>2024</td><td>1,480</td></tr>"
    table = f"<table><tr><td colspan='2'>Output of the mine</td></tr>{rows}</table>"
    assert page(BODY + table).text == f"{TEXT}\n\nOutput of the mine\n\nYear: 2024 | Tonnes: 1,480"


def test_the_sentence_under_the_title_needs_no_full_stop_where_its_name_says_what_it_is() -> None:
    sub = "Forty-two new holes take the deposit past 61 million tonnes"
    header = f"<header><h1>Kiln opens</h1><p class='post-sub-title'>{sub}</p><p>By Ann Weller</p></header>"
    assert page(header + BODY).text == f"{sub}\n\n{TEXT}"


FORUMS = {
    "phpbb": (
        "<html><body id='phpbb'>",
        "<div class='postbody'><h3>Re: x</h3><div class='content'>{}</div></div>",
    ),
    "discourse": (
        "<html><head><meta name='generator' content='Discourse 3.2'></head><body>",
        "<div class='topic-body crawler-post'><span>ann</span><div class='post' itemprop='text'>{}</div></div>",
    ),
    "xenforo": (
        "<html id='XF'><body>",
        "<article class='message'><h4>ann</h4><div class='message-body'><div class='bbWrapper'>{}</div></div></article>",
    ),
}


@pytest.mark.parametrize("kind", FORUMS)
def test_of_a_thread_only_the_first_post_is_the_article(kind: str) -> None:
    start, post = FORUMS[kind]
    reply = "<p>Mine came in May, and nine of them had chips on the edge, as I wrote in batch 6.</p>"
    rules = "<div><strong>Forum rules</strong><br>One thread for each batch, and no haggling in public.</div>"
    html = f"{start}{rules}{post.format(BODY)}<p>Posts: 4127</p>{post.format(reply)}</body></html>"
    assert extract(html.encode(), URL, ".html").text == TEXT


def test_other_pages_are_no_threads() -> None:
    comment = "<div itemprop='text'><p>Mine came in May, and nine of them had chips on the edge.</p></div>"
    assert page(comment + BODY).text.endswith(TEXT)


def test_highlights_that_say_something_new_stay() -> None:
    new = "<h2>Highlights</h2><ul><li>Cash stood at 44 million dollars at the end of June</li></ul>"
    assert "Cash stood at 44 million" in page(BODY + new).text


def test_a_name_of_furniture_on_the_whole_article_takes_nothing_away() -> None:
    assert page(f"<div class='has-sidebar related social'><form>{BODY}</form></div>").text == TEXT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "big5"])
def test_pages_are_decoded_whatever_they_declare(encoding: str) -> None:
    text = "公司今天宣布，其位于包頭的第二條分離生產線已經投入試運行，設計年產能為三千二百噸。" * 3
    html = f"<html><head><meta charset='iso-8859-1'></head><body><p>{text}</p></body></html>"
    declared = html.replace("iso-8859-1", "utf-8" if encoding.startswith("utf") else encoding)
    assert extract(declared.encode(encoding), URL, "text/html").text == text
    if encoding.startswith("utf"):
        assert extract(html.encode(encoding), URL, "text/html").text == text
    else:
        assert extract(html.encode(encoding), URL, f"text/html; charset={encoding}").text == text


# Kinds


def test_the_kind_may_be_a_media_type_a_suffix_or_left_to_the_bytes() -> None:
    html = f"<!DOCTYPE html><html><body>{BODY}</body></html>".encode()
    pdf = (FILES / "columns.reportlab.pdf").read_bytes()
    for kind in ("text/html; charset=utf-8", ".htm", "application/octet-stream", ""):
        assert extract(html, URL, kind).text == TEXT
    for kind in ("application/pdf", ".PDF", ""):
        assert extract(pdf, URL, kind).title == "Two columns of oxide"
    assert extract(b"# A heading\n\nText.", "https://x.example/a.md").text == "A heading\n\nText."
    assert extract(b"# no", URL, "text/plain").text == "# no"


def test_files_of_these_kinds_are_read_from_folders(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"<html><body>{BODY}</body></html>")
    (tmp_path / "b.docx").write_bytes((FILES / "report.python-docx.docx").read_bytes())
    (tmp_path / "c.PDF").write_bytes((FILES / "columns.reportlab.pdf").read_bytes())
    found = {item.url: item.title for item in read_articles(tmp_path) if isinstance(item, Article)}
    assert found == {
        (tmp_path / "a.html").as_uri(): "a",
        (tmp_path / "b.docx").as_uri(): "Kiln report 2025",
        (tmp_path / "c.PDF").as_uri(): "Two columns of oxide",
    }


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"of a kind that cannot be read \(image/png\)"):
        extract(b"\x89PNG", URL, "image/png")
