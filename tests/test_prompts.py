"""Prompts: what is asked, and asked again; the built-in texts keep what other rooms rely on."""

import json
from pathlib import Path

import pytest
from fakes import paper
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.checks import NOT_STATED, judge
from digest.errors import TemplateError
from digest.models import FIELDS
from digest.prompts import CARD_SCHEMA, LONGEST_REPLY, Prompt, ask, ask_again
from digest.resources import built_in

PROMPT = Prompt(
    system="Write in {{ language }}.",
    user="{% if hint %}Wish: {{ hint }}\n{% endif %}Title: {{ paper.title }}\nAbstract: {{ paper.abstract }}\n",
    repair="Mend:\n{% for problem in problems %}\n- {{ problem }}\n{% endfor %}",
    language="zh-Hans",
)


def ours() -> Prompt:
    system, user, repair = (
        (built_in("prompts") / f"card.{name}.md").read_text(encoding="utf-8") for name in ("system", "user", "repair")
    )
    return Prompt(system, user, repair, language="zh-Hans")


def test_a_request_carries_system_and_user_text_schema_and_subject() -> None:
    """The language is named in its own words."""
    request = ask(PROMPT, paper(title="T", abstract="A."), model="m", parameters={"temperature": 1})
    assert request.messages == (
        {"role": "system", "content": "Write in 简体中文."},
        {"role": "user", "content": "Title: T\nAbstract: A."},
    )
    assert (request.model, request.parameters, request.schema) == ("m", {"temperature": 1}, CARD_SCHEMA)
    assert request.subject == "2603.00001"


def test_the_same_paper_gives_the_same_key_and_a_take_another() -> None:
    """A regeneration must not find the old reply."""
    first, second = ask(PROMPT, paper(), model="m"), ask(PROMPT, paper(), model="m")
    assert first.key == second.key
    assert ask(PROMPT, paper(), model="m", take=1).key != first.key


def test_a_hint_stands_before_the_paper() -> None:
    """What follows the abstract's mark is the abstract and nothing else."""
    request = ask(ours(), paper(), model="m", hint="多写方法")
    text = request.messages[1]["content"]
    assert "多写方法" in text.partition("Title:")[0]
    assert text.endswith(f"\nAbstract: {paper().abstract}")


@settings(deadline=None)
@given(st.text(min_size=1).filter(str.strip))
def test_title_and_abstract_go_in_verbatim(text: str) -> None:
    """Template syntax, quotes and line marks in them stay text."""
    noted = paper(title="A {{ title }} {% raw %}", abstract=f"Abstract: {{{{ 7*7 }}}} {text} end")
    content = ask(ours(), noted, model="m").messages[1]["content"]
    assert content == f"Title: {noted.title}\nAbstract: {noted.abstract}"


def test_the_built_in_system_text_is_the_same_for_all_papers() -> None:
    """A service keeps the beginning of a conversation in its cache."""
    one, other = ask(ours(), paper(), model="m"), ask(ours(), paper("2603.00002", title="Bar"), model="m", hint="h")
    assert one.messages[0] == other.messages[0]


def test_the_built_in_system_text_spells_out_the_form_of_the_reply() -> None:
    """An example object holds the five keys, for services without a schema; the agreed phrase is there."""
    text = ask(ours(), paper(), model="m").messages[0]["content"]
    example = json.loads(text[text.index("{") : text.index("}") + 1])
    assert tuple(example) == FIELDS
    assert NOT_STATED in text
    assert len(text) < 1000


def test_an_echo_of_the_built_in_system_text_is_no_card() -> None:
    """The opening alone is known again."""
    opening = ask(ours(), paper(), model="m").messages[0]["content"][:300]
    assert judge(paper(), json.dumps(dict.fromkeys(FIELDS, opening))).fields is None


def test_asking_again_goes_on_from_the_reply() -> None:
    """Same model, schema and parameters; the reasons are in the last message."""
    request = ask(PROMPT, paper(), model="m", take=2)
    again = ask_again(PROMPT, request, "{}", ["tldr: is missing", "result: 4.1% is not in the abstract"])
    assert again.messages[:2] == request.messages
    assert again.messages[2:] == (
        {"role": "assistant", "content": "{}"},
        {"role": "user", "content": "Mend:\n- tldr: is missing\n- result: 4.1% is not in the abstract"},
    )
    assert (again.model, again.schema, again.parameters, again.take) == (
        request.model,
        request.schema,
        request.parameters,
        2,
    )
    assert again.subject == request.subject
    assert again.key != request.key


def test_the_built_in_repair_text_names_every_problem() -> None:
    """A line for each."""
    request = ask(ours(), paper(), model="m")
    text = ask_again(ours(), request, "{}", ["tldr: is missing", "method: is empty"]).messages[-1]["content"]
    assert "\n- tldr: is missing\n- method: is empty\n" in text


@pytest.mark.parametrize(
    ("reply", "sent"), [("", "…"), (" \n", "…"), ("x" * 10_000, "x" * LONGEST_REPLY), ("a\ud800\x00b", "a?b")]
)
def test_a_failed_reply_is_sent_back_bounded_and_clean(reply: str, sent: str) -> None:
    """Services refuse an empty message or a lone surrogate; a model that ran in a circle must not fill the window."""
    again = ask_again(PROMPT, ask(PROMPT, paper(), model="m"), reply, ["reply: is not JSON"])
    assert again.messages[2]["content"] == sent


@pytest.mark.parametrize(
    ("field", "file", "text", "line"),
    [
        ("system", "card.system.md", "a\nb {{ paper.title }}", 2),
        ("system", "card.system.md", "a\n\n{% if %}", 3),
        ("user", "card.user.md", "{{ paper.title }}\n\n\n{{ paper.nope }}", 4),
        ("user", "card.user.md", "\n{{ 1 / 0 }}", 2),
        ("user", "card.user.md", "\n{{ paper.version + 'x' }}", 2),
    ],
)
def test_a_failing_text_is_named_with_its_line(field: str, file: str, text: str, line: int) -> None:
    """The user finds the place to mend; the system text must not know the paper."""
    texts = {"system": "s", "user": "u", "repair": "r", field: text}
    with pytest.raises(TemplateError, match=rf"^prompts/{file}:{line}: "):
        ask(Prompt(**texts, language="zh-Hans"), paper(), model="m")


def test_a_failing_repair_text_is_named_with_its_line() -> None:
    """It is first rendered when a reply fails."""
    request = ask(PROMPT, paper(), model="m")
    with pytest.raises(TemplateError, match=r"^prompts/card\.repair\.md:2: "):
        ask_again(Prompt("s", "u", "\n{{ reasons }}", "zh-Hans"), request, "{}", ["x"])


def test_the_digest_of_a_prompt_changes_with_each_of_its_texts() -> None:
    """A card's origin tells which wording asked for it."""
    digests = {
        Prompt(**{"system": "s", "user": "u", "repair": "r", "language": "l", **change}).digest
        for change in ({}, {"system": "x"}, {"user": "x"}, {"repair": "x"}, {"language": "x"})
    }
    assert len(digests) == 5
    assert all(len(digest) == 16 for digest in digests)


def test_the_schema_is_strict() -> None:
    """Five required strings and nothing else, as plain JSON."""
    schema = json.loads(json.dumps(dict(CARD_SCHEMA)))
    assert schema["required"] == list(FIELDS) == list(schema["properties"])
    assert schema["additionalProperties"] is False


def test_importing_prompts_does_not_import_the_template_engine() -> None:
    """`digest --help` must not wait for it."""
    source = Path(__file__).parents[1] / "digest" / "prompts.py"
    assert not any(
        line.startswith(("import jinja2", "from jinja2")) for line in source.read_text(encoding="utf-8").splitlines()
    )
