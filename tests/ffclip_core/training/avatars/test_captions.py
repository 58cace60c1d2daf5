import random

from ffclip.ffclip_core.training.avatars.avatar import sample
from ffclip.ffclip_core.training.avatars.captions import caption, description
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


def told_by(facts: list[tuple[str, str]], count: int = 200) -> set[str]:
    return {caption(facts, random.Random(seed)).lower() for seed in range(count)}


def test_a_caption_tells_all_of_its_facts() -> None:
    facts = [("hair", "bob"), ("hair_colour", "purple"), ("clothes", "hoodie"), ("clothes_colour", "yellow")]
    words = [("bob",), ("purple",), ("hoodie", "hooded"), ("yellow",)]
    beside = [("glasses", "sunglasses"), ("expression", "sad")]
    beside_words = [("sunglasses", "dark glasses", "shades"), ("sad", "unhappy")]
    for text in told_by([*facts, *beside]):
        assert all(any(word in text for word in synonyms) for synonyms in [*words, *beside_words]), text
    for fact, synonyms in zip(facts, words, strict=True):
        assert all(any(word in text for word in synonyms) for text in told_by([fact]))


def test_facts_are_told_in_any_order_small_or_with_a_capital() -> None:
    texts = {caption([("glasses", "glasses"), ("eyes", "closed")], random.Random(seed)) for seed in range(200)}
    first = {text.lower().find("glasses") < text.lower().find("eyes") for text in texts if "eyes" in text.lower()}
    assert first == {True, False}
    assert {text[0].isupper() for text in texts} == {True, False}
    assert all(text[1:] == text[1:].lower() for text in texts)


def test_articles_fit_their_nouns() -> None:
    texts = told_by([("hair", "afro")]) | told_by([("hair", "bun")]) | told_by([("hair", "curly")])
    texts |= told_by([("clothes", "overall")]) | told_by([("clothes", "hoodie")])
    words = " ".join(sorted(texts)).split()
    after = {(article, noun) for article, noun in zip(words, words[1:], strict=False) if article in ("a", "an")}
    assert {("an", "afro"), ("a", "bun"), ("an", "overall"), ("a", "hoodie")} <= after
    assert all((noun[0] in "aeiou") == (article == "an") for article, noun in after)
    assert not {noun for _, noun in after} & {"curls", "overalls", "dungarees", "dreadlocks"}


def test_no_wording_means_another_value_of_the_attribute() -> None:
    """Every phrase that two values share would make captions that are true and counted as false."""
    for attribute, values in ATTRIBUTES.items():
        texts = [told_by([(attribute, value)], 400) for value in values]
        for i, one in enumerate(texts):
            for other in texts[i + 1 :]:
                assert not one & other, attribute


def test_a_description_tells_every_fact_once_in_one_wording() -> None:
    wordings: dict[tuple[str, str], set[str]] = {}
    for seed in range(400):
        facts = sorted(sample(seed).facts())
        told = description(facts, random.Random(seed)).split(", ")
        assert len(told) == len(set(told)) == len(facts)
        for fact in facts:
            (alone,) = description([fact], random.Random(0)).split(", ")
            assert alone in told
            wordings.setdefault(fact, set()).add(alone)
    assert all(len(found) == 1 for found in wordings.values())
    assert len({text for found in wordings.values() for text in found}) == len(wordings)
    facts = [("hair", "bob"), ("hair_colour", "green"), ("clothes_colour", "red")]
    assert len({description(facts, random.Random(seed)) for seed in range(50)}) == 6
