"""Pretrain a small Chinese encoder from raw text, on a CPU or a GPU.

pretrain.py prepare --corpus TEXT --out DATA            tokenizer, token ids, word starts
pretrain.py lexicon --data DATA                         frequent words and their word2vec vectors
pretrain.py train   --data DATA --out RUN --minutes 60  goes on from RUN/state.pt where it is
pretrain.py grow    --run RUN --out DEEPER --plan 0 1 1 2 2 3    more layers, without starting again
pretrain.py export  --run RUN --to FOLDER               a folder that transformers and `stance train` load
pretrain.py pack, session, join                         on a GPU that is lent for minutes; also unpack, shards
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import MISSING, fields
from pathlib import Path

from pretraining.allocator import keep_memory
from pretraining.data import Data
from pretraining.export import export
from pretraining.grow import grow
from pretraining.lexicon import adopt_lexicon, build_lexicon
from pretraining.session import GPU, session
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

    command = commands.add_parser("prepare", help="raw text to token ids and word starts")
    command.add_argument(
        "--corpus", type=Path, required=True, help="folder of .txt and .jsonl files, or .gz and .zst of them"
    )
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--vocab", type=int, default=12_000, help="tokens of the tokenizer that is trained")
    command.add_argument("--tokenizer", type=Path, help="tokenizer.json to use; none is trained then")
    command.add_argument("--workers", type=int, default=1, help="processes")
    command.set_defaults(run=run_prepare)

    command = commands.add_parser("lexicon", help="frequent words and their vectors (needs gensim)")
    command.add_argument("--data", type=Path, required=True)
    command.add_argument("--words", type=int, default=40_000, help="words of two or more characters")
    command.add_argument("--width", type=int, default=128, help="of the vectors")
    command.add_argument("--workers", type=int, default=1, help="processes, and threads of word2vec")
    command.add_argument("--like", type=Path, metavar="ENCODER", help="take the lexicon of an exported encoder")
    command.set_defaults(run=run_lexicon)

    command = commands.add_parser("train", help="train, or go on training")
    command.add_argument("--data", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True, help="folder of the run")
    add_settings(command)
    command.set_defaults(run=run_train)

    command = commands.add_parser("grow", help="a run with more layers that goes on where another stood")
    command.add_argument("--run", type=Path, required=True, dest="folder")
    command.add_argument("--out", type=Path, required=True, help="folder of the new run")
    command.add_argument("--plan", type=int, nargs="+", required=True, help="which old layer each layer is")
    command.set_defaults(run=lambda a: grow(a.folder, a.out, a.plan))

    command = commands.add_parser("export", help="encoder folder, float16")
    command.add_argument("--run", type=Path, required=True, dest="folder")
    command.add_argument("--to", type=Path, required=True)
    command.set_defaults(run=lambda a: export(a.folder, a.to))

    add_lent_machine(commands)
    return root


def add_lent_machine(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The commands that take data to a machine which is lent for minutes, and weights back."""
    command = commands.add_parser("pack", help="data as parts that can be sent one by one")
    command.add_argument("--data", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--part-mb", type=int, default=24, help="largest part, in millions of bytes")
    command.set_defaults(run=lambda a: sizes(pack(Data(a.data), a.out, part_mb=a.part_mb)))

    command = commands.add_parser(
        "session", help="unpack what has arrived, train, and cut the encoder into small files"
    )
    command.add_argument("--parts", type=Path, required=True, help="folder of the parts that `pack` made")
    command.add_argument("--out", type=Path, required=True, help="folder for data, run and encoder")
    command.add_argument("--to", type=Path, required=True, help="folder for the files to bring back")
    add_settings(command, GPU)
    command.set_defaults(run=run_session)

    command = commands.add_parser("unpack", help="data from the parts that have arrived")
    command.add_argument("--parts", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--workers", type=int, default=1, help="processes")
    command.set_defaults(run=lambda a: unpack(a.parts, a.out, workers=a.workers))

    command = commands.add_parser("shards", help="cut a folder, such as an exported encoder, into small files")
    command.add_argument("--folder", type=Path, required=True)
    command.add_argument("--to", type=Path, required=True)
    command.add_argument("--mib", type=int, default=16, help="largest file, in MiB")
    command.set_defaults(run=lambda a: sizes(shard(a.folder, a.to, mib=a.mib)))

    command = commands.add_parser("join", help="the folder again, from its shards")
    command.add_argument("--shards", type=Path, required=True)
    command.add_argument("--to", type=Path, required=True)
    command.set_defaults(run=lambda a: join(a.shards, a.to))


def add_settings(command: argparse.ArgumentParser, defaults: Settings | None = None) -> None:
    """The fields of Settings as options, with its own defaults or others."""
    kinds = {"float": float, "int": int, "int | None": int, "str": str, "Path | None": Path}
    choices = {"objective": ["mlm", "rtd"], "hardware": ["auto", "cpu", "cuda"]}
    for field in fields(Settings):
        name = "--" + field.name.replace("_", "-")
        default = getattr(defaults, field.name) if defaults else field.default
        required = default is MISSING
        about = HELP[field.name] + ("" if required or default is None else f" (default {default})")
        if field.type == "bool":
            command.add_argument(name, action=argparse.BooleanOptionalAction, default=default, help=about)
        else:
            command.add_argument(
                name,
                type=kinds[str(field.type)],
                required=required,
                default=None if required else default,
                choices=choices.get(field.name),
                help=about,
            )


HELP = {
    "minutes": "how long this call trains, compiling included",
    "objective": "masked tokens, or replaced-token detection",
    "layers": "of a new encoder (6)",
    "width": "of a new encoder (384)",
    "rate": "peak rate of AdamW",
    "muon": "peak rate of Muon, for the matrices between hidden layers; 0 for AdamW alone",
    "warmup": "steps over which the rates rise",
    "decay": "share of this call's minutes, at their end, over which the rates fall to 2 %%; 0 for none",
    "extend": "go on from the last state whose rates had not begun to fall",
    "start": "encoder folder, made by `export`, from which a new run takes its weights",
    "generator": "encoder folder whose masked language model replaces tokens, for rtd; one is trained without it",
    "mask": "share of the tokens masked",
    "rows": "windows in a batch",
    "length": "tokens in a window",
    "lexicon": "use the data's lexicon",
    "hardware": "where to train",
    "threads": "CPU threads",
    "workers": "processes that make batches; 0 for none, best on a CPU",
    "compile": "use torch.compile, which needs a C++ compiler",
    "bf16": "compute in bfloat16 where that is safe, else all in float32",
    "log_minutes": "between lines of the log",
    "save_minutes": "between checkpoints",
    "held_out_minutes": "between measurements on text that is never trained on",
}


def run_prepare(arguments: argparse.Namespace) -> str:
    from pretraining.prepare import prepare  # noqa: PLC0415 - reads text, with packages that training does without

    a = arguments
    return prepare(a.corpus, a.out, vocab=a.vocab, tokenizer=a.tokenizer, workers=a.workers)


def run_lexicon(arguments: argparse.Namespace) -> str:
    data = Data(arguments.data)
    if arguments.like:
        return adopt_lexicon(data, arguments.like, workers=arguments.workers)
    return build_lexicon(data, words=arguments.words, width=arguments.width, workers=arguments.workers)


def read_settings(arguments: argparse.Namespace) -> Settings:
    return Settings(**{field.name: getattr(arguments, field.name) for field in fields(Settings)})


def run_session(arguments: argparse.Namespace) -> str:
    settings = read_settings(arguments)
    keep_memory()
    return session(arguments.parts, arguments.out, arguments.to, settings)


def run_train(arguments: argparse.Namespace) -> str:
    settings = read_settings(arguments)
    keep_memory()
    progress = train(Data(arguments.data), arguments.out, settings)
    return f"stopped after {progress.step} steps, {progress.tokens / 1e6:.1f} M tokens"


def sizes(files: list[Path]) -> str:
    return "\n".join(f"{path}  {path.stat().st_size / 1e6:.1f} MB" for path in files)


if __name__ == "__main__":
    main()
