"""Does a target block under an attention mask judge stance as well as a plain pair cross-encoder?

    python scripts/compare_pairing.py ENCODER TRAIN.jsonl.gz DEV.jsonl.gz [--steps 600] [--seeds 1 2 3]

Both read the same pairs in the same order, for the same number of steps, from the same encoder:

    cross   [CLS] target [SEP] text [SEP], a pass for each pair, classified at [CLS]
    block   the text once, a block [CLS] target for each pair that sees itself and the text, classified at the block's
            first token
    head    as block, with the pair head that stance ships: block, mean over mentions, mean over the paragraph

Prints macro-F1 on the noun-phrase targets of DEV, one line a variant, mean and range over seeds, and a JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn

from stance.model import checkpoint
from stance.model.batch import Batch, collate
from stance.model.encoding import Encoder, Passage, Window
from stance.schema import DEFAULT_SCHEMA
from stance.text.clean import clean
from stance.training.examples import LabelledArticle, read_labelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stance.model.network import StanceNetwork

Example = tuple[str, tuple[str, ...], tuple[int, ...]]
STANCES = DEFAULT_SCHEMA.stance_ids


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder")
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--texts", type=int, default=16, help="texts a step")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--variants", nargs="+", default=["cross", "block", "head"])
    args = parser.parse_args()
    train, dev = (
        [example for article in read_labelled(path, DEFAULT_SCHEMA) if (example := _example(article))[1]]
        for path in (args.train, args.dev)
    )
    scores: dict[str, list[float]] = {variant: [] for variant in args.variants}
    for seed in args.seeds:
        for variant in args.variants:
            began = time.time()
            scores[variant].append(_run(variant, args, seed, train, dev))
            seconds = time.time() - began
            print(f"{variant:6} seed {seed}: macro-F1 {scores[variant][-1]:.4f}  {seconds:.0f} s", flush=True)
    for variant, found in scores.items():
        print(f"{variant:6} {np.mean(found):.4f}  [{min(found):.4f}, {max(found):.4f}]")
    print(json.dumps({"encoder": args.encoder, "steps": args.steps, "texts": args.texts, "scores": scores}))


def _example(article: LabelledArticle) -> Example:
    """Text, noun-phrase targets, stance numbers."""
    kinds = article.extra.get("target_types", {})
    pairs = [(t, s) for t, s in article.stances[0].items() if kinds.get(t) == "noun_phrase"]
    text = clean(article.paragraphs[0]).text
    return text, tuple(clean(t).text or t for t, _ in pairs), tuple(STANCES.index(s) for _, s in pairs)


class _Judge(nn.Module):
    """A network and a classifier; logits of all pairs of a batch, in order. Shape (pairs, S)."""

    def __init__(self, variant: str, network: StanceNetwork) -> None:
        super().__init__()
        self.variant = variant
        self.network = network
        self.classify = nn.Linear(network.encoder.config.hidden_size, len(STANCES))  # type: ignore[union-attr, arg-type]

    def forward(self, batch: Batch) -> Tensor:
        states = self.network.encode(batch)
        if self.variant == "cross":
            logits: Tensor = self.classify(states[:, 0])
            return logits
        real = batch.pair_slots >= 0
        if self.variant == "head":
            own: Tensor = self.network.stances(states, batch)[real][:, : len(STANCES)]
            return own
        places = batch.pair_places.clamp_min(0)[..., None].expand(-1, -1, states.shape[-1])
        chosen: Tensor = self.classify(states.gather(1, places)[real])
        return chosen


def _run(variant: str, args: argparse.Namespace, seed: int, train: Sequence[Example], dev: Sequence[Example]) -> float:
    torch.manual_seed(seed)
    model = checkpoint.from_encoder(args.encoder, DEFAULT_SCHEMA)
    judge = _Judge(variant, model.network).train()
    optimizer = torch.optim.AdamW(judge.parameters(), lr=args.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.rate, args.steps, pct_start=0.1, anneal_strategy="linear"
    )
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(train)) for _ in range(1 + args.steps * args.texts // len(train))])
    for step in range(args.steps):
        rows = [train[i] for i in order[step * args.texts : (step + 1) * args.texts]]
        loss = nn.functional.cross_entropy(_logits(judge, model.encoder, rows), _labels(rows))
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    judge.eval()
    with torch.inference_mode():
        found = [_logits(judge, model.encoder, rows).argmax(-1) for rows in _chunks(dev, 32)]
    return float(f1_score(_labels(dev), torch.cat(found), average="macro"))


def _logits(judge: _Judge, encoder: Encoder, rows: Sequence[Example]) -> Tensor:
    windows: list[Window] = []
    for text, targets, _ in rows:
        if judge.variant == "cross":
            windows += [encoder.windows(Passage(target, (text,), ()))[0] for target in targets]
        else:
            windows.append(encoder.windows(Passage("", (text,), targets))[0])
    with torch.autocast("cpu", torch.bfloat16):
        logits: Tensor = judge(collate(windows, encoder.config.pad_id))
    return logits.float()


def _labels(rows: Sequence[Example]) -> Tensor:
    return torch.tensor([label for _, _, labels in rows for label in labels])


def _chunks(rows: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


if __name__ == "__main__":
    main()
