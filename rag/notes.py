"""What an answer says about itself, in the language of the question."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rag.sentences import has_cjk
from rag.types import Citation, Filters
from rag.window import DateWindow


@dataclass(frozen=True)
class Notes:
    """The sentences for one question; ``chinese`` is its language."""

    chinese: bool

    @classmethod
    def for_question(cls, text: str) -> "Notes":
        """Notes in the language that a question is asked in."""
        return cls(has_cjk(text))

    def refusal(self) -> str:
        """In place of an answer."""
        return self._either("The corpus does not say.", "语料库中没有相关内容。")

    def withdrawn(self) -> str:
        """Before a refusal, of what was told already."""
        return self._either("What stands above is withdrawn.", "以上内容现予撤回。")

    def nothing_near(self) -> str:
        """Why nothing is answered: no passage is about it."""
        return self._either("No passage comes close to the question.", "没有任何段落与该问题相关。")

    def not_stated(self) -> str:
        """Why nothing is answered: the passages are about it, and do not say it."""
        return self._either(
            "The passages that come closest do not state the answer.", "最接近的段落并未说明答案。"
        )

    def nearest(self) -> str:
        """Above the sentences below a refusal."""
        return self._either(
            "What comes nearest to the question, and may not answer it:",
            "与问题最接近的内容（未必能回答问题）：",
        )

    def missing(self, words: Sequence[str]) -> str:
        """Which words of the question no passage holds."""
        quoted = ", ".join(f"“{word}”" for word in words)
        return self._either(f"No passage found speaks of {quoted}.", f"检索到的段落均未提及{quoted}。")

    def searched_only(self, filters: Filters) -> str:
        """Which articles were searched."""
        if filters.excludes_all:
            return self._either(
                "No article was searched: the question asks for other dates of publication than its filters.",
                "未检索任何文章：问题所问的发布日期与筛选条件没有交集。",
            )
        window = DateWindow(filters.since, filters.until)
        by = f" by {' or '.join(filters.publishers)}" if filters.publishers else ""
        when = f" {window}" if window.narrows else ""
        undated = "; those of unknown date were left out" if window.narrows else ""
        by_zh = f"由 {'、'.join(filters.publishers)} " if filters.publishers else ""
        when_zh = f"在 {window.since or '…'} 至 {window.until or '…'} " if window.narrows else ""
        undated_zh = "，日期不明的文章未纳入" if window.narrows else ""
        on = f" on {' or '.join(filters.topics)}" if filters.topics else ""
        of = f" that mention {' or '.join(filters.companies)}" if filters.companies else ""
        on_zh = f"、主题为 {'、'.join(filters.topics)} " if filters.topics else ""
        of_zh = f"、提及 {'、'.join(filters.companies)} " if filters.companies else ""
        return self._either(
            f"Only articles published{by}{when}{on}{of} were searched{undated}."
            if by or when
            else f"Only articles{on}{of} were searched.",
            f"仅检索了{by_zh}{when_zh}发布{on_zh}{of_zh}的文章{undated_zh}。"
            if by or when
            else f"仅检索了{(on_zh + of_zh).removeprefix('、')}的文章。",
        )

    def unread(self, words: str) -> str:
        """A time that could not be read."""
        return self._either(
            f"“{words}” could not be read as a date, so articles of all dates were searched.",
            f"“{words}”无法识别为日期，因此检索了所有日期的文章。",
        )

    def stale(self, newest: date) -> str:
        """The evidence is old."""
        return self._either(
            f"The newest article cited is of {newest.isoformat()}: later developments may be missing.",
            f"所引用的最新文章发布于 {newest.isoformat()}，之后的进展可能未包含。",
        )

    def no_advice(self) -> str:
        """The question asks for advice or a forecast."""
        return self._either(
            "This is what the corpus reports, and no advice: nothing here recommends to buy, hold or sell.",
            "以下仅为语料库所载内容，不构成投资建议。",
        )

    def premise(self, figures: Sequence[str]) -> str:
        """The question takes something for granted that its sources do not say."""
        said = ", ".join(figures)
        return self._either(
            f"The question speaks of {said}, which the cited passages do not confirm.",
            f"问题中提到的 {said} 未得到所引段落的证实。",
        )

    def uncovered(self, names: Sequence[str]) -> str:
        """A part of the question that the cited passages do not speak of."""
        said = ", ".join(names)
        return self._either(
            f"Only a part is answered: the cited passages do not speak of {said}.",
            f"仅回答了部分内容：所引段落未提及{said}。",
        )

    def untold(self, sides: Sequence[str]) -> str:
        """Sides of a comparison that the model wrote nothing of."""
        quoted = ", ".join(f"“{side}”" for side in sides)
        return self._either(
            f"The model found no answer for {quoted}: look for it in the quotations.",
            f"模型未找到关于{quoted}的答案：请查看引文。",
        )

    def disagreement(self, citations: Sequence[Citation]) -> str:
        """Articles of different dates give different figures."""
        dated = ", ".join(f"[{c.n}] of {c.published}" for c in citations)
        return self._either(
            f"Articles of different dates give different figures: {dated}.",
            f"不同日期的文章给出了不同的数字：{dated.replace(' of ', ' ')}。",
        )

    def model_failed(self, why: str) -> str:
        """The model could not be used, so passages are quoted instead."""
        return self._either(
            f"{why} The passages that fit the question best are quoted instead.",
            f"{why} 以下引用与问题最相关的段落。",
        )

    def cut_short(self, seconds: float) -> str:
        """The model was stopped."""
        return self._either(
            f"The model was stopped after {seconds:.0f} s; passages are quoted for the rest.",
            f"模型在 {seconds:.0f} 秒后被中止，其余内容以原文引用。",
        )

    def _either(self, english: str, chinese: str) -> str:
        return chinese if self.chinese else english
