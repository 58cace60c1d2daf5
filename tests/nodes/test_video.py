"""Edit Video by Text and Edit Frames by Text, on videos as PyAV writes them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

av = pytest.importorskip("av")

SAMPLES = Path(__file__).parents[2] / "models" / "avatars" / "samples"
WIDE, HIGH, SIDE = 192, 128, 72
COUNT = 10


def frame(i: int, name: str | None = "mia") -> np.ndarray:
    """An avatar that goes to the right, or none."""
    picture = np.full((HIGH, WIDE, 3), 200, np.uint8)
    if name is not None:
        with Image.open(SAMPLES / f"{name}.png") as file:
            avatar = np.asarray(file.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        picture[28 : 28 + SIDE, 20 + 3 * i : 20 + 3 * i + SIDE] = avatar
    return picture


def record(path: Path, frames: list[np.ndarray], sound: str | None = "aac", codec: str = "libx264") -> Path:
    """A file of 25 frames a second, with a tone."""
    with av.open(str(path), mode="w") as output:
        video = output.add_stream(codec, rate=25, options={"crf": "12"} if codec == "libx264" else {"qscale": "2"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        audio = output.add_stream(sound, rate=44100, layout="mono") if sound else None
        for each in frames:
            output.mux(video.encode(av.VideoFrame.from_ndarray(each, format="rgb24")))
        output.mux(video.encode(None))
        if audio is not None:
            tone = np.sin(np.arange(44100 * len(frames) // 25) / 20).astype(np.float32)[None] / 4
            samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            samples.sample_rate, samples.pts = 44100, 0
            for part in av.AudioResampler(format=audio.format.name, layout="mono", rate=44100).resample(samples):
                output.mux(audio.encode(part))
            output.mux(audio.encode(None))
    return path


def read(path: str | Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([each.to_ndarray(format="rgb24") for each in container.decode(video=0)]).astype(int)


def packets(path: str | Path) -> list[bytes]:
    """Those of the sound."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.fixture(scope="module")
def clip(nodes: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The face is there but for frame 4."""
    frames = [frame(i, None if i == 4 else "mia") for i in range(COUNT)]
    return record(tmp_path_factory.mktemp("videos") / "clip.mp4", frames)


@pytest.fixture
def temp(nodes: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ComfyUI's temporary folder."""
    import folder_paths

    monkeypatch.setattr(folder_paths, "get_temp_directory", lambda: str(tmp_path / "temp"))
    return tmp_path / "temp"


@pytest.fixture
def edit(nodes: dict, temp: Path) -> Callable[..., Any]:
    def run(video: Any, node_id: str = "FFCLIPEditVideo", **given: object) -> Any:
        values = {"text": "Purple hair", "strength": 1.0, "faces": "largest", "smoothing": 1.0} | given
        name = "frames" if node_id == "FFCLIPEditFrames" else "video"
        with torch.inference_mode():
            return nodes[node_id].EXECUTE_NORMALIZED(**{name: video}, **values)

    return run


def from_file(path: str | Path) -> Any:
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(path))


def left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def purple(frames: np.ndarray) -> np.ndarray:
    """How much of each is purple."""
    red, green, blue = (frames[..., i] for i in range(3))
    return ((blue > green + 40) & (red > green + 10)).mean((1, 2))


def test_a_video_keeps_its_size_times_order_and_sound(edit: Callable, clip: Path) -> None:
    output = edit(from_file(clip))
    video = output.result[0]
    assert video.get_dimensions() == (WIDE, HIGH)
    assert video.get_frame_rate() == Fraction(25)
    path = video.get_stream_source()
    before, after = read(clip), read(path)
    assert before.shape == after.shape
    grown = purple(after) - purple(before)
    assert (np.delete(grown, 4) > 0.02).all() and grown[4] == 0, grown
    assert np.abs(after - before)[:, -20:].mean() < 2  # Below the face; what is written is coded anew.
    assert packets(path) == packets(clip)
    said = " ".join(output.ui["ffclip"])
    assert "9 of 10 frames edited" in said and "1 frames without" in said and "lost 1 times" in said


def test_times_that_are_not_even_stay(edit: Callable, tmp_path: Path) -> None:
    path, times = tmp_path / "uneven.mp4", [0, 40, 60, 200, 210]
    with av.open(str(path), mode="w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, time in enumerate(times):
            each = av.VideoFrame.from_ndarray(frame(i), format="rgb24")
            each.pts, each.time_base = time, Fraction(1, 1000)
            output.mux(stream.encode(each))
        output.mux(stream.encode(None))

    def seconds(source: str | Path) -> list[float]:
        with av.open(str(source)) as container:
            return [each.time for each in container.decode(video=0)]

    assert seconds(edit(from_file(path)).result[0].get_stream_source()) == pytest.approx(seconds(path), abs=2e-3)


def test_sound_and_pictures_of_other_formats(edit: Callable, tmp_path: Path) -> None:
    """An .avi; pictures with sound as nodes make them, whose size is odd."""
    frames = [np.ascontiguousarray(frame(i)) for i in range(3)]
    path = record(tmp_path / "old.avi", frames, sound="pcm_s16le", codec="mpeg4")
    source = edit(from_file(path)).result[0].get_stream_source()
    assert len(read(source)) == 3 and packets(source)
    from comfy_api.latest import InputImpl, Types

    images = torch.stack([torch.from_numpy(each) for each in frames])[:, :-1, :-1].float() / 255
    audio: Any = {"waveform": torch.zeros(1, 2, 8000), "sample_rate": 16000}
    made = InputImpl.VideoFromComponents(Types.VideoComponents(images=images, audio=audio, frame_rate=Fraction(12)))
    video = edit(made).result[0]
    assert video.get_dimensions() == (WIDE - 1, HIGH - 1) and video.get_frame_rate() == 12
    assert packets(video.get_stream_source())


def test_strength_0_and_one_for_each_frame(edit: Callable) -> None:
    frames = torch.stack([torch.from_numpy(frame(i)) for i in range(6)]).float() / 255
    frames[2] = frames[2, 0, 0]
    amounts = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    output = edit(frames, "FFCLIPEditFrames", strengths=amounts)
    same = [torch.equal(a, b) for a, b in zip(output.result[0], frames, strict=True)]
    assert same == [True, True, True, False, True, False]
    from ffclip.ffclip_core import InputError

    with pytest.raises(InputError, match="2 strengths for 6"):
        edit(frames, "FFCLIPEditFrames", strengths=[1.0, 0.0])


def test_a_run_that_is_stopped_leaves_no_file(
    edit: Callable, clip: Path, temp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management
    from ffclip.nodes import video_frames

    put = video_frames._Writer.put

    def stop_after(writer: Any, images: torch.Tensor) -> None:
        put(writer, images)
        assert left(temp)
        comfy.model_management.interrupt_current_processing()

    monkeypatch.setattr(video_frames._Writer, "put", stop_after)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        edit(from_file(clip))
    assert not left(temp)


def test_what_is_no_video_is_said_in_one_sentence(edit: Callable, clip: Path, temp: Path, tmp_path: Path) -> None:
    from ffclip.ffclip_core import InputError

    whole = clip.read_bytes()
    (tmp_path / "page.mp4").write_text("<!DOCTYPE html><p>Sign in to download")
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name in ("page.mp4", "cut.mp4", "empty.mp4", "gone.mp4"):
        with pytest.raises(InputError, match=f"video '{name}' can't be read"):
            edit(from_file(tmp_path / name))
    with av.open(str(tmp_path / "song.mp4"), mode="w") as output:
        audio = output.add_stream("aac", rate=44100, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 44100
        output.mux(audio.encode(silence))
        output.mux(audio.encode(None))
    with pytest.raises(InputError, match="video 'song.mp4' holds no pictures"):
        edit(from_file(tmp_path / "song.mp4"))
    with pytest.raises(InputError, match="video gives no frames"):
        edit("clip.mp4")
    with pytest.raises(InputError, match="No face was found in the 3 frames"):
        edit(from_file(record(tmp_path / "faceless.mp4", [frame(0, None)] * 3)))
    with pytest.raises(InputError, match="no face number 3: the shots of this video have at most 1 face"):
        edit(from_file(clip), faces="4th from the left")
    with pytest.raises(InputError, match="text is empty"):
        edit(from_file(clip), text=" ")
    assert not left(temp)


def test_a_video_that_was_cut_to_a_part_gives_that_part(edit: Callable, clip: Path) -> None:
    """Newer ComfyUIs' videos remember the part; their source is still the whole file."""
    from comfy_api.latest import InputImpl, Types

    class Trimmed(InputImpl.VideoFromFile):
        def get_duration(self) -> float:
            return 0.12

        def get_components(self) -> Any:
            whole = super().get_components()
            return Types.VideoComponents(images=whole.images[:3], audio=None, frame_rate=whole.frame_rate)

    assert len(read(edit(Trimmed(str(clip))).result[0].get_stream_source())) == 3


def test_a_video_filmed_on_its_side_comes_out_upright(edit: Callable, tmp_path: Path) -> None:
    turned = [np.ascontiguousarray(np.rot90(frame(i), 1)) for i in range(2)]
    path = record(tmp_path / "phone.mp4", turned, sound=None)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # The matrix of a phone that is held upright: a quarter clockwise.
    for i, value in enumerate([0, 1 << 16, 0, -(1 << 16), 0, 0, HIGH << 16, 0, 1 << 30]):
        data[at + 4 * i : at + 4 * i + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    after = read(edit(from_file(path), strength=0.0).result[0].get_stream_source())
    assert after.shape[1:3] == (HIGH, WIDE)
    assert np.abs(after[0] - frame(0).astype(int)).mean() < 4
