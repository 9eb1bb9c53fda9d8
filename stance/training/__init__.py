"""Training and evaluation of the model from labelled articles."""
