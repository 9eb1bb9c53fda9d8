"""Pretraining of a small Chinese encoder from raw text; `scripts/pretrain.py` is its command line."""
