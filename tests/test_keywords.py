"""Keywords: what they mean, what arXiv is asked, and how a mistake is told."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.keywords import DEPTH, has_phrase, literal, parse

WORDS = ("gates", "models", "vision language", "survey", "视觉", "Poincaré")
TITLES = st.lists(st.sampled_from((*WORDS, "model", "of", "and")), max_size=4).map(" ".join)


def test_plain_text_is_one_phrase() -> None:
    """The words follow each other in the title or in the abstract; case, hyphens and a plural s are no matter."""
    keyword = parse("Vision Language Model")

    assert keyword.matches("Large vision-language models", "")
    assert keyword.matches("Foo", "A vision language model.")
    assert not keyword.matches("Vision", "Language model")
    assert not keyword.matches("Supervision language model", "")


def test_phrases_match_words_not_parts_of_words() -> None:
    """Case, hyphens and a plural s make no difference; parts of words do."""
    assert has_phrase("State-of-the-art Vision-Language Models (VLMs)", "vision language model")
    assert not has_phrase("revision language models", "vision language model")
    assert not has_phrase("anything", "  ")


@pytest.mark.parametrize(
    ("text", "found", "missed"),
    [
        ("gates AND models", "gates of models", "gates"),
        ("gates OR models", "models", "survey"),
        ("gates NOT survey", "gates", "gates, a survey"),
        ("gates AND NOT survey", "gates", "gates, a survey"),
        ("gates ANDNOT survey", "gates", "gates, a survey"),
        ("NOT survey AND gates", "gates", "survey of gates"),
        ("gates NOT survey NOT models", "gates", "gates of models"),
        ("gates AND (NOT survey)", "gates", "gates, a survey"),
        ("gates AND (models OR NOT survey)", "gates, models, survey", "gates, survey"),
        ("NOT NOT gates", "gates", "models"),
        ("gates OR models AND survey", "gates", "models"),
        ("(gates OR models) AND survey", "survey of gates", "gates"),
        ('"gates and models" OR x', "gates and models", "gates or models"),
        ('"gates AND models"', "gates and models", "models gates"),
        ("“gates” AND （models OR survey）", "gates of models", "gates"),
        ("gates and models", "gates and models", "models gates"),
        ("视觉 AND 模型", "基于视觉的大模型", "视觉语言"),
        ("Poincare", "A Poincaré map", "point care"),
        ("Poincaré", r"A Poincar\'e map", "point care"),
        ("Ti:sapphire", "a Ti:sapphire laser", "sapphire"),
        ("R&D", "R & D", "RD"),
    ],
)
def test_what_an_expression_takes(text: str, found: str, missed: str) -> None:
    """NOT before AND before OR; lower-case and quoted operators are words; Chinese and accents work."""
    assert parse(text).matches(found, "")
    assert not parse(text).matches(missed, "")


@pytest.mark.parametrize(
    ("text", "title", "abstract", "takes"),
    [
        ("ti:gates", "gates", "", True),
        ("ti:gates", "", "gates", False),
        ("abs:gates", "gates", "", False),
        ('abs:"open gates"', "", "open gates", True),
        ("ti:open gates", "open", "gates", False),
        ("ti:(gates OR models) AND survey", "gates", "survey", True),
        ("ti:(gates OR abs:models)", "", "models", True),
        ("ti:(gates OR models)", "", "models", False),
    ],
)
def test_a_prefix_confines_a_phrase_or_a_parenthesis(text: str, title: str, abstract: str, takes: bool) -> None:
    """`ti:` looks in the title alone, `abs:` in the abstract; an inner prefix wins."""
    assert parse(text).matches(title, abstract) is takes


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("open gates", '(ti:"open gates" OR abs:"open gates")'),
        ("ti:a OR ti:b AND ti:c", '(ti:"a" OR (ti:"b" AND ti:"c"))'),
        ("ti:a NOT ti:b NOT abs:c", '(ti:"a" ANDNOT (ti:"b" OR abs:"c"))'),
        ("NOT (ti:a AND NOT ti:b) AND ti:c", '(ti:"c" ANDNOT (ti:"a" ANDNOT ti:"b"))'),
        ("NOT (NOT ti:a OR NOT ti:b)", '(ti:"a" AND ti:"b")'),
        ('ti:"GPT-3.5\\" AND ti:TO', '(ti:"GPT-3.5" AND ti:"to")'),
        ("ti:x\\:y[*]?^~{b}+c", 'ti:"x y b c"'),
        ('ti:"a AND b TO c"', 'ti:"a and b to c"'),
        ("ti:GPT-3.5", 'ti:"GPT-3.5"'),
        ("ti:＂ａ＂", 'ti:"a"'),
        ("ti:视觉语言", 'ti:"视觉语言"'),
    ],
)
def test_what_arxiv_is_asked(text: str, query: str) -> None:
    """Every operation in parentheses, ANDNOT the only negation, nothing in a phrase that arXiv's language knows."""
    assert parse(text).query() == query


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at the end: a phrase is missing"),
        ("  ", "at the end: a phrase is missing"),
        ("gates AND", "at the end: a phrase is missing"),
        ("gates OR OR models", "OR at character 10: a phrase is missing before it"),
        ("AND gates", "AND at character 1: a phrase is missing before it"),
        ("()", ") at character 2: a phrase is missing before it"),
        ("gates (GRU)", "( at character 7: an operator is missing before it"),
        ('"gates" models', "models at character 9: an operator is missing before it"),
        ("gates ti:models", "ti: at character 7: an operator is missing before it"),
        ("((gates)", "( at character 1: the parenthesis is never closed"),
        ("gates)", ") at character 6: it closes nothing"),
        ('gates OR "models', '" at character 10: the quote is never closed'),
        ('gates OR ""', '"" at character 10: a phrase has at least one letter or digit'),
        ("!", "! at character 1: a phrase has at least one letter or digit"),
        ("ti:", "ti: at character 1: a phrase is missing behind it"),
        ("ti: AND gates", "ti: at character 1: a phrase is missing behind it"),
        ("au:lovelace", "au: at character 1: only ti: and abs: are understood"),
        ("NOT survey", "NOT alone"),
        ("gates OR NOT survey", "NOT alone"),
        ("(" * (DEPTH + 1) + "a" + ")" * (DEPTH + 1), f"( at character {DEPTH + 1}: more than {DEPTH} parentheses"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_mend(text: str, said: str) -> None:
    """One line that says at which character what is wrong."""
    with pytest.raises(ValueError, match=rf"^{re.escape(said)}") as caught:
        parse(text)
    assert len(str(caught.value).splitlines()) == 1


def test_parentheses_may_nest_as_deep_as_said() -> None:
    """The limit itself is allowed, and side by side they do not count."""
    assert parse("(" * DEPTH + "gates" + ")" * DEPTH).matches("gates", "")
    assert parse(" OR ".join(["(gates)"] * (DEPTH + 5))).matches("gates", "")


def test_any_text_can_be_taken_literally() -> None:
    """A text of a time before operators is the phrase of its words; one without words is found nowhere."""
    assert literal('gates (GRU) AND "').matches("gates, GRU and", "")
    assert not literal("(!)").matches("(!)", "")


@given(st.text(alphabet=st.characters()) | st.text(alphabet='ab "()“”（）:ANDOT!\\', max_size=60) | TITLES)
def test_any_text_is_an_expression_or_a_mistake(text: str) -> None:
    """Nothing else is raised, and a query's parentheses and quotes are balanced whatever was written."""
    query, told = "", "no mistake"
    try:
        query = parse(text).query()
    except ValueError as error:
        told = str(error)
    assert len(told.splitlines()) == 1
    outside = re.sub(r'"[^"]*"', "", query)
    assert '"' not in outside
    assert outside.count("(") == outside.count(")")
    assert '""' not in query
    assert set(re.findall(r"[^\s():]+", outside)) <= {"ti", "abs", "AND", "OR", "ANDNOT"}


def test_long_chains_and_many_negations_are_read() -> None:
    """Length is no depth: nothing recurses along a chain."""
    assert parse("NOT " * 10_000 + "gates").matches("gates", "")
    assert parse(" AND ".join(["gates"] * 5_000)).matches("gates", "")
    assert parse("gates" + " NOT survey" * 5_000).matches("gates", "")


# What an expression means, told a second time by building text and meaning side by side.
Meaning = Callable[[str, str], bool]
Built = tuple[str, Meaning]


def _phrase(words: str, field: str) -> Built:
    def means(title: str, abstract: str) -> bool:
        return (field != "abs:" and has_phrase(title, words)) or (field != "ti:" and has_phrase(abstract, words))

    return f'{field}"{words}"', means


def _joined(left: Built, sign: str, right: Built) -> Built:
    meanings: dict[str, Meaning] = {
        "AND": lambda *paper: left[1](*paper) and right[1](*paper),
        "OR": lambda *paper: left[1](*paper) or right[1](*paper),
        "NOT": lambda *paper: left[1](*paper) and not right[1](*paper),
    }
    return f"({left[0]}) {sign} ({right[0]})", meanings[sign]


PHRASES = st.builds(_phrase, st.sampled_from(WORDS), st.sampled_from(("", "ti:", "abs:")))
BUILT = st.recursive(
    PHRASES, lambda part: st.builds(_joined, part, st.sampled_from(("AND", "OR", "NOT")), part), max_leaves=8
)


@given(BUILT, TITLES, TITLES)
def test_an_expression_takes_what_its_parts_say(built: Built, title: str, abstract: str) -> None:
    """`matches` is the phrases' own answers joined as written."""
    text, means = built

    assert parse(text).matches(title, abstract) is means(title, abstract)


@given(st.lists(st.sampled_from(("a", "b", "c")), min_size=2, max_size=5), st.data(), st.sets(st.sampled_from("abc")))
def test_operators_bind_as_in_logic(names: list[str], data: st.DataObject, had: set[str]) -> None:
    """Without parentheses NOT comes before AND, and AND before OR, as in Python itself."""
    signs = [data.draw(st.sampled_from((" AND ", " OR ", " AND NOT "))) for _ in names[1:]]
    text = names[0] + "".join(sign + name for sign, name in zip(signs, names[1:], strict=True))
    logic = re.sub(r"\b([abc])\b", lambda name: str(name[1] in had), text)
    expected = eval(logic.replace("AND NOT", "and not").replace("AND", "and").replace("OR", "or"))

    assert parse(text).matches(" ".join(sorted(had)), "") is expected


def _answer(query: str, title: str, abstract: str) -> bool:
    """arXiv's answer to a query: operators without precedence, grouped to the right."""
    tokens = re.findall(r'(?:ti|abs):"[^"]*"|[()]|ANDNOT|AND|OR', query)
    assert "".join(tokens) == re.sub(r' (?=(?:[^"]*"[^"]*")*[^"]*$)', "", query)

    def value() -> bool:
        token = tokens.pop(0)
        if token == "(":
            left = value()
            assert tokens.pop(0) == ")"
        else:
            field, _, phrase = token.partition(":")
            left = has_phrase(title if field == "ti" else abstract, phrase)
        if not tokens or tokens[0] == ")":
            return left
        sign, right = tokens.pop(0), value()
        return left and right if sign == "AND" else left or right if sign == "OR" else left and not right

    answer = value()
    assert not tokens
    return answer


@given(BUILT, TITLES, TITLES)
def test_arxiv_is_asked_for_what_matches(built: Built, title: str, abstract: str) -> None:
    """The query, read as arXiv reads it, takes exactly the papers that `matches` takes."""
    keyword = parse(built[0])

    assert _answer(keyword.query(), title, abstract) is keyword.matches(title, abstract)
