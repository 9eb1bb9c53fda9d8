"""What `probe.py` compares encoders by."""
