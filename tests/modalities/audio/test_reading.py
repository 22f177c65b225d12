"""Files of sounds become spectrograms: of every format, rate and shape, and of none that is broken."""

import json
import struct

import numpy as np
import pytest

from tests.modalities.audio.conftest import RATE, save, tone
from tests.modalities.image.conftest import real_data
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.audio import folder as reader
from tfgen.modalities.audio.attributes import pitch
from tfgen.modalities.audio.folder import padded
from tfgen.modalities.audio.modality import AudioModality
from tfgen.modalities.audio.reading import BrokenSound, read_rate, read_sound, resampled
from tfgen.modalities.audio.spectrogram import RATES
from tfgen.modalities.audio.wav import wav_of


def pitch_of(examples):
    return pitch(np.asarray(examples.values), examples.codec.frames)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_every_format_is_read(tmp_path, ending):
    sound = tone(rate=16000)
    read = read_sound(save(tmp_path / f"a.{ending}", sound, 16000), 8000)
    assert abs(len(read) / 8000 - 0.3) < 0.08  # an MP3 has some silence before and behind
    assert np.abs(read).max() == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 75264])
def test_a_pitch_stays_at_any_rate(rate):
    read = resampled(tone(440.0, rate=rate), rate, 8000)
    spectrum = np.abs(np.fft.rfft(read))
    assert np.argmax(spectrum) * 8000 / len(read) == pytest.approx(440.0, abs=4)


def test_channels_are_mixed_and_silence_around_is_cut(tmp_path):
    sound = np.concatenate([np.zeros(2000, np.float32), tone(), np.zeros(3000, np.float32)])
    one = read_sound(save(tmp_path / "one.wav", sound), RATE)
    both = read_sound(save(tmp_path / "two.wav", np.stack([sound, sound], axis=1)), RATE)
    against = read_sound(save(tmp_path / "against.wav", np.stack([sound, -sound], axis=1)), RATE)
    np.testing.assert_allclose(one, both, atol=1e-6)
    np.testing.assert_allclose(one, against, atol=1e-6)
    assert len(one) == pytest.approx(len(tone()), abs=40)


def test_a_folder_has_its_folders_as_labels(folder):
    examples = open_data(folder)
    assert (examples.modality, examples.prompt_kind, examples.prompts) == ("audio", "labels", ["high", "low"])
    assert examples.values.dtype == np.uint16 and examples.values.shape[0] == 12 and examples.values.shape[1] % 8 == 0
    assert (pitch_of(examples)[:6] > 2 * pitch_of(examples)[6:]).all()
    assert open_data(folder).fingerprint == examples.fingerprint


def test_a_table_has_labels(folder):
    names = [f"{label}/{number}" for label in ("high", "low") for number in range(6)]
    rows = [f"{name}.wav,{'even' if int(name[-1]) % 2 else 'odd'}" for name in names]
    (folder / "labels.csv").write_text("file,kind\n" + "\n".join(rows))
    assert open_data(folder).prompts == ["even", "odd"]


@pytest.mark.parametrize("line", ["{0}.wav,{1}", "{1}|{0}.wav", "{0}|{1}|{1} as it is read"])
def test_a_table_without_a_heading_has_a_label_for_the_first_sound_too(folder, line):
    for path in sorted(folder.rglob("*.wav")):
        path.rename(folder / f"{path.parent.name}-{path.name}")
    rows = [line.format(path.stem, path.stem.split("-")[0]) for path in sorted(folder.glob("*.wav"))]
    (folder / "labels.csv").write_text("\n".join(rows))
    assert open_data(folder).prompt_counts() == {"high": 6, "low": 6}


def test_a_heading_stays_one_where_a_sound_is_called_like_a_column(folder):
    for label in ("high", "low"):
        (folder / label / "0.wav").rename(folder / label / f"{'name' if label == 'low' else 'kind'}.wav")
    names = [f"{path.parent.name}/{path.name}" for path in sorted(folder.rglob("*.wav"))]
    (folder / "labels.csv").write_text("name,kind\n" + "\n".join(f"{name},{name[:2]}" for name in names))
    assert open_data(folder).prompt_counts() == {"hi": 6, "lo": 6}


def test_label_tracks_of_audacity_give_their_words(folder):
    for path in folder.rglob("*.wav"):
        label = path.parent.name
        track = f"0.000000\t0.100000\t{label} tone\n\\\t100.0\t900.0\n0.100000\t0.300000\t{label} tone\n0.2\t0.3\tend\n"
        path.with_suffix(".txt").write_text(track)
    (folder / "low" / "0.txt").write_text("0.5 is\t0.7 no time")
    assert open_data(folder).prompt_counts() == {"high tone, end": 6, "low tone, end": 5, "0.5 is 0.7 no time": 1}


def test_a_part_called_test_is_held_out(folder):
    for label in ("high", "low"):
        (folder / "train").mkdir(exist_ok=True)
        (folder / label).rename(folder / "train" / label)
        save(folder / "test" / label / "9.wav", tone())
    examples = open_data(folder)
    assert len(examples) == 12 and examples.has_held_out and examples.prompts == ["high", "low"]
    assert len(open_data(folder, split="test", rate=8000, seconds=0.3)) == 2


def test_rate_and_length_are_found_or_set(tmp_path):
    for number in range(4):
        save(tmp_path / f"{number}.wav", tone(rate=48000, seconds=0.2 + number), 48000)
    examples = open_data(tmp_path)
    assert examples.codec.frames.rate == 22050 and any("rate=44100" in note for note in examples.report.notes)
    shorter = open_data(tmp_path, rate=8000, seconds=1.0)
    assert shorter.values.shape == (4, 64, 80, 1)
    assert any("3 sounds are longer than 1.02 s, and cut" in note for note in shorter.report.notes)
    for settings in ({"rate": 12345}, {"seconds": 5}, {"seconds": "x"}, {"cycles": "perhaps"}, {"size": 64}):
        with pytest.raises(UserError):
            open_data(tmp_path, **settings)


def test_single_cycles_are_repeated(tmp_path):
    for number in range(4):
        save(tmp_path / f"{number}.wav", tone(100.0, 0.01), 8000)
    examples = open_data(tmp_path)
    assert examples.cycles and examples.codec.frames.seconds(examples.values.shape[1]) >= 0.5
    assert pitch_of(examples) == pytest.approx(100, rel=0.15)
    restored = AudioModality.restore_codec(json.loads(json.dumps(examples.codec_json())), None)
    assert restored.cycles
    np.testing.assert_array_equal(AudioModality.read_example(tmp_path / "0.wav", restored), examples.values[0])


def test_what_is_longer_is_cut_where_it_is_read(tmp_path, monkeypatch):
    """A minute of each of 64 sounds would be kept, of which less than a second is learned."""
    kept = []
    monkeypatch.setattr(reader, "padded", lambda sounds, samples: kept.extend(sounds) or padded(sounds, samples))
    for number in range(3):
        save(tmp_path / f"{number}.wav", tone(seconds=3.0))
    examples = open_data(tmp_path, rate=8000, seconds=0.5)
    assert examples.values.shape[1] == 32 and any("3 sounds are longer" in note for note in examples.report.notes)
    assert len(kept) == 3 and all(len(sound) < 0.6 * RATE and sound.base is None for sound in kept)


def test_a_note_says_how_much_a_cut_leaves_out_where_that_is_most(tmp_path):
    save(tmp_path / "long.wav", np.tile(tone(seconds=1.0), 200))
    (note,) = [note for note in open_data(tmp_path).report.notes if "cut" in note]
    assert note.startswith("1 sound is longer than 3.97 s, and cut, which leaves out 98 % of all sound.")
    assert note.endswith("cut it into pieces first, a file for each.")
    for number in range(300):
        save(tmp_path / f"{number}.wav", tone(seconds=1.0))
    (note,) = [note for note in open_data(tmp_path, seconds=1.1).report.notes if "cut" in note]
    assert "1 sound is" in note and "leaves out" not in note and "pieces" not in note


@pytest.mark.parametrize("rate", [2_147_483_646, 1_000_003])
def test_an_impossible_rate_is_refused_before_anything_is_made_of_it(tmp_path, rate):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_of(tone(seconds=0.01), rate, {}))
    for read in (read_rate, lambda path: read_sound(path, RATE)):
        with pytest.raises(BrokenSound, match=f"{rate} samples a second"):
            read(path)


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "empty"),
        (b"Not a sound at all, but a text.", "not a sound"),
        ("truncated", "ends before"),
        ("silent", "silent"),
        ("nan", "no numbers"),
        ("headless", "not a sound"),
        ("no samples", "no samples"),
    ],
)
def test_a_broken_sound_says_what_it_is(tmp_path, content, reason):
    path = save(tmp_path / "a.wav", tone())
    if content == "truncated":
        path.write_bytes(path.read_bytes()[:-400])
    elif content == "headless":
        path.write_bytes(path.read_bytes()[20:])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        sounds = {"silent": np.zeros(900), "nan": np.full(900, np.nan), "no samples": np.zeros(0)}
        save(path, sounds[content].astype(np.float32), subtype="FLOAT")
    with pytest.raises(BrokenSound, match=reason):
        read_sound(path, RATE)


@pytest.mark.parametrize("subtype, step", [("PCM_16", 2**-15), ("PCM_U8", 2**-7), ("FLOAT", 2**-15)])
def test_silence_with_the_least_noise_is_silent_and_a_quiet_sound_is_not(tmp_path, subtype, step):
    noise = np.random.default_rng(0).integers(-1, 2, 4000)
    for sound in (step * noise, np.full(4000, step), 0.25 + step * noise):
        with pytest.raises(BrokenSound, match="silent"):
            read_sound(save(tmp_path / "a.wav", sound, subtype=subtype), RATE)
    assert len(read_sound(save(tmp_path / "a.wav", tone(level=6 * step), subtype=subtype), RATE)) > 1000


def test_a_constant_offset_is_no_sound(tmp_path):
    silence = np.zeros(3000, np.float32)
    sound = np.concatenate([silence, tone(level=0.1), silence])
    expected = read_sound(save(tmp_path / "a.wav", sound, subtype="FLOAT"), RATE)
    moved = read_sound(save(tmp_path / "b.wav", sound + np.float32(0.3), subtype="FLOAT"), RATE)
    assert abs(len(moved) - len(expected)) < 5 and np.corrcoef(moved[:2000], expected[:2000])[0, 1] > 0.99


@pytest.mark.parametrize(
    "whole, data",
    [
        (0x7FFFF024, 0x7FFFF000),  # sox to a pipe
        (0x80000024, 0x80000000),  # arecord
        (0x7FFFFFFF, 0x7FFFFFDB),  # GStreamer
        (0xFFFFFFFF, 0xFFFFFFFF),  # ffmpeg to a pipe
        (10**7, None),
        (100, None),
        (0, 0),
        (None, 0),
    ],
)
def test_a_wav_whose_header_has_a_wrong_length_is_read(tmp_path, whole, data):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_of(tone(), RATE, {}))
    expected, content = read_sound(path, RATE), bytearray(path.read_bytes())
    for place, length in ((4, whole), (40, data)):
        if length is not None:
            content[place:place + 4] = struct.pack("<I", length)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_sound(path, RATE), expected)


def test_a_wav_without_samples_has_none_though_comments_follow(tmp_path):
    content = wav_of(np.zeros(0, np.float32), RATE, {})
    (tmp_path / "a.wav").write_bytes(content + b"LIST" + struct.pack("<I", 4) + b"INFO")
    with pytest.raises(BrokenSound, match="no samples"):
        read_sound(tmp_path / "a.wav", RATE)


def test_200_broken_sounds_are_named_or_read(tmp_path):
    """Flipped, cut and mixed up bytes of every format: nothing else than a sound or a sentence comes of them."""
    generator = np.random.default_rng(0)
    whole = [save(tmp_path / f"whole.{ending}", tone()).read_bytes() for ending in ("wav", "flac", "ogg", "mp3")]
    for number in range(200):
        content = bytearray(whole[number % 4])
        match number % 3:
            case 0:
                content = content[:generator.integers(len(content))]
            case 1:
                for place in generator.integers(0, len(content), 20):
                    content[place] = generator.integers(256)
            case _:
                content[:64] = generator.bytes(64)
        path = tmp_path / f"{number}.wav"
        path.write_bytes(bytes(content))
        try:
            read = read_sound(path, RATE)
            assert np.isfinite(read).all() and len(read)
        except BrokenSound as error:
            assert 3 < len(str(error)) < 200 and "\n" not in str(error)


def test_few_broken_sounds_are_left_out_and_many_refused(folder, command):
    (folder / "high" / "x.wav").write_bytes(b"")
    assert open_data(folder).report.broken == [("high/x.wav", "is empty")]
    (folder / "low" / "y.mp3").write_text("text")
    seen = command("data", folder)
    assert seen.exit_code == 2 and "2 of 14 sounds" in seen.stderr and "y.mp3 (not a sound" in seen.stderr


def test_other_files_are_refused_with_advice(tmp_path):
    (tmp_path / "a.m4a").write_bytes(b"abc")
    with pytest.raises(UserError, match="save it as WAV or FLAC"):
        open_data(tmp_path)
    with pytest.raises(UserError, match="single sound"):
        open_data(save(tmp_path / "one.wav", tone()))


def test_real_drums_are_read():
    examples = open_data(real_data("drum_machines"))
    assert len(examples) == 228 and len(examples.prompts) == 11 and not examples.report.broken
    assert set(RATES) > {examples.codec.frames.rate}
