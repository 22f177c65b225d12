"""What a model is built of: generators, discriminators, encoders and decoders, one module per design."""
