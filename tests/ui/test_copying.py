"""What is copied shows the same words elsewhere, and nothing of it becomes markup there."""

import re
from dataclasses import replace
from datetime import date

from hypothesis import assume, example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.types import Answer, Citation, Sentence, Timings
from ui.copying import as_bibtex, as_markdown, as_plain, one_line

HOSTILE = (
    "[x](javascript:alert(1)) <img src=x> **b** `c` # h ![i](j) &lt; a|b ~~s~~ http://e.org www.e.org a@b.cc"
)
nasty = st.text(st.sampled_from(list('ab1 .\n\t\r#>+-=*_`~[]()<>!|\\&;:/@${}^"%，包\u202e\x00')), min_size=1)


def citation(n: int = 1, text: str = "The passage.", url: str = "https://example.org/a") -> Citation:
    return Citation(n, "p", f"article{n}", url, text, text, date(2025, 5, 13), 0, len(text), text)


def answer(*sentences: Sentence, citations: tuple[Citation, ...] = ()) -> Answer:
    return Answer(
        question="Who?",
        text=" ".join(s.text for s in sentences),
        abstained=False,
        reason="",
        as_of=date(2025, 5, 13),
        sentences=sentences,
        citations=citations,
        retrieved=(),
        shown=(),
        timings=Timings(0, None, 0),
        model="test",
    )


def answer_with(text: str) -> Answer:
    sentences = (Sentence(text, "supported", (1,)), Sentence(text, "weak", (1,), quoted=True))
    return answer(*sentences, citations=(citation(text=text),))


def parsed(markdown: str) -> tuple[list[str], str]:
    """The structure of a Markdown text without its words, and its words."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens: list[Token] = []
    for token in reader.parse(markdown):
        tokens += [token, *(token.children or [])]
    shape = [t.type + str(t.attrs or "") for t in tokens if t.type not in ("inline", "text")]
    return shape, " ".join(t.content for t in tokens if t.type == "text")


@given(nasty)
@example(HOSTILE)
@example("1. one")
@example("2) two\n---\n===")
@example("a | b\n:-- | --:\n1 | 2")
def test_no_text_breaks_out_of_markdown(text: str) -> None:
    assume(one_line(text) and not text.startswith("- "))
    assume(all(one_line(line) for line in text.splitlines()) and len(text.splitlines()) == 1)
    shape, words = parsed(as_markdown(text, answer_with(text)))
    assert shape == parsed(as_markdown("Word", answer_with("Word")))[0]
    assert words.replace(" ", "").count(one_line(text).replace(" ", "")) >= 6


@given(st.lists(nasty, min_size=2, max_size=4))
def test_no_line_of_a_passage_breaks_out_of_its_quotation(lines: list[str]) -> None:
    text = "\n".join(lines)
    shape, _ = parsed(as_markdown("Q", answer_with(text)))
    kinds = {item.split("{")[0].removesuffix("_open").removesuffix("_close") for item in shape}
    assert kinds <= {
        "heading",
        "paragraph",
        "blockquote",
        "softbreak",
        "em",
        "link",
        "bullet_list",
        "list_item",
    }
    assert sum(item.startswith("link_open") for item in shape) <= 1


def test_links_lead_to_the_source_and_nowhere_else() -> None:
    def links(url: str) -> list[str]:
        shape, _ = parsed(as_markdown("Q", answer(citations=(citation(url=url),))))
        return [item for item in shape if item.startswith("link_open")]

    assert links("https://example.org/a_(b)?c=1&copy=2;x") != []
    assert links("https://e.org/) [y](javascript:1)") == [
        "link_open{'href': 'https://e.org/%29%20%5By%5D%28javascript:1%29'}"
    ]
    assert links("javascript:alert(1)") == links("http://[") == []


def test_markers_doubts_and_sources_are_kept_and_withheld_sentences_are_not() -> None:
    full = answer(
        Sentence("- One.", "supported", (1,)),
        Sentence("Two.", "weak", (2,)),
        Sentence("Secret.", "unsupported"),
        citations=(citation(1), citation(2)),
    )
    full = replace(full, notes=("Read this first.", "It is old."), text=f"Read this first.\n{full.text}")
    for text in (as_markdown("Who?", full), as_plain("Who?", full)):
        assert "One. [1]" in text
        assert "Two. [2] (?)" in text
        assert "(?) only weakly supported" in text
        assert "Secret" not in text
        assert text.index("Read this first.") < text.index("One.") < text.index("It is old.")
        assert "[2] The passage., 2025-05-13: " in text
        assert text.count("https://example.org/a") == 2


def entries_of(bibtex: str) -> list[dict[str, str]]:
    """BibTeX as it is read: fields end where their braces are even, whatever stands before a brace."""
    found, place = [], 0
    while match := re.compile(r"\s*@online\{([^,\s{}]+),").match(bibtex, place):
        fields, place = {"key": match[1]}, match.end()
        while field := re.compile(r"\s*(\w+) = \{").match(bibtex, place):
            depth, start = 1, field.end()
            place = start
            while depth:
                depth += {"{": 1, "}": -1}.get(bibtex[place], 0)
                place += 1
            fields[field[1]] = bibtex[start : place - 1]
            place = re.compile(",").match(bibtex, place).end()  # type: ignore[union-attr]
        place = re.compile(r"\s*\}\s*").match(bibtex, place).end()  # type: ignore[union-attr]
        found.append(fields)
    assert place == len(bibtex)
    return found


def shown(tex: str) -> str:
    """TeX as it is printed; fails on a special character that is not escaped."""
    names = {"backslash": "\\", "braceleft": "{", "braceright": "}", "asciitilde": "~", "asciicircum": "^"}
    pieces = re.findall(r"\\text(\w+)\{\}|\\([$&#_%])|([^\\{}$&#_%~^])", tex)
    assert re.sub(r"\\text(\w+)\{\}|\\([$&#_%])|([^\\{}$&#_%~^])", "", tex) == ""
    return "".join(names[name] if name else mark or plain for name, mark, plain in pieces)


@given(nasty)
def test_bibtex_reads_back_as_what_was_cited(text: str) -> None:
    assume(one_line(text))
    full = answer(citations=(citation(1, text), citation(2, text)))
    entries = entries_of(as_bibtex(full))
    assert [shown(e["title"].removeprefix("{").removesuffix("}")) for e in entries] == [one_line(text)] * 2
    assert [e["organization"] for e in entries] == [e["title"] for e in entries]
    assert shown(entries[0]["annote"]) == f"[1] “{one_line(text)}”"
    assert entries[0]["key"] != entries[1]["key"]


def test_a_source_cited_twice_is_one_entry() -> None:
    one, other = citation(1), replace(citation(2), article_id="article1")
    (entry,) = entries_of(as_bibtex(answer(citations=(one, other))))
    assert entry["date"] == "2025-05-13"
    assert entry["url"] == "https://example.org/a"
    assert entry["annote"].count("“The passage.”") == 2
    assert as_bibtex(answer()) == ""
