"""How probable it is that the passages hold the answer, read off more than the model's "yes" and "no".

Small models know better than they say (Orgad et al., "LLMs Know More Than They Show", arXiv:2410.02707): a
linear classifier on their hidden state tells what they can answer better than their own word does. The state
itself does not leave the server, but the logits of the next token are a linear map of it; those of a few
hundred tokens, whatever they mean, tell nearly all of it. Two replies are looked at before their first word:
to "do the passages state it?", and to the question itself. `evals.readout` fits the weights.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rag.errors import LLMError
from rag.prompts import prompt

_FILE = Path(__file__).with_name("readout.json")
# So much is added to the logits of the tokens in question that they are the most probable ones, in their own
# proportions: a server tells only these.
_LIFT = 60.0
_SPARE = 32
_LEAST = 1e-37  # of a 32-bit float


@dataclass(frozen=True)
class Readout:
    """A linear classifier on the logits of some tokens where replies would begin.

    Attributes:
        tokens: which ones.
        weights: for each reply that is looked at, one for the logit of each token.
        bias: what is added.
    """

    tokens: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: float

    def probability(self, replies: Sequence[Sequence[float]]) -> float:
        """The probability of "yes", on the scale of the model's own, from the logits of each reply."""
        z = self.bias
        for weights, logits in zip(self.weights, replies, strict=True):
            mean = sum(logits) / len(logits)
            z += sum(w * (x - mean) for w, x in zip(weights, logits, strict=True))
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


@cache
def packaged() -> Readout | None:
    """The packaged model's; None when the prompts are no longer those that it was fitted with."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    if data["prompts"] != prompts():
        return None
    return Readout(tuple(data["tokens"]), tuple(map(tuple, data["weights"])), data["bias"])


def prompts() -> str:
    """A hash of the texts around passages and question."""
    nothing = {"passages": "", "question": "", "language": ""}
    texts = prompt("system") + prompt("probe", **nothing) + prompt("answer", **nothing)
    return hashlib.sha256(texts.encode()).hexdigest()


def options(tokens: Sequence[int]) -> dict[str, Any]:
    """What a request for the next token says, so that llama.cpp's server tells the logits of ``tokens``."""
    return {
        "max_tokens": 1,
        "logprobs": True,
        "top_logprobs": len(tokens) + _SPARE,
        "logit_bias": {str(token): _LIFT for token in tokens},
        "temperature": 1.0,
        "extra_body": {"post_sampling_probs": True, "samplers": ["temperature"]},
    }


def logits_in(metadata: dict[str, Any], tokens: Sequence[int]) -> list[float]:
    """The logits of tokens, but for a constant, from the reply to a request with `options`.

    Raises:
        LLMError: the reply does not hold them.
    """
    try:
        found = metadata["logprobs"]["content"][0]["top_probs"]
        told = {option["id"]: math.log(max(option["prob"], _LEAST)) for option in found}
        return [told[token] for token in tokens]
    except (KeyError, IndexError, TypeError) as error:
        raise LLMError("The local model's server does not tell the probabilities of its tokens.") from error
