"""The tensor side: encoding, network, calibration, decoding, checkpoints. Never sees an `Article`."""
