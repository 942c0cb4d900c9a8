"""A cross-encoder for inference can be plugged in. The one here is real, tiny and untrained."""

from pathlib import Path

import pytest
import transformers

from corpus.article import Article
from rag.errors import ModelFileError
from rag.ground import Grounder
from rag.nli import Entailment
from rag.types import Hit, Passage, Support

TEXT = "Lynas produced 1,404 tonnes of NdPr."


def model(folder: Path, labels: list[str]) -> str:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "lynas", "produced"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


def test_its_verdict_is_one_of_the_three_states(tmp_path: Path) -> None:
    judge = Entailment(model(tmp_path, ["contradiction", "entailment", "neutral"])).judge
    assert judge(TEXT, "Lynas produced NdPr.") in ("supported", "weak", "unsupported")


def test_a_classifier_of_other_things_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="labels are good, bad"):
        Entailment(model(tmp_path, ["good", "bad"]))


def test_a_missing_model_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="REEX_NLI_MODEL"):
        Entailment(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("verdict", "support"), [("supported", "supported"), ("weak", "weak"), ("unsupported", "unsupported")]
)
def test_a_verdict_lowers_support_and_never_raises_it(verdict: Support, support: Support) -> None:
    article = Article("https://example.com/a", TEXT, "", "Test")
    hit = Hit(Passage("p", article.id, 0, len(TEXT), TEXT), article, 1.0, 0.5, 1.0)
    grounder = Grounder({"a7": hit}, lambda term: 1.0, judge=lambda passages, sentence: verdict)
    grounder.feed(f"{TEXT} [a7] Shares of the owner climbed yesterday. [a7]")
    said = grounder.finish().sentences
    assert [s.support for s in said] == [support, "unsupported"]
    if support != "supported":
        assert said[0].doubt
