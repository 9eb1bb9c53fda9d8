"""Hardware: what is chosen, and that the reason is said."""

from __future__ import annotations

import pytest
import torch

from stance import EngineConfig, HardwareError
from stance.engine import choose_hardware, hardware
from stance.engine.attention import use_matmul_attention
from stance.engine.hardware import GPU_BUDGET, PROCESSOR_BUDGET, bound_caches, keep_memory, processor_flags
from stance.model.batch import collate
from stance.model.encoding import Passage


@pytest.fixture
def processor(monkeypatch):
    """Sets what the processor can do."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return lambda *flags: monkeypatch.setattr(hardware, "processor_flags", lambda: frozenset(flags))


@pytest.fixture
def gpus(monkeypatch):
    """Sets which GPUs there are."""

    def plug(*names, bf16=True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: names[i])
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)

    return plug


def test_no_gpu(processor):
    processor("avx2")
    with pytest.raises(HardwareError, match=r"--hardware cuda: expected a CUDA GPU .* or use --hardware cpu"):
        choose_hardware(EngineConfig(hardware="cuda"))
    chosen = choose_hardware(EngineConfig())
    assert (chosen.devices, chosen.budget, chosen.is_gpu) == ((torch.device("cpu"),), PROCESSOR_BUDGET, False)
    assert "no CUDA GPU found" in chosen.reason
    assert "asked for" in choose_hardware(EngineConfig(hardware="cpu")).reason


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_a_processor_that_multiplies_bfloat16(processor, flag):
    processor("avx2", flag)
    chosen = choose_hardware(EngineConfig())
    assert chosen.dtype is torch.bfloat16
    assert chosen.reason.endswith(f"no CUDA GPU found; bfloat16, which the processor multiplies faster ({flag})")
    exact = choose_hardware(EngineConfig(precision="float32"))
    assert exact.dtype is torch.float32
    assert exact.reason.endswith("float32, asked for")


def test_a_processor_that_does_not(processor):
    processor("avx2", "avx512f")
    chosen = choose_hardware(EngineConfig())
    assert chosen.dtype is torch.float32
    assert chosen.reason.endswith("float32, the processor has neither amx_bf16 nor avx512_bf16")
    asked = choose_hardware(EngineConfig(precision="bfloat16"))
    assert asked.dtype is torch.bfloat16
    assert asked.reason.endswith("bfloat16, asked for")


def test_threads_are_said(processor, monkeypatch):
    processor()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert choose_hardware(EngineConfig()).reason.startswith("CPU, 1 thread: ")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    assert choose_hardware(EngineConfig()).reason.startswith("CPU, 6 threads: ")


def test_a_gpu_is_taken_where_there_is_one(gpus):
    gpus("Tiny 1")
    for wish in ("auto", "cuda"):
        chosen = choose_hardware(EngineConfig(hardware=wish))
        assert (chosen.devices, chosen.dtype) == ((torch.device("cuda", 0),), torch.bfloat16)
        assert (chosen.budget, chosen.is_gpu) == (GPU_BUDGET, True)
        assert chosen.reason == "1 CUDA GPU found: Tiny 1; bfloat16"
    assert choose_hardware(EngineConfig(hardware="cpu")).devices == (torch.device("cpu"),)


def test_all_gpus_are_taken(gpus):
    gpus("Tiny 1", "Tiny 1", "Tiny 2", bf16=False)
    chosen = choose_hardware(EngineConfig(max_batch_tokens=7))
    assert chosen.devices == tuple(torch.device("cuda", i) for i in range(3))
    assert (chosen.dtype, chosen.budget) == (torch.float32, 7)
    assert chosen.reason == "3 CUDA GPUs found: Tiny 1, Tiny 2; float32, the GPU has no bfloat16"


def test_flags_of_the_processor(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\nbugs\t: x\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert processor_flags(cpuinfo) == {"fpu", "avx2", "avx512_bf16"}
    cpuinfo.write_text("Features : asimd bf16\n")
    assert processor_flags(cpuinfo) == frozenset()
    assert processor_flags(tmp_path / "none") == frozenset()


def test_memory_is_kept_under_glibc_only(monkeypatch):
    calls = []

    class Library:
        def __init__(self, name):
            self.mallopt = lambda *setting: calls.append(setting) or 1

    monkeypatch.setattr(hardware.ctypes, "CDLL", Library)
    monkeypatch.setattr(hardware.platform, "libc_ver", lambda: ("", ""))
    assert not keep_memory()
    assert calls == []
    monkeypatch.setattr(hardware.platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert keep_memory()
    assert {name for name, _ in calls} == {-1, -3}  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD in malloc.h


def test_few_shapes_are_kept_unless_the_environment_says_otherwise(monkeypatch):
    environment = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "300"}
    monkeypatch.setattr(hardware.os, "environ", environment)
    bound_caches()
    assert environment == {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "300", "LRU_CACHE_CAPACITY": "16"}


def test_wrong_settings():
    with pytest.raises(HardwareError, match="must be auto, cuda or cpu; found 'tpu'"):
        EngineConfig(hardware="tpu")
    with pytest.raises(ValueError, match="max_batch_tokens must be at least 1, found 0"):
        EngineConfig(max_batch_tokens=0)
    with pytest.raises(ValueError, match="precision must be auto, float32 or bfloat16, found 'int8'"):
        EngineConfig(precision="int8")


def test_attention_by_products_is_fused_attention(make_model, encoder_kind):
    model, other = make_model(encoder_kind), make_model(encoder_kind)
    passages = [Passage("石磨", ("好", "美国的财政"), ("中国", "美国")), Passage("", ("中国的石磨很好",), ())]
    batch = collate([w for p in passages for w in model.encoder.windows(p)], model.config.pad_id)
    assert use_matmul_attention(other.network)
    assert not use_matmul_attention(other.network)  # it does already
    for training in (False, True):
        with torch.set_grad_enabled(training):
            fused, products = model.network(batch), other.network(batch)
        assert products.stances.requires_grad == training
        text = batch.segments != 0
        torch.testing.assert_close(products.steps[text], fused.steps[text], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(products.stances[0], fused.stances[0], atol=1e-5, rtol=1e-5)


def test_attention_of_something_else_is_left_alone():
    assert not use_matmul_attention(torch.nn.Linear(1, 1))


def test_attention_is_not_saved(make_model, tmp_path):
    network = make_model().network
    use_matmul_attention(network)
    network.encoder.config.to_json_file(tmp_path / "encoder.json")
    assert "matmul" not in (tmp_path / "encoder.json").read_text()
