"""Words that no caption has, beside those that mean the same: made by hand, for what is said of a prompt.

A text tower that was trained on captions alone can't know that "gloomy" is "sad". These lists say it, and nothing else:
an edit by such a word still fails. docs/known-words.md.
"""

from __future__ import annotations

_MEANING: dict[str, str] = {
    # expression
    "sad": "gloomy sorrowful depressed miserable melancholy melancholic crying weeping tearful upset downcast mournful "
    "heartbroken unhappily",
    "happy": "cheerful glad laughing laugh grin grinning smiley merry delighted jolly pleased content joy cheery",
    "angry": "furious enraged irate rage raging annoyed fuming livid cross irritated outraged grumpy",
    "surprised": "astonished amazed stunned startled astounded astonishment amazement speechless flabbergasted scared "
    "afraid",
    "neutral": "serious relaxed expressionless emotionless impassive indifferent blank stoic composed peaceful",
    # eyes
    "closed eyes": "asleep blinking dreaming dozing napping slumbering sleepy",
    "awake": "awakened wakeful wide-awake",
    # glasses
    "glasses": "spectacles specs eyewear bespectacled monocle goggles lenses eyeglass",
    "sunglasses": "sunnies raybans wayfarers aviators sunglass sunshades",
    # facial hair
    "beard": "goatee whiskers stubble bristles unshaven beards scruff sideburns",
    "mustache": "moustached mustachioed mustaches moustaches handlebar",
    "clean shaven": "beardless clean-cut smooth-faced smooth cleanshaven shaven-faced",
    # hair
    "bald": "hairless baldness shaven-headed skinhead balding depilated",
    "short hair": "buzzcut crewcut cropped pixie shorn trimmed",
    "afro": "afros fro natural-hair",
    "curly hair": "curled ringlets frizzy perm permed coiled",
    "bob": "pageboy bobbed lob",
    "long straight hair": "sleek straightened lank flat-ironed",
    "long wavy hair": "waves beachy flowing undulating wavey",
    "bun": "topknot updo chignon buns knot",
    "dreadlocks": "dreadlock locs rasta rastafarian dreaded",
    "hat": "cap beanie bonnet fedora headgear helmet hats beret caps",
    "turban": "pagri dastar turbans",
    "hijab": "veil headcovering kerchief hijabs niqab shawl scarf",
    # colours of the hair
    "black": "raven jet ebony dark-haired onyx",
    "brown": "brunette chestnut auburn hazel chocolate brunet mahogany",
    "blonde": "golden fair-haired flaxen platinum blondie gold yellowish sandy",
    "red": "ginger crimson scarlet ruby redhead copper maroon burgundy",
    "gray": "silver ash graying greying ashen silvery",
    "pink": "rose magenta fuchsia rosy salmon",
    "purple": "violet lilac lavender mauve plum indigo amethyst",
    "blue": "azure navy turquoise cyan teal cobalt sapphire",
    "green": "emerald lime olive mint jade verdant",
    # clothes
    "hoodie": "hoody sweatshirt hoodies pullover",
    "shirt": "tee tshirt blouse tees shirts",
    "blazer": "suit coat sportcoat tuxedo jackets",
    "overalls": "jumpsuit coveralls dungaree boilersuit",
    "white": "ivory cream snowy",
    "yellow": "lemon amber mustard",
}

PLAIN = (
    "a an the this that these those it its he him his she her hers they them their i me my we our you your one "
    "somebody someone person man woman boy girl guy lady people human character face head is are be was were been "
    "being am has have had having do does did should would could can will shall may might must want wants wanted "
    "like need please now just then really very quite so too completely totally fully all both some and or but "
    "with of in on at to for from by as into give gives make makes turn turned put add change let get become "
    "becoming show shows look looks looking seem appear what which who how here there picture photo image "
    "portrait drawing avatar style new "
)
"""Words that prompts of other people are made of and that ask for nothing by themselves."""


def synonyms() -> dict[str, str]:
    """Word → a known prompt, or a known word, of the same meaning."""
    return {word: of for of, words in _MEANING.items() for word in words.split() if "-" not in word}
