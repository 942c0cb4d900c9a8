"""Lines of a page that are no part of its article go; sentences that only sound like them stay."""

import pytest

from corpus.boilerplate import strip_lines

BEFORE = [
    "The miner produced 1,200 tonnes of oxide in the quarter that ended in June.",
    "Output should rise to 1,500 tonnes next year, it said.",
]
AFTER = [
    "The plant will be ready in March, the company added in a statement.",
    "Costs came to 40 dollars a kilogram, down from 52 a year earlier.",
    "It employs 230 people at the site and 40 more in Perth.",
]


@pytest.mark.parametrize(
    "blocks",
    [
        ["Safe Harbor Statement", "This release contains forward-looking statements.",
         "Such risks include strikes and weather, and others in our filings with the SEC."],
        ["Forward-Looking Statements\nCertain statements in this release are forward-looking statements. "
         "Words such as “expects” identify such statements."],
        ["Readers are cautioned not to place undue reliance on them: actual results may differ materially."],
        ["Neither the TSX Venture Exchange nor its Regulation Services Provider accepts responsibility."],
        ["The information contained within this announcement is deemed to constitute inside information."],
        ["This news release does not constitute an offer to sell securities in the United States."],
        ["Media Contact:", "Jane Doe", "Vice President, Communications", "jane@x.example", "+61 2 5550 1234"],
        ["Bob Ray, Chief Executive\nTel: +44 (0)20 7946 0112"],
        ["For further information, please contact:", "Jane Doe | Tel: +44 20 7946 0112"],
        ["jane.doe@paper.example"],
        ["-ENDS-"], ["**ENDS**"], ["###"], ["STRFFFFLIEIDIIL"], ["SOURCE Halden Minerals Ltd."],
        ["View original content: https://wire.example/302.html"],
        ["Authorised for release by the Board of Directors."],
        ["Reporting by Ann Lee in Perth; Editing by Bo Ek"], ["(Additional reporting by Ann Lee)"],
        ["With assistance from Ann Lee."], ["To contact the reporter on this story: Ann Lee, alee@x.example"],
        ["(Have a tip? Write to us at tips@x.example.)"], ["Sign up here for our daily newsletter."],
        ["Download our new app for breaking news."], ["Please consider making a donation."],
        ["Kiln gate in May. Prospector photo by G. Fahey"], ["A truck. REUTERS/Dana Ruiz"],
        ["A truck at the mine. (Image: Halden Minerals.)"], ["Table 1: Pilot plant, Birch Narrows"],
        ["Terms of Service | Privacy Policy"], ["All quotes delayed a minimum of 15 minutes."],
        ["本文不构成投资建议，投资者据此操作，风险自担。"], ["股市有风险，投资需谨慎。"],
        ["扫描二维码关注本报公众号"],
        ["声明：本文仅代表作者个人观点，与本网站无关。"], ["股市回暖，先开户！送给你>>"],
        ["编辑：李四"], ["（完）"],
    ],
)  # fmt: skip
def test_boilerplate_goes(blocks: list[str]) -> None:
    assert strip_lines([*BEFORE, *blocks, *AFTER]) == BEFORE + AFTER


@pytest.mark.parametrize(
    "line",
    [
        "The company issued forward-looking guidance of 3,000 tonnes for 2027.",
        "Actual results differed materially from the forecast, with 900 tonnes instead of 1,400.",
        "Halden, which has no obligation to buy, took 400 tonnes in May.",
        "The Exchange accepted the company's plan and its shares rose 5% on Friday.",
        "Comments on the permit are due by 30 April at permits@state.example, and a hearing follows soon.",
        "Investors can follow the vote online on 5 June at www.halden.example.",
        "For further information, the ministry pointed to the 2019 survey, which found 3.1 million tonnes.",
        "Satellite pictures by Maxar show 14 trucks at the gate.",
        "The report shows one image: China supplies 90 per cent of magnets.",
        "Figure 3 shows that output rose by 12% to 3,400 tonnes in May.",
        "By Friday, prices had fallen to 60 dollars a kilogram",
        "By contrast, the bulk products drifted lower, and lanthanum was unchanged.",
        "Background",
        "Sources: the ministry and two traders said output fell to 3,000 t.",
        "Source material from 11 plants was weighed: 4,100 tonnes in all.",
        "Read the contract: 400 tonnes a year at 75 dollars a kilogram, for ten years.",
        "The grant supports local newsrooms with 4 million dollars a year.",
        "公司发布风险提示称，二季度产量下降12%。",
        "受访者说，扫码即可查询每吨氧化镨钕的来源，今年已登记3万吨。",
        "该企业用AI生成的配方使氧化镨钕产量提高3%。",
    ],
)
def test_sentences_with_facts_stay(line: str) -> None:
    assert strip_lines([*BEFORE, line, *AFTER]) == [*BEFORE, line, *AFTER]


def test_of_a_paragraph_only_the_legal_sentences_go() -> None:
    block = "Cash stood at 44 million dollars. Readers should not place undue reliance on this. Debt was nil."
    assert strip_lines([*BEFORE, block, *AFTER])[2] == "Cash stood at 44 million dollars. Debt was nil."


def test_legal_language_ends_at_the_next_heading_or_the_next_plain_paragraph() -> None:
    legal = ["Disclaimer", "These statements are subject to risks and uncertainties."]
    for rest in (["Funding", "The firm has 40 million dollars."], ["The firm has 40 million dollars."]):
        assert strip_lines([*BEFORE, *legal, *rest, *AFTER]) == [*BEFORE, *rest, *AFTER]


def test_titles_and_names_before_the_first_sentence_go_and_headings_and_lists_stay() -> None:
    title = "Zandrivier study and environmental clearance"
    lead = ["RNS Number : 4417B", "9 March 2026", "Halden plc", '("Halden" or the "Company")']
    assert strip_lines([*lead, "Zandrivier Study and Clearance", *BEFORE], title) == BEFORE
    assert strip_lines(["Halden plc", "Key figures", "- Cash of 4 million", *BEFORE], title) == [
        "Key figures", "- Cash of 4 million", *BEFORE,
    ]  # fmt: skip
    assert strip_lines(["Findings", *BEFORE], title) == ["Findings", *BEFORE]


def test_left_over_headings_after_the_last_sentence_go_and_lists_stay() -> None:
    assert strip_lines([*BEFORE, "- 40 tonnes of acid", "Talk to us", "Today"]) == [
        *BEFORE,
        "- 40 tonnes of acid",
    ]
