"""A second opinion on support: a natural-language-inference cross-encoder, named by a setting.

Off by default: the deterministic check costs milliseconds, a cross-encoder some hundred for each
sentence on a CPU. Any sentence-transformers CrossEncoder serves whose labels are entailment, neutral
and contradiction, such as cross-encoder/nli-deberta-v3-base.
"""

import os

from rag.errors import ModelFileError
from rag.types import Support

_VERDICTS: dict[str, Support] = {
    "entailment": "supported",
    "neutral": "weak",
    "contradiction": "unsupported",
}


class Entailment:
    """An NLI model in memory."""

    def __init__(self, name: str):
        """Load a model by its name or folder.

        Raises:
            ModelFileError: there is no such model, or it is none for inference.
        """
        from sentence_transformers import CrossEncoder

        if os.path.isdir(name):
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            self._model = CrossEncoder(name, device="cpu")
        except (OSError, ValueError) as error:
            raise ModelFileError(
                f"The NLI model {name} cannot be loaded ({str(error).splitlines()[0]}): check REEX_NLI_MODEL."
            ) from error
        labels = {int(i): str(label).lower() for i, label in self._model.config.id2label.items()}
        if set(labels.values()) != set(_VERDICTS):
            raise ModelFileError(
                f"{name} is no NLI model: its labels are {', '.join(labels.values())}. Check REEX_NLI_MODEL."
            )
        self._verdicts = [_VERDICTS[labels[i]] for i in range(len(labels))]

    def judge(self, passages: str, sentence: str) -> Support:
        """Whether passages entail a sentence, say nothing on it, or contradict it."""
        scores = self._model.predict([(passages, sentence)], show_progress_bar=False)[0]
        return self._verdicts[int(scores.argmax())]
