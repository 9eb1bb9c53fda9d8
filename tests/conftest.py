"""Tiny encoders of random weights, on disk as `transformers` saves them, and models round them."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    BertConfig,
    BertModel,
    ElectraConfig,
    ElectraModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from stance import DEFAULT_SCHEMA, LabelSchema
from stance.model import checkpoint

CHARACTERS = (
    "，。！？；：、“”‘’（）《》…—"
    "一二三军很上下不与中主义也了事产人他们会似但何作你供信像出到前力动化区区国在增多大天好如子小山工市年开弱张强心意我所打支政方"
    "无时明是最有来欧民没法洲海火热照片物生的益看石磨神秘税粮级绷结美者而自船色行表要见言计记话说谁财贝赞起路软边这进远道那里针钱长问难需非革顿领题高鹰黄"
)
PIECES = [*CHARACTERS, *"abcdefgh0123", *(f"##{c}" for c in "abcdefgh0123")]
WORDS = ["中国", "美国", "石磨", "增长", "财政", "贝森特"]
SHAPE = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 24}


def wordpiece(specials: list[str]) -> Tokenizer:
    """One token a character; runs of Latin letters and digits in pieces; anything else is one [UNK] a word."""
    vocabulary = {piece: i for i, piece in enumerate([*specials, *dict.fromkeys(PIECES)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def byte_level(specials: list[str]) -> Tokenizer:
    """One token a byte of UTF-8, so that a Chinese character is three tokens at one place."""
    pieces = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def save_encoder(folder, network, tokenizer, cls, sep, pad):
    network.save_pretrained(folder)
    special = {"cls_token": cls, "sep_token": sep, "pad_token": pad, "unk_token": "[UNK]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)


def save_bert(folder, positions=128):
    torch.manual_seed(1)
    tokenizer = wordpiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=positions, **SHAPE)
    save_encoder(folder, BertModel(config), tokenizer, "[CLS]", "[SEP]", "[PAD]")


def save_roberta(folder):
    torch.manual_seed(2)
    tokenizer = byte_level(["<s>", "<pad>", "</s>", "[UNK]"])
    config = RobertaConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=130, pad_token_id=1, **SHAPE)
    save_encoder(folder, RobertaModel(config), tokenizer, "<s>", "</s>", "<pad>")


def save_electra(folder):
    torch.manual_seed(3)
    tokenizer = wordpiece(["[UNK]", "[SEP]", "[CLS]", "[PAD]"])
    config = ElectraConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=128, pad_token_id=3, embedding_size=8, **SHAPE
    )
    save_encoder(folder, ElectraModel(config), tokenizer, "[CLS]", "[SEP]", "[PAD]")


def save_with_lexicon(folder):
    save_bert(folder)
    singles = [(c, -9.0) for c in dict.fromkeys(CHARACTERS)]
    lexicon = Tokenizer(models.Unigram([("[UNK]", -12.0), *((w, -1.0) for w in WORDS), *singles], unk_id=0))
    lexicon.save(str(folder / "lexicon.json"))
    vectors = torch.randn(len(WORDS) + 1, 5)
    vectors[0] = 0
    save_file({"vectors.weight": vectors, "projection.weight": torch.randn(16, 5)}, folder / "lexicon.safetensors")


ENCODERS = {"bert": save_bert, "roberta": save_roberta, "electra": save_electra, "lexicon": save_with_lexicon}


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Folders of tiny encoders: `bert`, `roberta`, `electra`, and `lexicon`, a BERT with a lexicon."""
    folders = {}
    for kind, save in ENCODERS.items():
        folders[kind] = tmp_path_factory.mktemp(kind)
        save(folders[kind])
    return folders


@pytest.fixture(scope="session")
def roomy_encoder(tmp_path_factory):
    """Folder of a tiny BERT that has positions for windows of the usual size."""
    folder = tmp_path_factory.mktemp("roomy")
    save_bert(folder, positions=512)
    return folder


@pytest.fixture(params=ENCODERS)
def encoder_kind(request):
    return request.param


@pytest.fixture(scope="session")
def schema():
    """Three devices, so that their numbers can be written by hand."""
    names = ("simile", "metaphor", "irony")
    return LabelSchema(DEFAULT_SCHEMA.stances, tuple(DEFAULT_SCHEMA.device(name) for name in names))


@pytest.fixture(scope="session")
def make_model(encoders, schema):
    """Makes an untrained model with lively weights; windows are small, so that little text fills several."""

    def make(kind="bert", seed=0, **config):
        sizes = {"window_tokens": 48, "title_tokens": 8, "target_tokens": 6} | config
        torch.manual_seed(seed)  # new heads too, so that no test depends on which ran before
        model = checkpoint.from_encoder(encoders[kind], schema, name=f"tiny-{kind}", **sizes)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.network.parameters():
                if parameter.dim() > 1:  # large biases would make all tokens alike
                    parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
        model.network.eval()
        return model

    return make


@pytest.fixture(scope="session")
def model(make_model):
    """A BERT model shared by tests that do not change it."""
    return make_model()
