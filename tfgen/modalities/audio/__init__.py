"""Sounds: read from files, learned as spectrograms, written as WAV."""
