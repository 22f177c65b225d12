"""What was learned sounds as it did: there and back, WAV files, spectrograms, and what is measured."""

import json
import math

import numpy as np
import pytest
import soundfile

from tests.modalities.audio.conftest import save, tone
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.audio import attributes
from tfgen.modalities.audio.codec import SoundCodec
from tfgen.modalities.audio.embedded import KINDS, chimes
from tfgen.modalities.audio.folder import frames_for
from tfgen.modalities.audio.modality import AudioModality
from tfgen.modalities.audio.preview import waveforms_of
from tfgen.modalities.audio.spectrogram import RATES, magnitudes, spectrograms_of
from tfgen.modalities.audio.wav import metadata_of, samples_of, wav_of


@pytest.fixture(scope="module")
def sounds():
    """The first two of each kind that comes with the package."""
    return chimes()[0][:2 * len(KINDS)]


@pytest.fixture(scope="module")
def values(sounds):
    return spectrograms_of(sounds, RATES[8000])


@pytest.fixture(scope="module")
def codec(values):
    return SoundCodec.of_shape(values.shape[1:], len(values))


def test_there_and_back(sounds, values):
    """Spectral convergence: what differs as a share of what is there. A flute's breath and a shaker are noise."""
    before, after = (magnitudes(each, RATES[8000]) for each in (sounds, waveforms_of(values)))
    lost = np.linalg.norm(before - after, axis=(1, 2)) / np.linalg.norm(before, axis=(1, 2))
    assert np.median(lost) < 0.23 and lost.max() < 0.5


def test_a_sound_is_the_same_in_a_file_and_in_an_export(values, codec):
    inside = codec.encode(values[:3])
    together = codec.to_outside(inside).numpy()
    assert together.shape == (3, *codec.outside_shape)
    np.testing.assert_allclose(waveforms_of(values[1:2])[0], together[1], atol=5e-3)
    np.testing.assert_array_equal(codec.decode(inside), values[:3])


def test_samples_become_what_a_model_takes(sounds, values, codec):
    inside = codec.to_inside(sounds).numpy()
    np.testing.assert_allclose(inside, codec.encode(values), atol=1e-3)
    np.testing.assert_allclose(codec.perceived(sounds), (inside[..., 0] + 1) / 2, atol=1e-3)


@pytest.mark.parametrize(
    "rate", [pytest.param(rate, marks=[] if place == 0 else pytest.mark.slow) for place, rate in enumerate(RATES)]
)
def test_every_rate_goes_there_and_back(rate):
    frames = RATES[rate]
    count = frames_for(0.3, frames)
    sound = np.resize(tone(300.0, 0.3, rate), count * frames.hop)[None]
    values = spectrograms_of(sound, frames)
    assert values.shape == (1, count, frames.bands, 1)
    before, after = (magnitudes(each, frames) for each in (sound, waveforms_of(values)))
    assert np.linalg.norm(before - after) < 0.3 * np.linalg.norm(before)


def test_silence_is_silent(codec):
    assert np.abs(waveforms_of(np.zeros((1, *codec.specification.shape), np.uint16))).max() < 1e-4


def test_a_wav_carries_its_settings(tmp_path, values):
    said = {"Software": "tfgen", "run": "a", "prompt": "bell \N{BELL}", "seed": "3"}
    AudioModality.save(tmp_path / "a.wav", values[0], said)
    assert AudioModality.read_metadata(tmp_path / "a.wav") == said
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")  # another program reads it too
    own, same_rate = samples_of((tmp_path / "a.wav").read_bytes())
    np.testing.assert_allclose(samples, own, atol=1e-4)
    assert rate == same_rate == 8000 and soundfile.info(str(tmp_path / "a.wav")).subtype == "PCM_16"
    AudioModality.save_joined(tmp_path / "all.wav", values[:3], said)
    assert soundfile.info(str(tmp_path / "all.wav")).frames > 2 * len(samples)
    with pytest.raises(ValueError, match="nothing"):
        metadata_of(wav_of(samples, 8000, {}))
    with pytest.raises(UserError, match="that tfgen wrote"):
        AudioModality.read_metadata(save(tmp_path / "other.wav", tone()))


def test_a_sound_from_a_server_is_read(values):
    content = wav_of(waveforms_of(values[:1])[0], 8000, {})
    again = AudioModality.read_file(content)
    assert again.shape == values[0].shape
    assert np.median(np.abs(again.astype(int) - values[0])) < 2500  # of 65535: some decibels
    short = content[:16] + (4).to_bytes(4, "little") + content[20:24] + content[36:]  # 4 bytes of a form of 16
    with pytest.raises(ValueError, match="cut off"):
        AudioModality.read_file(short)


def test_sheets_and_pages_show_spectrograms_and_play(tmp_path, values):
    AudioModality.save_sheet(tmp_path / "a.png", values[:4], {"run": "a"})
    assert AudioModality.read_metadata(tmp_path / "a.png") == {"run": "a"}
    AudioModality.save_choices(tmp_path / "b.png", values[:4], {})
    assert (tmp_path / "b.png").exists() and (tmp_path / "b.wav").exists()
    page = AudioModality.as_html(values[0], 'a "bell"')
    assert "<audio controls" in page and "data:audio/wav;base64," in page and "data:image/png" in page
    assert 'aria-label="a &quot;bell&quot;"' in page


def test_what_is_measured_goes_with_what_is_heard():
    frames = RATES[8000]
    lows, highs = (np.stack([np.resize(tone(hertz), 24 * frames.hop)]) for hertz in (110.0, 440.0))
    low, high = (spectrograms_of(each, frames) for each in (lows, highs))
    assert attributes.pitch(low, frames) == pytest.approx(110, rel=0.15)
    assert attributes.pitch(high, frames) == pytest.approx(440, rel=0.1)
    assert attributes.brightness(high, frames) > 2 * attributes.brightness(low, frames)
    softer = spectrograms_of(lows * 0.1, frames)
    assert attributes.loudness(low) - attributes.loudness(softer) == pytest.approx(20, abs=2)
    half = lows * (np.arange(lows.shape[1]) < lows.shape[1] // 2)
    assert attributes.length(spectrograms_of(half, frames), frames) < 0.7 * attributes.length(low, frames)


def test_whispering_is_raised_only_where_real_sounds_have_a_tone_and_chance_does_not_explain_it():
    def raised(made, real, margin=0.0):
        scores, others = {"harmonicity": made}, {"real": {"harmonicity": real}}
        return AudioModality.concerns(scores, others, {"harmonicity": margin})[0].raised

    assert raised(0.4, 0.9) is True and raised(0.7, 0.9) is False
    assert raised(0.6, 0.9, margin=0.1) is False  # by chance
    assert raised(0.1, 0.2) is None and raised(0.1, math.nan) is None  # nothing to lose, nothing to compare
    assert AudioModality.concerns({}, {}, {})[0].raised is None


def test_a_whisper_is_told_from_a_voice():
    noise = np.random.default_rng(0).standard_normal([1, 4000]) * 0.1
    voice, whisper = attributes.harmonicity(tone(150.0, 0.5)[None], 8000), attributes.harmonicity(noise, 8000)
    assert voice > 0.95 and whisper < 0.5
    assert attributes.harmonicity(np.zeros([1, 4000]), 8000) == 0
    assert attributes.clipping(np.clip(tone()[None] * 4, -1, 1)) > 0.1 > attributes.clipping(tone()[None])
    gap = np.zeros([1, 10, 80, 1], np.uint16)
    gap[:, [0, 1, 5]] = 40000
    assert attributes.silence(gap) == 0.5 and attributes.silence(gap * 0) == 1.0


def test_the_embedded_sounds_are_the_same_everywhere(command):
    examples = open_data("chimes")
    assert len(examples) == 420 and examples.prompts == list(KINDS)
    facts = json.loads(command("data", "chimes", "--json").stdout)
    assert facts["modality"] == "audio" and facts["rate"] == 8000 and facts["prompts"]["bell"] == 60
