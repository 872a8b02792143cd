"""A plain vision transformer whose patch embedding is narrower than a patch.

Source: A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021; mean of the tokens instead of a class token.
A patch of 14 x 14 x 3 = 588 values is read through 192 numbers: what lies in the null space of that matrix, 396
dimensions of every patch, never enters the network.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE, PATCH, WIDTH, DEPTH, HEADS = 112, 14, 192, 6, 3


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.joined = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        _attend_alike(self.qkv, self.joined)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 3 * WIDTH), nn.GELU(), nn.Linear(3 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[:2], HEADS, WIDTH // HEADS)
        q, k, v = (part.view(shape).transpose(1, 2) for part in self.qkv(self.before_attention(x)).chunk(3, dim=-1))
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.joined(attended)
        return cast(Tensor, x + self.mlp(self.before_mlp(x)))


def _attend_alike(qkv: nn.Linear, joined: nn.Linear) -> None:
    """Start with tokens that attend to tokens like them, as trained transformers do.

    Source: A. Trockman and J. Z. Kolter, "Mimetic Initialization of Self-Attention Layers", ICML 2023, section 3.
    """
    size = WIDTH // HEADS
    queries, keys = [], []
    for _ in range(HEADS):
        u, s, vh = torch.linalg.svd(0.7 * torch.randn(WIDTH, WIDTH) / size**0.5 + 0.7 * torch.eye(WIDTH))
        queries.append((u[:, :size] * s[:size].sqrt()).T)
        keys.append(s[:size].sqrt()[:, None] * vh[:size])
    u, s, vh = torch.linalg.svd(0.4 * torch.randn(WIDTH, WIDTH) / WIDTH**0.5 - 0.4 * torch.eye(WIDTH))
    with torch.no_grad():
        qkv.weight.copy_(torch.cat([*queries, *keys, s.sqrt()[:, None] * vh]))
        joined.weight.copy_(u * s.sqrt())


def _waves(side: int) -> Tensor:
    """Sines and cosines of each token's row and column: (1, side * side, WIDTH)."""
    frequencies = 100 ** -(torch.arange(WIDTH // 4) / (WIDTH // 4))
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angles = [place.flatten()[:, None] * frequencies for place in (rows, columns)]
    return torch.cat([wave for angle in angles for wave in (angle.sin(), angle.cos())], dim=1)[None]


class ViT(nn.Module):
    """float (N, 3, 112, 112) -> (N, `embedding_size`)."""

    def __init__(self, embedding_size: int = 128) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.positions = nn.Parameter(_waves(SIDE // PATCH))
        self.blocks = nn.Sequential(*(_Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, embedding_size)

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings of `images`."""
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        return cast(Tensor, self.head(self.norm(self.blocks(tokens)).mean(1)))
