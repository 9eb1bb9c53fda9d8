"""Runs passages through the network in batches, and gives the readings back in order.

The engine knows windows and tensors. It does not know what a label is called, and it never sees an article.

    hardware    what to compute on, in which precision, and why
    packing     windows → rows of bounded length → batches under a token budget
    pool        passages that are packed together, and the way back to their order
    attention   attention as two matrix products, for CPUs
    precision   a copy of the network in bfloat16, packed for CPUs
    run         prepare, run and finish, each in a thread of its own; out-of-memory back-off
"""

from stance.engine.hardware import EngineConfig, Hardware, choose_hardware
from stance.engine.pool import POOL
from stance.engine.run import Engine

__all__ = ["POOL", "Engine", "EngineConfig", "Hardware", "choose_hardware"]
