"""Qwen2 in plain torch, read from a GGUF file, with low-rank adapters that are trained and written as GGUF.

transformers reads GGUF files too, but keeps the weights packed, and computes in float32. What was read can be
kept as keys and values, so that an adapter which works from some token on ("Activated LoRA",
arXiv:2504.12397) is trained on these few tokens alone.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rag.errors import LLMError

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, each (rows, tokens, heads, size of a head)."""

_ALPHA = 2.0  # for each rank


class Adapter(torch.nn.Module):
    """Low-rank additions to some matrices of a model (Hu et al., "LoRA", arXiv:2106.09685)."""

    def __init__(self, shapes: dict[str, tuple[int, int]], rank: int):
        """``shapes`` are rows and columns of each matrix, by its name in the GGUF file."""
        super().__init__()
        self.rank, self.names = rank, list(shapes)
        down = [torch.randn(rank, columns) / math.sqrt(columns) for _, columns in shapes.values()]
        self.down = torch.nn.ParameterList(down)
        self.up = torch.nn.ParameterList([torch.zeros(rows, rank) for rows, _ in shapes.values()])
        self._place = {name: n for n, name in enumerate(shapes)}

    def added(self, name: str, x: Tensor) -> Tensor | None:
        """What it adds to the product of a matrix with ``x``; None for one that it leaves alone."""
        place = self._place.get(name)
        if place is None:
            return None
        down, up = self.down[place].to(x.dtype), self.up[place].to(x.dtype)
        return functional.linear(functional.linear(x, down), up) * _ALPHA

    def write(self, file: Path, invocation: Sequence[int]) -> None:
        """Write it as llama.cpp reads it, to work from the tokens ``invocation`` on."""
        import gguf

        writer = gguf.GGUFWriter(file, "qwen2")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", _ALPHA * self.rank)
        tokens, kind = list(invocation), gguf.GGUFValueType.UINT32
        writer.add_key_value(
            "adapter.alora.invocation_tokens", tokens, gguf.GGUFValueType.ARRAY, sub_type=kind
        )
        for name, down, up in zip(self.names, self.down, self.up, strict=True):
            writer.add_tensor(f"{name}.lora_a", down.detach().numpy().astype(np.float16))
            writer.add_tensor(f"{name}.lora_b", up.detach().numpy().astype(np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


class Qwen2:
    """The model of a GGUF file, its weights unpacked to bfloat16."""

    def __init__(self, file: Path):
        """Read it.

        Raises:
            LLMError: gguf is not installed, or the file is not of this architecture.
        """
        try:
            import gguf
        except ImportError as error:
            raise LLMError(
                "Training needs the package gguf: pip install -c constraints.txt -e .[train]"
            ) from error

        reader = gguf.GGUFReader(file)

        def number(key: str) -> float:
            field = reader.get_field(f"qwen2.{key}")
            if field is None:
                raise LLMError(f"{file} is not a model of the architecture qwen2.")
            return float(field.contents())

        self.layers = int(number("block_count"))
        self.heads = int(number("attention.head_count"))
        self.kv_heads = int(number("attention.head_count_kv"))
        self.head = int(number("embedding_length")) // self.heads
        self._epsilon = number("attention.layer_norm_rms_epsilon")
        steps = torch.arange(0, self.head, 2).float() / self.head
        self._turns = 1 / number("rope.freq_base") ** steps
        self._weights: dict[str, Tensor] = {}
        for tensor in reader.tensors:
            shape = [int(size) for size in reversed(tensor.shape)]
            values = np.array(gguf.dequantize(tensor.data, tensor.tensor_type)).reshape(shape)
            weight = torch.from_numpy(values)
            self._weights[tensor.name] = weight.bfloat16() if weight.ndim == 2 else weight.float().clone()

    def adapter(self, rank: int, first_layer: int) -> Adapter:
        """One for the matrices of attention, from a layer on."""
        shapes = {}
        for layer in range(first_layer, self.layers):
            for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
                rows, columns = self._weights[f"blk.{layer}.{part}.weight"].shape
                shapes[f"blk.{layer}.{part}.weight"] = (rows, columns)
        return Adapter(shapes, rank)

    def read(
        self, tokens: Tensor, places: Tensor, seen: Tensor, before: Cache, adapter: Adapter | None = None
    ) -> tuple[Tensor, Cache]:
        """The state of each token after the last layer, and the cache of these tokens.

        Args:
            tokens: (rows, tokens).
            places: of each in its text, of the same shape.
            seen: which tokens of the cache and of these each sees, (rows, 1, tokens, cached and these).
            before: the cache of what was read; empty for nothing.
            adapter: what is added to the weights.
        """
        x = self._weights["token_embd.weight"][tokens]
        rows, count = tokens.shape
        cache: Cache = []
        for layer in range(self.layers):

            def times(part: str, y: Tensor, layer: int = layer) -> Tensor:
                name = f"blk.{layer}.{part}.weight"
                bias = self._weights.get(f"blk.{layer}.{part}.bias")
                product = functional.linear(
                    y, self._weights[name], None if bias is None else bias.to(y.dtype)
                )
                added = adapter.added(name, y) if adapter else None
                return product if added is None else product + added

            y = self._normed(x, f"blk.{layer}.attn_norm.weight")
            query = self._turned(times("attn_q", y).view(rows, count, self.heads, self.head), places)
            key = self._turned(times("attn_k", y).view(rows, count, self.kv_heads, self.head), places)
            value = times("attn_v", y).view(rows, count, self.kv_heads, self.head)
            cache.append((key, value))
            if before:
                key, value = (torch.cat(pair, 1) for pair in zip(before[layer], cache[-1], strict=True))
            each = self.heads // self.kv_heads
            attended = functional.scaled_dot_product_attention(
                query.transpose(1, 2),
                key.transpose(1, 2).repeat_interleave(each, 1),
                value.transpose(1, 2).repeat_interleave(each, 1),
                attn_mask=seen,
            )
            x = x + times("attn_output", attended.transpose(1, 2).reshape(rows, count, -1))
            y = self._normed(x, f"blk.{layer}.ffn_norm.weight")
            x = x + times("ffn_down", functional.silu(times("ffn_gate", y)) * times("ffn_up", y))
        return x, cache

    def logits(self, state: Tensor, tokens: Sequence[int] | None = None) -> Tensor:
        """Those of the next token, or of some of them, from states after the last layer."""
        words = self._weights.get("output.weight", self._weights["token_embd.weight"])
        words = words if tokens is None else words[list(tokens)]
        return functional.linear(self._normed(state, "output_norm.weight"), words).float()

    def _normed(self, x: Tensor, name: str) -> Tensor:
        y = x.float()
        scaled = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self._epsilon) * self._weights[name]
        return scaled.bfloat16()

    def _turned(self, x: Tensor, places: Tensor) -> Tensor:
        """Rotary positions (Su et al., "RoFormer", arXiv:2104.09864)."""
        angle = places[..., None].float() * self._turns
        cos, sin = angle.cos()[:, :, None], angle.sin()[:, :, None]
        first, second = x.float().chunk(2, -1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).to(x.dtype)
