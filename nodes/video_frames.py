"""ComfyUI's VIDEO frame by frame: read, and written as a file, with no more than a few frames in memory."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import folder_paths
import numpy as np
import torch

from ..ffclip_core.errors import FFCLIPError, InputError, sendable

AT_ONCE = 4
QUALITY = {"crf": "16", "preset": "veryfast"}
"""Of H.264: hardly to be told from the original, as it is to be edited further."""
_CONTAINER = "mp4"
_HD = 720  # Px of height from which on a video that does not say so has the colours of HD (ITU-R BT.709).
_BT709, _BT601 = 1, 5
_DAMAGED: tuple[type[BaseException], ...] = (av.error.FFmpegError, OSError)


class Frames:
    """The frames of a VIDEO in order, float32 [1, H, W, 3] in [0, 1], as often as they are gone through.

    A video from a file is decoded on the way; of one that a node made of pictures, or cut to a part, those pictures are
    taken. Raises InputError, one sentence, for what can't be read. rate: frames a second; about: how many there are, by
    what the file says.
    """

    def __init__(self, video: Any) -> None:
        self.source = _stream_source(video)
        self.made: Any = None
        if self.source is not None:
            with self.opened() as container:
                stream = container.streams.video[0]
                self.rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
                seconds = float(container.duration or 0) / av.time_base
                self.about = max(1, stream.frames or round(seconds * float(self.rate)))
            return
        try:
            self.made = video.get_components()
            self.rate = Fraction(self.made.frame_rate).limit_denominator(90_000)
            self.about = len(self.made.images)
        except Exception as error:
            raise InputError(f"The video gives no frames ({_short(error)}): connect Load Video.") from error

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (image for image, *_ in self.timed())

    def timed(
        self, take_sound: Callable[[Any], None] | None = None
    ) -> Iterator[tuple[torch.Tensor, int | None, Fraction | None, int]]:
        """Each frame with its time, in units that are given too, and the matrix of its colours; take_sound gets the
        packets of the sound between them."""
        if self.made is not None:
            for i in range(len(self.made.images)):
                yield self.made.images[i : i + 1, ..., :3], i, 1 / self.rate, _BT601
            return
        size: tuple[int, int] | None = None
        with self.opened() as container:
            wanted = container.streams.video[:1] + (container.streams.audio[:1] if take_sound else ())
            for packet in container.demux(*wanted):
                if packet.stream.type == "audio":
                    if take_sound is not None:
                        take_sound(packet)
                    continue
                for frame in packet.decode():
                    size = size or (frame.width, frame.height)
                    colours = _matrix(frame)
                    rgb = frame.reformat(*size, format="rgb24", src_colorspace=colours)
                    turned = np.rot90(rgb.to_ndarray(), round(getattr(frame, "rotation", 0) / 90))
                    image = torch.from_numpy(np.ascontiguousarray(turned)).float().div_(255)[None]
                    yield image, frame.pts, frame.time_base, colours

    @contextlib.contextmanager
    def opened(self) -> Iterator[Any]:
        """The file, for as long as it is read."""
        if not isinstance(self.source, str):
            self.source.seek(0)
        name = f"video {Path(self.source).name!r}" if isinstance(self.source, str) else "video"
        try:
            with av.open(self.source, mode="r", metadata_errors="ignore") as container:
                if not container.streams.video:
                    raise InputError(f"The {sendable(name)} holds no pictures: choose another file.")
                yield container
        except _DAMAGED as error:
            raise InputError(
                f"The {sendable(name)} can't be read ({_short(error)}): it is damaged, or no video; play it to see, "
                "and choose another file."
            ) from error


def write(frames: Frames, edit: Callable[[Iterable[torch.Tensor]], Iterator[torch.Tensor]]) -> Path:
    """A new file in ComfyUI's temporary folder, of the frames as edit makes them (batches in, the same batches out), at
    their times and with their sound. Whatever stops it, no file stays behind."""
    folder = Path(folder_paths.get_temp_directory()) / "ffclip"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{secrets.token_hex(8)}.{_CONTAINER}"
    try:
        with av.open(str(path), mode="w", format=_CONTAINER) as output:
            writer = _Writer(frames, output)
            for images in edit(writer.batches()):
                writer.put(images)
            writer.end()
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, _DAMAGED):
            raise FFCLIPError(
                f"The edited video can't be written into {sendable(str(folder))} ({_short(error)}): look whether there "
                "is room on that disk."
            ) from error
        raise
    return path


class _Writer:
    """Puts frames, which somebody changes between batches() and put(), into a file."""

    def __init__(self, frames: Frames, output: Any) -> None:
        self._frames, self._output = frames, output
        self._video = output.add_stream("libx264", rate=frames.rate, options=dict(QUALITY))
        self._sound: Any = None
        self._resampler: Any = None
        self._waiting: list[tuple[int | None, Fraction | None, int]] = []
        self._packets: list[Any] = []
        self._last = -1
        self._count = 0
        self._started = False
        if frames.made is not None:
            self._base = 1 / frames.rate
            if frames.made.audio is not None:
                self._sound = output.add_stream("aac", rate=int(frames.made.audio["sample_rate"]))
            return
        with frames.opened() as container:
            self._base = Fraction(container.streams.video[0].time_base)
            template = next(iter(container.streams.audio), None)
            if template is None:
                return
            if template.codec_context.name in output.supported_codecs:
                self._sound = output.add_stream_from_template(template)
            else:
                self._sound = output.add_stream("aac", rate=template.rate, layout=template.layout.name)
                self._resampler = av.AudioResampler(format="fltp", layout=template.layout.name, rate=template.rate)

    def batches(self) -> Iterator[torch.Tensor]:
        images = []
        for image, pts, base, colours in self._frames.timed(self._take_sound if self._sound is not None else None):
            images.append(image)
            self._waiting.append((pts, base, colours))
            if len(images) == AT_ONCE:
                yield torch.cat(images)
                images = []
        if images:
            yield torch.cat(images)

    def put(self, images: torch.Tensor) -> None:
        for image in images:
            pts, base, colours = self._waiting.pop(0)
            pixels = image[..., :3].float().clamp(0, 1).mul(255).round().to(torch.uint8).cpu().contiguous().numpy()
            if not self._started:
                self._start(pixels, colours)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(format=self._video.pix_fmt, dst_colorspace=colours)
            at = round(pts * base / self._base) if pts is not None and base else self._last + 1
            frame.pts = self._last = max(at, self._last + 1) if self._count else at
            frame.time_base = self._base
            self._count += 1
            self._output.mux(self._video.encode(frame))
        self._mux_sound()

    def end(self) -> None:
        if not self._count:
            raise InputError("The video holds no frame that can be read: choose another file.")
        self._output.mux(self._video.encode(None))
        self._mux_sound()
        audio = self._frames.made.audio if self._frames.made is not None else None
        if self._resampler is not None:
            for frame in self._resampler.resample(None):
                self._output.mux(self._sound.encode(frame))
        elif audio is not None:
            self._put_waveform(audio)
        if self._resampler is not None or audio is not None:
            self._output.mux(self._sound.encode(None))

    def _start(self, pixels: np.ndarray, colours: int) -> None:
        video, (height, width) = self._video, pixels.shape[:2]
        video.width, video.height = width, height
        # Half of the colours' pixels are for even sizes alone.
        video.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"
        video.codec_context.time_base = self._base
        video.codec_context.colorspace = colours
        video.codec_context.color_range = 1
        self._started = True

    def _take_sound(self, packet: Any) -> None:
        """Kept until the pictures before it are there: the file's head is written with the first packet."""
        self._packets.append(packet)

    def _mux_sound(self) -> None:
        for packet in self._packets:
            if self._resampler is not None:
                for frame in packet.decode():
                    for part in self._resampler.resample(frame):
                        self._output.mux(self._sound.encode(part))
            elif packet.dts is not None:
                packet.stream = self._sound
                self._output.mux(packet)
        self._packets = []

    def _put_waveform(self, audio: dict[str, Any]) -> None:
        rate = int(audio["sample_rate"])
        samples = audio["waveform"][0, :2, : round(rate / self._frames.rate * self._count)].float().cpu()
        layout = "mono" if len(samples) == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(samples.contiguous().numpy(), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        self._output.mux(self._sound.encode(frame))


def _stream_source(video: Any) -> Any:
    """What the video's frames are decoded from; None where the video holds other frames than that."""
    from comfy_api.latest import Input

    kind = type(video)
    if getattr(kind, "get_stream_source", None) in (None, getattr(Input.Video, "get_stream_source", None)):
        return None
    source = video.get_stream_source()
    try:
        with av.open(source, mode="r") as container:
            whole = float(container.duration) / av.time_base if container.duration else None
        # Newer ComfyUIs cut a video by remembering the part: the file is still the whole.
        part = whole is not None and abs(float(video.get_duration()) - whole) > 0.05
    except Exception:  # Said in one sentence when it is read.
        return source
    return None if part else source


def _matrix(frame: Any) -> int:
    """ITU-R BT.709's or BT.601's, by what the frame says or, where it says neither, by its height."""
    said = int(frame.colorspace)
    return said if said in (_BT709, _BT601) else _BT601 if said == 6 or frame.height < _HD else _BT709


def _short(error: BaseException) -> str:
    return sendable(" ".join(str(error).split()))[:120] or type(error).__name__
