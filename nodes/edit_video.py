"""Edit Video by Text: the whole chain for every frame, with the faces followed from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import comfy.model_management
import comfy.utils
import torch
from comfy_api.latest import InputImpl, io

from ..ffclip_core.editing import Strength
from ..ffclip_core.errors import InputError
from ..ffclip_core.faces.pasting import MODES
from ..ffclip_core.faces.tracking import Tracks
from ..ffclip_core.faces.video import Report, edit_frames, follow
from ..ffclip_core.networks.aligner import Aligner
from .faces_of import (
    aligner_of,
    chosen,
    editor_of,
    family_of,
    find_input,
    lines_of,
    mode_input,
    model_inputs,
    parts_of,
    which_input,
)
from .messages import told
from .previews import as_pil
from .schema import supported
from .values import option
from .wires import CATEGORY, StrengthsWire

PREVIEW = 512  # Px of the longer side.


def inputs(what: Any) -> list[Any]:
    """Those of a node that edits frames, which `what` takes."""
    return [
        what,
        io.String.Input("text", multiline=True, default="Purple hair", tooltip="What the face should show, one text."),
        io.Float.Input(
            "strength",
            default=1.0,
            min=-5.0,
            max=5.0,
            step=0.05,
            tooltip="0 leaves the frames as they are, 1 is the method as published, more exaggerates.",
        ),
        which_input(),
        io.Float.Input(
            "smoothing",
            default=1.0,
            min=0.0,
            max=3.0,
            step=0.1,
            tooltip="How steady the faces' frames are: a Gaussian over time about each frame (standard deviation 1.1 "
            "frames for the place, 3 for size and turn, times this number), without lag and never across a cut. 0 "
            "takes each frame as it is.",
        ),
        mode_input(advanced=True),
        find_input(),
        StrengthsWire.Input(
            "strengths", optional=True, tooltip="A list of numbers in strength's place: one for each frame."
        ),
        *model_inputs(),
    ]


class EditVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPEditVideo",
            display_name="Edit Video by Text",
            category=CATEGORY,
            search_aliases=["video face edit", "text guided video edit", "STIT", "animate", "avatar", "portrait"],
            description="Video and text in, the same video out, of which only what the text is about has changed. It "
            "is gone through twice, frame by frame: to follow the faces, then to edit them; so its length takes no "
            "memory. Sound, size and the frames' times stay.",
            inputs=inputs(io.Video.Input("video", tooltip="From Load Video, of any length.")),
            outputs=[io.Video.Output(display_name="video", tooltip="For Save Video. A file in ComfyUI's temp folder.")],
        )

    @classmethod
    def execute(cls, video: Any, text: str | None, strength: float | None, **others: Any) -> io.NodeOutput:
        try:  # Only here: without PyAV the other nodes still work.
            from .video_frames import Frames, write
        except ImportError as error:
            raise InputError(
                f"Videos need PyAV, which ComfyUI's requirements bring ({error}): python -m pip install av"
            ) from error
        frames = Frames(video)
        run = Run(frames.about, text, others["strengths"] if others.get("strengths") is not None else strength, others)
        run.follow(frames)
        path = write(frames, run.edit)
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), ui=told(*run.said()))


class Run:
    """One run of a node over frames: first follow(), then edit()."""

    def __init__(self, about: int, text: Any, strength: Strength | None, others: dict[str, Any]) -> None:
        self._prompt = _prompt(text)
        self._strength = 1.0 if strength is None else strength
        self._which = chosen(others.get("faces"))
        self._mode = option(others.get("mode"), MODES, "auto", "The mode")
        smoothing = others.get("smoothing")
        self._smoothing = 1.0 if smoothing is None else smoothing
        names = ("encoder", "text_encoder", "modulator", "generator")
        self._parts = parts_of({name: others.get(name) for name in names})
        self._aligner: Aligner | Literal["faces"] | None = aligner_of(others.get("find"), family_of(self._parts))
        self._progress = comfy.utils.ProgressBar(2 * about)
        self._about, self._done = about, 0
        self._report = Report()
        self._tracks: Tracks | None = None
        self._unknown: list[str] = []

    def follow(self, frames: Iterable[torch.Tensor]) -> None:
        self._tracks = follow(self._aligner, self._watched(frames))
        self._about = self._tracks.frames

    def edit(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        tracks = self._tracks or follow(self._aligner, ())
        editor = editor_of(self._parts)
        self._unknown = [known.sentence() for known in editor.known([self._prompt]) or [] if not known.known]
        edited = edit_frames(
            editor,
            self._watched(batches),
            tracks,
            self._prompt,
            self._strength,
            self._which,
            self._smoothing,
            self._mode,
            self._report,
        )
        for images in edited:
            comfy.model_management.throw_exception_if_processing_interrupted()
            preview = ("JPEG", as_pil(images[-1]), PREVIEW)
            self._progress.update_absolute(self._report.frames + self._about, 2 * self._about, preview)
            yield images

    def said(self) -> list[str]:
        report = self._report
        lines = [f"{report.edited} of {report.frames} frames edited, {report.cuts} cuts."]
        if report.without_face:
            lines.append(f"{report.without_face} frames without such a face stay as they are.")
        if report.lost:
            lines.append(f"A face was lost {report.lost} times before the next cut.")
        return lines + self._unknown

    def _watched(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """The frames; the bar moves for each, and each is where a run can be stopped."""
        for images in batches:
            comfy.model_management.throw_exception_if_processing_interrupted()
            yield images
            if self._tracks is None:
                self._done += len(images)
                self._about = max(self._about, self._done)
                self._progress.update_absolute(self._done, 2 * self._about)


def _prompt(text: Any) -> str:
    lines = lines_of(text, "face")
    if len(lines) > 1:
        raise InputError(f"The text has {len(lines)} lines, of which each would be a prompt: write one line.")
    return lines[0]
