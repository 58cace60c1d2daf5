"""What holds for every domain whose words are a thesaurus."""

from __future__ import annotations

import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")
pytest.importorskip("matplotlib", reason="names of colours need the extra `train`")

from ffclip.ffclip_core.training.cars.domain import CARS
from ffclip.ffclip_core.training.churches.domain import CHURCHES
from ffclip.ffclip_core.training.people.domain import PEOPLE
from ffclip.ffclip_core.training.thesaurus import LANGUAGES
from ffclip.ffclip_core.training.told import Told

every_domain = pytest.mark.parametrize("domain", [PEOPLE, CARS, CHURCHES], ids=lambda domain: type(domain).__name__)


@every_domain
@pytest.mark.parametrize("name", LANGUAGES)
def test_each_language_has_words_for_everything(domain: Told, name: str) -> None:
    words, sayable = domain.words.languages[name], domain.words.said
    things = domain.words.things
    assert set(words.phrases) == set(words.unheard) == {fact for fact in sayable if fact[0] not in things}
    assert {fact for fact in domain.words.concepts if fact[0] not in things} <= set(words.phrases)
    owner: dict[str, object] = {}
    for fact, phrases in words.phrases.items():
        every = [*phrases, *words.unheard[fact]]
        assert len(set(every)) == len(every) >= (20 if name == "en" else 12), fact
        for phrase in every:
            assert owner.setdefault(phrase.lower(), fact) == fact, (phrase, owner[phrase.lower()], fact)
            assert not set(phrase) & set(",:.;，：。；"), phrase
    assert set(words.colours) == set(domain.words.colours)
    forms = {len(forms) for of in words.colours.values() for forms in of}
    assert len(forms) == 1 and all(map(len, words.colours.values()))
    assert set(words.coloured) == set(things.values())
    for texts in words.coloured.values():
        assert len(texts) >= 12 and all(text.format(*["x"] * forms.copy().pop()) != text for text in texts)
    assert all(frame.count("{}") == 1 for frame in words.frames)
    assert bool(words.nouns) == (name == "en") and {fact[0] for fact in words.nouns} <= set(domain.words.nouns.values())


@every_domain
def test_concepts_mean_values_and_comparatives_are_some_of_them(domain: Told) -> None:
    attributes, concepts = domain.attributes, domain.words.concepts
    for fact, values in concepts.items():
        assert values and set(values) <= set(attributes[fact[0]]) and fact[1] not in attributes[fact[0]]
    assert set(domain.more) <= set(concepts)
    for name, values in attributes.items():
        for value in values:
            assert any(fact[0] == name and value in of for fact, of in domain.concepts.items()), (name, value)


@every_domain
def test_some_words_are_kept_for_evaluation(domain: Told) -> None:
    asked = domain.questions
    assert asked == domain.questions and len({question.kind for question in asked}) == 17
    for question in asked:
        assert question.prompt and all(fact in domain.concepts for fact in question.facts), question
        assert domain.is_held_out(question.facts) == (question.kind == "pair, unseen"), question
    english = domain.words.languages["en"]
    new = {question.prompt for question in asked if question.kind == "new wording, en"}
    heard = {phrase for phrases in english.phrases.values() for phrase in phrases}
    assert len(new) == 60 and not new & heard
    assert 0.03 < sum(map(len, english.unheard.values())) / len(heard) < 0.12
