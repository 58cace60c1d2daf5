import random

from ffclip.ffclip_core.training.avatars.avatar import sample
from ffclip.ffclip_core.training.avatars.captions import caption
from ffclip.ffclip_core.training.avatars.prompts import EVALUATION_PAIRS, EVALUATION_PARAPHRASES, EVALUATION_PROMPTS
from ffclip.ffclip_core.training.avatars.vocabulary import ATTRIBUTES, is_held_out


def test_every_fact_has_a_wording() -> None:
    for attribute, values in ATTRIBUTES.items():
        for value in values:
            texts = {caption([(attribute, value)], random.Random(i)).lower() for i in range(50)}
            assert len(texts) > 5


def test_captions_name_the_colour_beside_its_noun() -> None:
    texts = {caption([("hair", "afro"), ("hair_colour", "purple")], random.Random(i)).lower() for i in range(300)}
    assert "purple afro" in texts
    assert all("purple" in text and "afro" in text for text in texts)


def test_no_paraphrase_is_ever_made_by_caption() -> None:
    made = set()
    for seed in range(5000):
        rng = random.Random(seed)
        facts = sorted(sample(seed).facts())
        made.add(caption(rng.sample(facts, min(len(facts), rng.randint(1, 3))), rng).lower())
    assert len(made) > 4000
    assert not made & {text.lower() for text, _, _ in EVALUATION_PARAPHRASES}


def test_the_evaluation_lists_are_what_the_model_card_says() -> None:
    assert len(EVALUATION_PROMPTS) >= 40
    assert len(EVALUATION_PAIRS) >= 10
    unseen = {frozenset(facts) for _, facts in EVALUATION_PAIRS if is_held_out(facts)}
    assert len(unseen) >= 5
    everything = [*EVALUATION_PROMPTS, *EVALUATION_PAIRS, *((text, facts) for text, facts, _ in EVALUATION_PARAPHRASES)]
    assert len({text for text, _ in everything}) == len(everything)
    for _, facts in everything:
        assert all(value in ATTRIBUTES[attribute] for attribute, value in facts)
