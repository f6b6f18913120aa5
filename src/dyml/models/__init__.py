"""Models: backbones, poolings and the embedder."""
