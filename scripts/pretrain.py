"""Pretrain a small Chinese encoder from raw text, on a CPU or a GPU; docs/pretraining.md tells how.

    pretrain.py prepare --corpus TEXT --out DATA            tokenizer, token ids, word starts
    pretrain.py lexicon --data DATA                         frequent words and their word2vec vectors
    pretrain.py train   --data DATA --out RUN --minutes 60  goes on from RUN/state.pt where it is
    pretrain.py export  --run RUN --to FOLDER               a folder that transformers and `stance train` load
    pretrain.py pack, unpack, shards, join                  to a machine that takes only small files, and back
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import MISSING, fields
from pathlib import Path

# One thread counts as one in all libraries, and memory is kept, only if said before they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
from pretraining.allocator import keep_memory

keep_memory()

from pretraining.data import Data
from pretraining.export import export
from pretraining.lexicon import build_lexicon, write_words
from pretraining.prepare import prepare
from pretraining.settings import Settings
from pretraining.train import train
from pretraining.transport import join, pack, shard, unpack
from stance.errors import StanceError


def main() -> None:
    arguments = parser().parse_args()
    try:
        said = arguments.run(arguments)
    except StanceError as error:
        sys.exit(f"pretrain.py: {error}")
    if said:
        print(said)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
