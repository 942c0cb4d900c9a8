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
        ["Securities Disclosure: I, Ann Lee, hold no interest in any company mentioned in this article."],
        ["The Ledger has positions in and recommends Halden. The Ledger has a disclosure policy."],
        ["Members of our staff may hold shares in companies named on this site. Do your own research."],
        ["This article was developed in collaboration with Halden, a client at the time of publishing."],
        ["We may earn a commission from links on this page."],
        ["This alert is provided for general information only. Prior results guarantee nothing."],
        ["It does not take policy positions. Its research is nonpartisan and nonproprietary."],
        ["Never miss a story: follow Metals Daily on LinkedIn and Telegram."],
        ["Don't forget to follow us @metals for news!"], ["Learn about our editorial policies."],
        ["Before you buy stock in Halden, consider this:"], ["(With files from the Canadian Press)"],
        ["Thanks for reading! Subscribe for free to receive new posts."],
        ["Want to know more about our services?"],
        ["This story is republished courtesy of Kiruna News, a popular site."], ["(Adds details, shares)"],
        ["AP is solely responsible for all content."], ["Most Read from the Ledger"],
        ["Image source, Getty Images"],
        ["This document is subject to copyright."],
        ["Lee, A. (2025). Dust. Kilns, 12(3), 45. doi:10.1016/j.x.2025.01"],
        ["For media inquiries contact Ann Lee."], ["Artikel teilen"], ["Foto: dpa"], ["구독하기"],
        ["特别声明：以上内容为自媒体平台用户上传并发布，本平台仅提供信息存储服务。"], ["本文来源：稀土网"],
        ["作者 | 王五"],
        ["更多精彩内容请关注公众号"], ["海量资讯、精准解读，尽在财经APP"],
        ["On behalf of the Board,", "HALDEN MINERALS CORP.", "“Jane Doe”\nPresident and Director",
         "For further information, please contact:\nJane Doe, Tel: 604-555-0190"],
        ["Competent Person’s Statement\nThe information in this report that relates to Mineral Resources is "
         "extracted from the release of 3 July. The Company is not aware of any new information."],
        ["Not for distribution to United States newswire services."],
        ["To view an enhanced version of this graphic, please visit:\nhttps://wire.example/fig1.jpg"],
        ["Data Source Statement: all other data are processed by us, for reference only."],
        ["For queries, please contact Mira Xu at mira@x.example."],
        ["What do you think? Tell us in the comments."],
        ["Do you have a story in your community? WhatsApp our newsroom on +265 999 000 117."],
        ["The Metals newsletter brings the day's news to your inbox. Sign up here."],
        ["Know somebody who would like this letter? Send it on."],
        ["We are run by volunteers; if you like what we do, buy us a flask of tea."],
        ["If you found this report useful, please consider a subscription."],
        ["Printed copies of this circular may be had from the Survey for 3 dollars."],
        ["Ms. Weller spent three weeks in Kiruna for this article."],
        ["Bo Ek contributed reporting. Produced by Cy Dam."],
        ["This content was commissioned by the Bureau."],
        ["This summary was generated by AI."], ["You have 2 free articles left this month."],
        ["(With inputs from PTI)"], ["\u200d"], ["不良信息举报电话：(0571)00000000 浙ICP备00000000号"],
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
        "The EU will consider supporting miners with 3 billion euros, said two sources.",
        "They tell us that prices fell below 50 dollars in the first week of June.",
        "On behalf of the company, Lee said that output rose by 5 per cent in June.",
        "Buyers may cancel at any time, and 4 of them did so in May.",
        "The court received 12 referrals in May, twice as many as in April.",
        "Fees are for reference only, the agency said, and 40 dollars is the floor.",
        "Table 2 shows that output rose by 12% to 3,400 tonnes in May.",
        "Also read into the record was a letter of 4 May from the mine.",
        "Higher prices contributed to the report of a record profit of 40 million.",
        "Halden Minerals covers 40 square kilometres of ground for Kiruna.",
        "551,992,430 shares",
        "Background",
        "Sources: the ministry and two traders said output fell to 3,000 t.",
        "Source material from 11 plants was weighed: 4,100 tonnes in all.",
        "Read the contract: 400 tonnes a year at 75 dollars a kilogram, for ten years.",
        "The grant supports local newsrooms with 4 million dollars a year.",
        "Germany and France will chip in 50 million euros each.",
        "The mine will make a significant contribution to supply from 2027, it said.",
        "Shenghe holds no shares in any of the other bidders, it said in May.",
        "Neither the European Commission nor Berlin has reviewed the quota of 3,000 tonnes.",
        "The ministry may not be reproduced as a buyer: it took 40 tonnes only.",
        "Factors such as floods could cause lower results, and output fell to 300 tonnes.",
        "Investors can subscribe for 4 million new shares until 5 May.",
        "Lynas expects no obligation to update its licence before 2026.",
        "Samsung will supply motors to Google Play and 40 other firms from May.",
        "The ministry does not have positions in any of the companies it regulates, Lee said.",
        "The agreement does not constitute an offer to the minority holders, according to the court.",
        "The foundation is a private nonprofit organisation that owns the mine.",
        "Buyers follow the price on the Shanghai exchange and on LinkedIn alike.",
        "No part of the mine may be sold without the written consent of the state.",
        "This document was signed by both ministers in Tokyo.",
        "This update was the second in a month, and it cut the forecast to 3,000 tonnes.",
        "See the mine from the air and you see a scar.",
        "He holds a degree in chemistry and built the first circuit himself.",
        "Our app counts every drum, said the manager of the store.",
        "Members of the alliance have until Friday to reply.",
        "Terms",
        "Operations",
        "Corporate",
        "商务部提醒企业谨慎投资海外稀土项目。",
        "市场信息由协会统一发布，企业不得自行报价。",
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


def test_who_the_author_is_goes_from_the_end_and_nowhere_else() -> None:
    bio = "Ann Weller covers business and the environment in Sweden for The Courier."
    assert strip_lines([*BEFORE, *AFTER, "Ann Weller", bio]) == BEFORE + AFTER
    assert strip_lines([*BEFORE, bio, *AFTER]) == [*BEFORE, bio, *AFTER]
    firm = "Halden Minerals reports on 40 tonnes of oxide for Kiruna."
    assert strip_lines([*BEFORE, *AFTER, firm]) == [*BEFORE, *AFTER, firm]


def test_the_caption_of_a_table_stays_with_its_rows() -> None:
    table = ["Table 1: Selected intercepts", "Hole: A | Grade: 1.1\nHole: B | Grade: 1.4"]
    assert strip_lines([*BEFORE, *table, *AFTER]) == [*BEFORE, *table, *AFTER]
    assert strip_lines([*BEFORE, table[0], *AFTER]) == BEFORE + AFTER


def test_rows_that_start_with_a_date_are_no_bylines() -> None:
    rows = "03/17/2026 | 552,000\n03/18/2026 | 554,000"
    assert strip_lines([*BEFORE, rows]) == [*BEFORE, rows]


def test_rows_that_say_what_an_official_document_is_go_from_its_head() -> None:
    rows = "【发布单位】 | 安全与管制局\n【发文日期】 | 2026年5月29日"
    assert strip_lines([rows, *BEFORE]) == BEFORE


def test_beside_legal_sentences_at_the_end_only_what_says_a_figure_stays() -> None:
    legal = "This article does not constitute legal advice."
    assert (
        strip_lines([*BEFORE, *AFTER, f"{legal} It wants to show what may matter to clients."])
        == BEFORE + AFTER
    )
    assert strip_lines([*BEFORE, *AFTER, f"{legal} It names 40 mines."]) == [
        *BEFORE,
        *AFTER,
        "It names 40 mines.",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "证券代码：688000X 证券简称：瑞岭稀土 公告编号：2026-017",
        "本公司董事会及全体董事保证本公告内容不存在任何虚假记载、误导性陈述或者重大遗漏。",
        "敬请广大投资者理性投资，注意投资风险。",
        "上述预计数据不构成公司对投资者的业绩承诺。",
        "I may hold, or have lost, positions in anything mentioned.",
        "Nothing here is advice.",
        "Further details are on the Company's website.",
        "For more information, visit www.halden.example.",
        "This release was reviewed by Ann Weller, P.Eng., a Qualified Person under NI 43-101.",
        "Ann Weller, who has 25 years of experience, consents to its inclusion in this release.",
    ],
)
def test_what_companies_and_authors_say_for_their_lawyers_goes(line: str) -> None:
    assert strip_lines([*BEFORE, line, *AFTER]) == BEFORE + AFTER


@pytest.mark.parametrize(
    "line",
    [
        "The resource of 12.3 million tonnes was prepared by Ann Weller, a Qualified Person under NI 43-101.",
        "An earlier version of this article misstated the margin. It was 23 votes, not 32.",
        "This article was amended on 14 May 2025. An earlier version said the loan would run for 10 years.",
        "Halden is a producer of separated rare earths with a kiln in Kiruna.",
        "All dollar amounts are in United States dollars unless stated otherwise.",
    ],
)
def test_what_sounds_like_it_but_says_something_stays_whole(line: str) -> None:
    assert strip_lines([*BEFORE, *AFTER, line]) == [*BEFORE, *AFTER, line]


def test_who_vouches_for_a_release_goes_alone_and_the_company_stays() -> None:
    person = (
        "Ann Weller, a qualified person as defined by National Instrument 43-101, has approved this release."
    )
    sampling = "Samples were sent to a laboratory in Kiruna, with blanks among them."
    about = [
        "About Halden Minerals Corp.",
        "Halden separates rare earths. For more information, visit halden.example.",
    ]
    assert strip_lines([*BEFORE, "Qualified Person", person, *about]) == [
        *BEFORE, about[0], "Halden separates rare earths.",
    ]  # fmt: skip
    assert strip_lines([*BEFORE, "Qualified Person", f"{person} {sampling}", *AFTER]) == [
        *BEFORE, "Qualified Person", sampling, *AFTER,
    ]  # fmt: skip


def test_a_measure_under_a_heading_of_measures_stays() -> None:
    heading, legal = (
        "Non-GAAP Measures",
        "Unit cost has no standard meaning and may not be comparable to that of others.",
    )
    figure = "Adjusted earnings were 12 million dollars, up from 9 million."
    assert strip_lines([*BEFORE, heading, legal, "Costs", *AFTER]) == [*BEFORE, "Costs", *AFTER]
    assert figure in strip_lines([*BEFORE, heading, legal, figure, *AFTER])


def test_risks_with_a_figure_stay_in_a_chinese_notice() -> None:
    plain, figure = (
        "项目投产尚需时间，产品价格波动较大，存在风险。",
        "公司预计2026年亏损3亿元，存在退市风险。",
    )
    before, after = (
        "公司今天宣布第二条分离生产线已经投入试运行，设计年产能为三千吨。",
        "特此公告，全体股东已经收到通知。",
    )
    assert strip_lines([before, "五、风险提示", plain, after]) == [before, after]
    assert figure in strip_lines([before, "五、风险提示", figure, after])


def test_a_letter_ends_before_its_greeting() -> None:
    assert strip_lines([*BEFORE, *AFTER, "Until Wednesday,\nJoss"]) == BEFORE + AFTER
    assert strip_lines([*BEFORE, *AFTER, "Kind regards,\nJoss"]) == BEFORE + AFTER


def test_a_heading_goes_with_all_its_lines() -> None:
    appeal = "Sign up here for our daily newsletter on metals and mines."
    assert strip_lines([*BEFORE, "Every morning", appeal, "Costs", *AFTER]) == [*BEFORE, "Costs", *AFTER]
    assert strip_lines([*BEFORE, "Costs", *AFTER]) == [*BEFORE, "Costs", *AFTER]
