"""Arrays of a fixed shape, in parts, each with its likelihood; what a GAN and a VAE learn.

    specification.py  what a model is told of one array
    conditions.py     what a model is told of prompts
    codec.py          a modality's arrays, outside and inside a model
    examples.py       arrays with their prompts, and batches of them
    vocabulary.py     words and prompts that a run knows, and what a typed prompt means
    lookup.py         the same inside a graph
    sampler.py        a model's way to sample, in batches of one size
"""
