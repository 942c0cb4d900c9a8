"""Passages are exact slices that lose nothing, and the embedding model reads each to its end."""

import random
from collections.abc import Callable
from datetime import date
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.article import Article
from corpus.clean import clean_text
from corpus.reading import STARTER, read_articles
from rag.chunk import TARGET_TOKENS, chunk, context_of
from rag.embed import Embedder
from rag.tokens import count_tokens
from rag.types import Passage

_PARTS = [
    "Lynas produced oxide. ",
    "\n\n",
    "稀土价格上涨。",
    "word ",
    "x" * 90,
    "，",
    "👩‍🔬",
    "A heading\n\n",
]
_TEXT = (st.text(max_size=300) | st.lists(st.sampled_from(_PARTS), max_size=120).map("".join)).map(clean_text)
_SCIENTIST, _FAMILY, _ASTRONAUT = "👩‍🔬", "👨‍👩‍👧‍👦", "👩🏽‍🚀"
_EMOJI = [_SCIENTIST, _FAMILY, _ASTRONAUT, "❤️", "🇨🇳", "🇦🇺", "1️⃣", "👍🏿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "😀", "稀", "e\u0329"]


def ink(text: str) -> str:
    # A text without its white space.
    return "".join(text.split())


def assert_whole(article: Article, passages: list[Passage]) -> None:
    # Exact slices, in order, without overlap, that hold every visible character.
    assert all(passage.text == article.text[passage.start : passage.end] != "" for passage in passages)
    edges = [edge for passage in passages for edge in (passage.start, passage.end)]
    assert edges == sorted(edges)
    assert ink("".join(passage.text for passage in passages)) == ink(article.text)
    assert {passage.article_id for passage in passages} <= {article.id}
    assert len({passage.id for passage in passages}) == len(passages)


@given(_TEXT)
def test_passages_are_slices_that_lose_nothing(text: str) -> None:
    article = Article("https://example.org/a", text)
    passages = chunk(article)
    assert_whole(article, passages)
    assert all(count_tokens(passage.text) <= TARGET_TOKENS + 10 for passage in passages)


@given(_TEXT, st.integers(1, 60))
def test_no_passage_is_larger_than_what_fits(text: str, limit: int) -> None:
    article = Article("https://example.org/a", text, "Title", published=date(2025, 5, 13))
    context = context_of(article)
    passages = chunk(article, lambda offered: len(offered) <= len(context) + limit)
    assert_whole(article, passages)
    assert all(len(passage.text) <= limit for passage in passages)


def generated_articles() -> list[Article]:
    # Texts on which tiktoken and the model's own tokenizer disagree, and which have no place to cut.
    chance = random.Random(7)
    chinese = [chr(chance.randint(0x4E00, 0x9FFF)) for _ in range(3000)]
    sentences = "。".join("".join(chinese[i : i + 40]) for i in range(0, len(chinese), 40))
    letters = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789-/") for _ in range(3000))
    texts = [
        "".join(chinese),
        sentences,
        letters,
        "x" * 3000,
        "👩‍🔬" * 800,
        "1,234.5 " * 400,
        "ﷺ𝔞ɐ" * 300,
        " ".join(chance.choices(["Tb", "dysprosium-terbium", "镝", "US$277m", "“quoted”"], k=900)),
    ]
    titles = ["", "标题" * 100, "A title of usual length about rare earth magnets", "T" * 500]
    return [
        Article(f"https://example.org/{i}-{j}", clean_text(text), title, published=date(2025, 5, 13))
        for i, text in enumerate(texts)
        for j, title in enumerate(titles)
    ]


def test_the_embedding_model_reads_every_passage_to_its_end(embedder: Embedder) -> None:
    starter = [item for item in read_articles(STARTER) if isinstance(item, Article)]
    for article in [*starter, *generated_articles()]:
        passages = chunk(article, embedder.fits)
        assert_whole(article, passages)
        too_long = [p.text for p in passages if not embedder.fits(context_of(article) + p.text)]
        assert too_long == []


def test_starter_passages_are_of_useful_size_and_end_with_sentences(embedder: Embedder) -> None:
    passages = [
        passage
        for article in read_articles(STARTER)
        if isinstance(article, Article)
        for passage in chunk(article, embedder.fits)
    ]
    sizes = [count_tokens(passage.text) for passage in passages]
    assert max(sizes) <= TARGET_TOKENS + 10
    assert sum(sizes) / len(sizes) > TARGET_TOKENS / 2
    ends = sum(passage.text.rstrip("”\"')").endswith((".", "?", "!", "。", "；")) for passage in passages)
    assert ends / len(passages) > 0.95


def test_a_passage_closes_at_the_end_of_a_paragraph_when_it_is_half_full() -> None:
    first, second = "Lynas made oxide in Kuantan. " * 10, "MP Materials made metal in Texas. " * 14
    article = Article("https://example.org/a", clean_text(f"{first}\n\n{second}"))
    assert [passage.text for passage in chunk(article)] == [first.strip(), second.strip()]


def test_headings_become_the_section_of_what_follows() -> None:
    body = "Lynas made more oxide than in any quarter before this one. " * 15
    headings = ["Prices in China", "包头的价格", "3.5 million tonnes"]
    text = clean_text("\n\n".join([body, *(f"{heading}\n\n{body}{body}" for heading in headings)]))
    places = [0, *(text.index(heading) for heading in headings)]
    passages = chunk(Article("https://example.org/a", text))
    for passage in passages:
        above = [name for name, place in zip(["", *headings], places, strict=True) if place <= passage.start]
        assert passage.section == above[-1]
    assert [name for name in headings if name not in {passage.section for passage in passages}] == []


@pytest.mark.parametrize(
    "text",
    [
        "Lynas made oxide.\n\nMore of it.",
        "Is it rare?\n\nYes.",
        "包钢上调价格。\n\n是的。",
        "As follows:\n\nMore of it.",
        "A line that goes on\nin the next line.\n\nMore of it.",
        "Two lines of one\nparagraph\n\nMore of it.",
        "x" * 121 + "\n\nMore of it.",
        "A text of one line",
    ],
)
def test_sentences_and_whole_texts_are_no_headings(text: str) -> None:
    assert {passage.section for passage in chunk(Article("https://example.org/a", text))} == {""}


@given(st.lists(st.sampled_from(_EMOJI), min_size=1, max_size=120), st.integers(12, 60))
def test_emoji_sequences_are_not_cut(emoji: list[str], limit: int) -> None:
    text = "".join(emoji)
    edges = {0}
    for sequence in emoji:
        edges.add(max(edges) + len(sequence))
    passages = chunk(Article("https://example.org/a", text), lambda offered: len(offered) <= limit)
    assert "".join(passage.text for passage in passages) == text
    assert {edge for passage in passages for edge in (passage.start, passage.end)} <= edges


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "稀",
        "a ",
        ". ",
        "U.S. ",
        "x.y'",
        "\n\n",
        "a\n\n",
        "👩‍🔬",
        "\u200d",
        "\ufe0f",
        "🏽",
        "🇨🇳",
        "\u0301",
    ],
)
def test_time_grows_with_the_length_of_hostile_text_and_no_faster(unit: str) -> None:
    def seconds(length: int) -> float:
        article = Article("https://example.org/a", (unit * length)[:length])
        times = []
        for _ in range(3):  # a garbage collection may fall into one
            started = process_time()
            assert_whole(article, chunk(article))
            times.append(process_time() - started)
        return min(times)

    small = seconds(25_000)
    large = seconds(100_000)
    assert large < 10 * small + 0.1  # quadratic time would be 16 times as much


def test_the_context_is_title_and_date_and_never_long(make_article: Callable[..., Article]) -> None:
    day = date(2025, 5, 13)
    assert context_of(make_article("x", title="Quotas", published=day)) == "Quotas (2025-05-13)\n"
    assert context_of(make_article("x", title="Quotas", published=None)) == "Quotas\n"
    assert context_of(make_article("x", title="", published=day)) == " (2025-05-13)\n"
    assert context_of(make_article("x", title="", published=None)) == ""
    long = context_of(make_article("x", title="稀土 prices " * 200, published=day))
    assert long.startswith("稀土 prices 稀土 prices")
    assert long.endswith(" (2025-05-13)\n")
    assert count_tokens(long) < 80


def test_passage_ids_are_stable_and_change_with_the_article(make_article: Callable[..., Article]) -> None:
    def ids(article: Article) -> set[str]:
        return {passage.id for passage in chunk(article)}

    text = "Lynas made oxide in Kuantan. " * 20
    same, retitled = make_article(text), make_article(text, title="Another title")
    moved = make_article(text, "https://example.org/b")
    assert ids(make_article(text)) == ids(same)
    assert not ids(same) & ids(retitled)
    assert not ids(same) & ids(moved)
