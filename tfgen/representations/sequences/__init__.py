"""Sequences of tokens, from left to right; what a GPT learns.

    specification.py      what a model is told of tokens
    codec.py              a modality's sequences: strings to tokens and back
    examples.py           tokens end to end, a part of them held out, and windows of them
    sampling_settings.py  how the next token is chosen, and where a sequence ends
    sampler.py            a model at work: tokens a few at a time, as text that may be shown at once
"""
