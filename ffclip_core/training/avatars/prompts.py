"""The prompts that the evaluation and the sheets of edits ask for."""

from __future__ import annotations

from ..drawings import Question
from ..facts import Fact
from .vocabulary import HAIR_COLOURS, is_held_out

SHEET_PROMPTS = (
    "Purple hair",
    "Bald",
    "Beard",
    "wearing glasses",
    "Surprise",
    "Sad",
    "afro hairstyle",
    "closed eyes",
)

EVALUATION_PROMPTS: tuple[tuple[str, tuple[Fact, ...]], ...] = (
    *((f"{name.capitalize()} hair", (("hair_colour", name),)) for name in HAIR_COLOURS),
    ("Bald", (("hair", "bald"),)),
    ("short hair", (("hair", "short"),)),
    ("afro hairstyle", (("hair", "afro"),)),
    ("curly hairstyle", (("hair", "curly"),)),
    ("bob cut hairstyle", (("hair", "bob"),)),
    ("long straight hair", (("hair", "long straight"),)),
    ("long wavy hair", (("hair", "long wavy"),)),
    ("bun hairstyle", (("hair", "bun"),)),
    ("dreadlocks hairstyle", (("hair", "dreadlocks"),)),
    ("wearing a hat", (("hair", "hat"),)),
    ("wearing a turban", (("hair", "turban"),)),
    ("wearing a hijab", (("hair", "hijab"),)),
    ("Beard", (("facial_hair", "beard"),)),
    ("with a beard", (("facial_hair", "beard"),)),
    ("Mustache", (("facial_hair", "moustache"),)),
    ("clean shaven", (("facial_hair", "none"),)),
    ("wearing glasses", (("glasses", "glasses"),)),
    ("Glasses", (("glasses", "glasses"),)),
    ("wearing sunglasses", (("glasses", "sunglasses"),)),
    ("without glasses", (("glasses", "none"),)),
    ("Happy", (("expression", "happy"),)),
    ("Smile", (("expression", "happy"),)),
    ("Sad", (("expression", "sad"),)),
    ("Angry", (("expression", "angry"),)),
    ("Surprise", (("expression", "surprised"),)),
    ("Surprised face", (("expression", "surprised"),)),
    ("neutral expression", (("expression", "neutral"),)),
    ("closed eyes", (("eyes", "closed"),)),
    ("open eyes", (("eyes", "open"),)),
    ("wearing a hoodie", (("clothes", "hoodie"),)),
    ("wearing a blazer", (("clothes", "blazer"),)),
    ("wearing a shirt", (("clothes", "shirt"),)),
    *((f"{name.capitalize()} clothes", (("clothes_colour", name),)) for name in ("red", "blue", "yellow", "black")),
)
"""Single prompts in the paper's style (FFCLIP, NeurIPS 2022, table of prompts); such texts occur in training."""

EVALUATION_PAIRS: tuple[tuple[str, tuple[Fact, ...]], ...] = (
    ("green hair and beard", (("hair_colour", "green"), ("facial_hair", "beard"))),
    ("pink hair, happy", (("hair_colour", "pink"), ("expression", "happy"))),
    ("black afro", (("hair", "afro"), ("hair_colour", "black"))),
    ("bald with glasses", (("hair", "bald"), ("glasses", "glasses"))),
    ("sad, wearing a hat", (("expression", "sad"), ("hair", "hat"))),
    ("blue hair, wearing sunglasses", (("hair_colour", "blue"), ("glasses", "sunglasses"))),
    ("red bob cut hairstyle", (("hair", "bob"), ("hair_colour", "red"))),
    ("angry and bearded", (("expression", "angry"), ("facial_hair", "beard"))),
    ("surprised, wearing glasses", (("expression", "surprised"), ("glasses", "glasses"))),
    ("blue hair, wearing glasses", (("hair_colour", "blue"), ("glasses", "glasses"))),
    ("glasses and blue hair", (("hair_colour", "blue"), ("glasses", "glasses"))),
    ("purple hair and beard", (("hair_colour", "purple"), ("facial_hair", "beard"))),
    ("bearded, purple hair", (("hair_colour", "purple"), ("facial_hair", "beard"))),
    ("blonde afro", (("hair", "afro"), ("hair_colour", "blonde"))),
    ("afro hairstyle, blonde hair", (("hair", "afro"), ("hair_colour", "blonde"))),
    ("angry, wearing a hat", (("expression", "angry"), ("hair", "hat"))),
    ("angry face with a hat", (("expression", "angry"), ("hair", "hat"))),
    ("bald, wearing sunglasses", (("hair", "bald"), ("glasses", "sunglasses"))),
    ("sunglasses and a bald head", (("hair", "bald"), ("glasses", "sunglasses"))),
)
"""Prompts of two meanings; those for which is_held_out(facts) never occur in training, in any wording."""

EVALUATION_PARAPHRASES: tuple[tuple[str, tuple[Fact, ...], bool], ...] = (
    ("turn the hair purple", (("hair_colour", "purple"),), False),
    ("give this person green hair", (("hair_colour", "green"),), False),
    ("her hair is pink now", (("hair_colour", "pink"),), False),
    ("hair that is blonde", (("hair_colour", "blonde"),), False),
    ("I want black hair", (("hair_colour", "black"),), False),
    ("a man who has a beard", (("facial_hair", "beard"),), False),
    ("add a big beard", (("facial_hair", "beard"),), False),
    ("put on glasses", (("glasses", "glasses"),), False),
    ("take the glasses off, no glasses please", (("glasses", "none"),), False),
    ("he has sunglasses on", (("glasses", "sunglasses"),), False),
    ("should look happy", (("expression", "happy"),), False),
    ("a very sad person", (("expression", "sad"),), False),
    ("make her angry", (("expression", "angry"),), False),
    ("what a surprise", (("expression", "surprised"),), False),
    ("both eyes are closed", (("eyes", "closed"),), False),
    ("a woman with an afro", (("hair", "afro"),), False),
    ("give him dreadlocks", (("hair", "dreadlocks"),), False),
    ("change the haircut to a bob", (("hair", "bob"),), False),
    ("put a hat on the head", (("hair", "hat"),), False),
    ("completely bald man", (("hair", "bald"),), False),
    ("spectacles", (("glasses", "glasses"),), True),
    ("violet hair", (("hair_colour", "purple"),), True),
    ("furious", (("expression", "angry"),), True),
    ("laughing", (("expression", "happy"),), True),
    ("astonished", (("expression", "surprised"),), True),
    ("goatee", (("facial_hair", "beard"),), True),
    ("a hairless head", (("hair", "bald"),), True),
    ("wearing a cap", (("hair", "hat"),), True),
)
"""Wordings that caption() never makes: (prompt, facts, whether its telling word is new to the text tower too)."""

QUESTIONS: tuple[Question, ...] = (
    *(Question("single", prompt, facts) for prompt, facts in EVALUATION_PROMPTS),
    *(Question("pair, unseen" if is_held_out(f) else "pair", prompt, f) for prompt, f in EVALUATION_PAIRS),
    *(Question("paraphrase, new word" if new else "paraphrase", p, f) for p, f, new in EVALUATION_PARAPHRASES),
)
"""All that the evaluation asks for."""
