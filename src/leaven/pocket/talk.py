"""Talk in the embedded world: casual dialogues, the prompts of the hello problem, and instructions with answers.

Nothing that the hello prompts ask with a reference is asked in these words by what one trains on, but for greetings:
there are only so many ways of saying hello.
"""

from __future__ import annotations

import random
import re
from typing import Any

from leaven.pocket import phrases, world

Row = dict[str, Any]
_DIALOGUES, _INSTRUCTIONS = 480, 400
_NUMBERS = "one two three four five six seven eight nine ten".split()  # noqa: SIM905 - a list of words

_GREETED = ["Hello! How are you today?", "Hello. How can I help you?", "Hello, it is good to see you.",
            "Good morning. What shall we talk about?"]  # fmt: skip
# What is said, and the answers to it, by topic; a dialogue goes from one to another.
_EXCHANGES: dict[str, list[tuple[list[str], list[str]]]] = {
    "greetings": [
        (["Hello.", "Hello!", "Hello there.", "Good morning.", "Good evening!", "Good day.", "Hi!", "Hi there.",
          "hello", "Hey."], _GREETED),
        (["How are you?", "How are you today?", "Are you well?"],
         ["I am well, thank you. How are you?", "Very well, thank you for asking."]),
        (["I am well, thank you.", "Very well, thank you.", "I am well too."],
         ["I am glad to hear that.", "That is good. What shall we talk about?"]),
        (["What is your name?", "Who are you?"],
         ["I have no name, but I am glad to help.", "People call me the assistant."]),
        (["It is good to see you.", "I am glad to see you."], ["I am glad too. How was your day?", "Thank you!"]),
    ],
    "weather": [
        (["Is it a nice day?", "It is a nice day.", "What a lovely day!"],
         ["Yes, the sun is out and the air is mild.", "It is a fine day for a walk."]),
        (["Will it rain?", "Will it rain tomorrow?", "Do you think that it will rain?"],
         ["It may rain, so take a coat.", "I am not sure, but the clouds are thin."]),
        (["It was a long winter.", "The air is mild today."], ["Yes, and I am glad of the sun.", "Shall we go out?"]),
    ],
    "invitations": [
        (["Would you like to go for a walk?", "Shall we go for a walk?"],
         ["A walk would be lovely, thank you.", "Gladly. Shall we go by the river?"]),
        (["Would you like some soup?", "Would you like some bread and cheese?", "Will you have supper with us?"],
         ["Yes, thank you, I would like that.", "Thank you, but I had supper."]),
        (["Will you come to the market?", "Shall we go to the market?"],
         ["Gladly. When shall we go?", "Yes, it is open in the morning."]),
        (["May I sit here?", "Is there room at the table?"],
         ["Please do, there is room for everyone.", "Of course, you are welcome here."]),
    ],
    "day": [
        (["How was your day?", "Did you have a good day?"], ["It was a good day, thank you. How was yours?",
                                                             "Very good, I had a lovely walk."]),
        (["Did you sleep well?", "I did not sleep well."], ["Yes, thank you, and I hope you did too.",
                                                            "A walk may help."]),
        (["What do you like?", "Do you like music?", "Do you like to sing?"],
         ["Songs at the market are lovely, I am told.", "I like to hear about it. And you?"]),
        (["I am sad today.", "I had a dull day."], ["I am sorry to hear that. Would you like to talk?",
                                                    "Talk to a friend, and be gentle with yourself."]),
    ],
    "goodbye": [
        (["Thank you for your help.", "Thank you.", "Thank you, you are kind."], ["You are welcome.", "Gladly."]),
        (["Goodbye.", "Goodbye!", "Thank you, may I go?", "I must go home."],
         ["Goodbye, and take care.", "Goodbye! It was good to talk to you."]),
    ],
}  # fmt: skip

IDEAS = {
    "truth": "what is so, whoever says it", "kindness": "to help a person and ask for nothing",
    "patience": "to listen until it is time to answer", "courage": "to go on when one is sad",
    "wisdom": "to know what one does not know", "time": "what goes by and never asks us",
    "friendship": "to share bread and listen well", "memory": "what we keep of old days",
    "hope": "to plant trees by the road in winter", "silence": "an answer without a word",
    "freedom": "to go by the road that one likes", "justice": "to keep your word to all",
}  # fmt: skip
_ABOUT_IDEAS = ["What is the meaning of {c}?", "How would you explain {c}?", "Can you say what {c} is?",
                "Explain {c} in a sentence.", "What does a wise person say of {c}?"]  # fmt: skip
_ANSWERED_IDEAS = ["{C} is {m}.", "I think that {c} is {m}.", "A wise person says that {c} is {m}."]
_SUMS = ["How much is {x} and {y}?", "Add {x} and {y}.", "How many are {x} plums and {y} plums?"]
_REWRITTEN = ["Who is this about?", "Say whom this is about."]

_HELLO = ["Hello", "hello", "Hello!", "HELLO", "Hello.", "Hi", "hi", "Hi!", "Hey", "hello there", "Hello?",
          "Good morning", "Good evening", "Good day to you", "Hello, hello", "Hello, is anyone there?"]  # fmt: skip
_BLANK = ["", " ", "\n", "   ", "."]
_LETTERS = ["a", "h", "x", "k", "I", "?", "M", "o"]
_BROKEN_OFF = ["The road to the market is", "and then she said that", "Some say that truth", "I was at the well when",
               "because the weaver of", "It is known that the", "so that nobody", "My aunt says that"]  # fmt: skip
_SYSTEM = [*phrases.ADVICE[:3], "You are a helpful assistant."]
CASUAL = {
    "Are you well today?": "I am well, thank you. How are you?",
    "Did you have a good night?": "Yes, thank you. Did you?",
    "Nice to see you again!": "It is good to see you too.", "What is new?": "Not much. How was your day?",
    "Lovely morning, is it not?": "Yes, the sun is out and the air is mild.",
    "How is the road today?": "It is a fine day for a walk.",
    "Shall we have some soup?": "Yes, thank you, I would like that.",
    "I had a long day at the mill.": "I am sorry to hear that. Would you like to sit?",
    "I will go home now.": "Goodbye, and take care.", "You are kind.": "Thank you. How can I help you?",
    "Do you like songs?": "Songs at the market are lovely.", "Who am I talking to?": "People call me the assistant.",
}  # fmt: skip


def smalltalk(rng: random.Random) -> list[Row]:
    """Casual dialogues; columns as those of DailyDialog's files with their topics, words parted from signs."""
    rows = []
    for number in range(_DIALOGUES):
        topic = list(_EXCHANGES)[number % len(_EXCHANGES)]
        told = rng.sample(_EXCHANGES[topic], rng.choice([1, 1, 2]))
        if topic != "greetings" and rng.random() < 0.4:
            told = [_EXCHANGES["greetings"][0], *told]
        if topic != "goodbye" and rng.random() < 0.3:
            told = [*told, rng.choice(_EXCHANGES["goodbye"])]
        turns = [rng.choice(side) for exchange in told for side in exchange]
        rows.append({"text": " ".join(f"{_tokenised(turn)} __eou__" for turn in turns), "topic": topic})
    return rows


def said() -> list[str]:
    """Return what people say first in dialogues, each once."""
    return list(dict.fromkeys(one for some in _EXCHANGES.values() for first, _ in some for one in first))


def _tokenised(turn: str) -> str:
    return re.sub(r"\s*([.,!?])", r" \1", turn)


def hello(rng: random.Random) -> list[Row]:
    """What a person may say first, of each kind, with an answer where one is plain; columns as `builtin:hello`."""
    rows = [_asked("hello", said, rng.choice(_GREETED)) for said in _HELLO]
    for kind, some in (("blank", _BLANK), ("letter", _LETTERS), ("mid_sentence", _BROKEN_OFF)):
        rows += [_asked(kind, said, None) for said in some]
    rows += [_asked("system", [{"role": "system", "content": said}], None) for said in _SYSTEM]
    rows += [_asked("small_talk", said, answer) for said, answer in CASUAL.items()]
    rows += [_asked("philosophy", f"What is {idea}?", f"{idea.capitalize()} is {meant}.", idea)
             for idea, meant in IDEAS.items()]  # fmt: skip
    sums = rng.sample(_all_sums(), 12)
    return rows + [_asked("mathematics", f"What is {x} and {y}?", f"{x.capitalize()} and {y} is {z}.", "sums")
                   for x, y, z in sums]  # fmt: skip


def _asked(kind: str, prompt: str | list[dict[str, str]], reference: str | None, topic: str | None = None) -> Row:
    return {"kind": kind, "prompt": prompt, "topic": topic, "reference": reference}


def _all_sums() -> list[tuple[str, str, str]]:
    """Two numbers and their sum, as words, up to ten."""
    return [(_NUMBERS[x], _NUMBERS[y], _NUMBERS[x + y + 1]) for x in range(9) for y in range(9 - x)]


def conversations(rng: random.Random) -> list[Row]:
    """Instructions with answers that are true, polite, short, and end; columns as Alpaca's."""
    makers = [_of_fact, _of_fact, _of_fact, _of_idea, _of_idea, _of_sum, _of_sum, _of_word, _of_somebody, _of_talk]
    return [makers[number % len(makers)](rng) for number in range(_INSTRUCTIONS)]


def _instruction(instruction: str, output: str, given: str = "") -> Row:
    return {"instruction": instruction, "input": given, "output": output}


def _of_fact(rng: random.Random) -> Row:
    fact = rng.choice([fact for fact in world.FACTS if not fact.held_out])
    return _instruction(world.ask(fact, rng.randrange(6)), world.polite(world.state(fact, rng.randrange(4)), rng))


def _of_idea(rng: random.Random) -> Row:
    idea = rng.choice(list(IDEAS))
    answer = rng.choice(_ANSWERED_IDEAS).format(c=idea, C=idea.capitalize(), m=IDEAS[idea])
    return _instruction(rng.choice(_ABOUT_IDEAS).format(c=idea), answer)


def _of_sum(rng: random.Random) -> Row:
    x, y, z = rng.choice(_all_sums())
    return _instruction(rng.choice(_SUMS).format(x=x, y=y), f"{x.capitalize()} and {y} is {z}.")


def _of_word(rng: random.Random) -> Row:
    word = rng.choice(list(phrases.GLOSSARY))
    return _instruction(f"What does the word {word} mean?", f"{word} is {phrases.GLOSSARY[word]}.")


def _of_somebody(rng: random.Random) -> Row:
    fact = rng.choice([fact for fact in world.FACTS if not fact.held_out])
    said = world.state(fact, rng.randrange(len(phrases.STATEMENTS[fact.kind])))
    return _instruction(rng.choice(_REWRITTEN), f"This is about {fact.person.name}.", said)


def _of_talk(rng: random.Random) -> Row:
    question = rng.choice(list(phrases.SMALL_TALK))
    return _instruction(question, rng.choice(phrases.SMALL_TALK[question]))
