"""Prompts: what is asked, and asked again; the built-in texts keep what other rooms rely on."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import paper
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import resources
from digest.checks import judge, judge_note
from digest.errors import TemplateError
from digest.glossary import MOST, read
from digest.languages import language_of
from digest.models import FIELDS
from digest.prompts import (
    CARD_SCHEMA,
    LONGEST_REPLY,
    NOTE_FIELDS,
    NOTE_PARAMETERS,
    NOTE_SCHEMA,
    Prompt,
    ask,
    ask_again,
    ask_change,
    files,
)
from digest.resources import built_in

PROMPT = Prompt(
    system="Write in {{ language }}.",
    user="{% if hint %}Wish: {{ hint }}\n{% endif %}Title: {{ paper.title }}\nAbstract: {{ paper.abstract }}\n",
    repair="Mend:\n{% for problem in problems %}\n- {{ problem }}\n{% endfor %}",
    language="zh-Hans",
)


def ours(name: str = "card") -> Prompt:
    system, user, repair = (
        (built_in("prompts") / f"{name}.{part}.md").read_text(encoding="utf-8") for part in ("system", "user", "repair")
    )
    return Prompt(system, user, repair, language="zh-Hans", name=name)


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


def test_the_key_of_a_card_never_changes() -> None:
    """Replies on users' disks are found by it, those to a repair, too."""
    request = ask(PROMPT, paper(), model="m")
    assert request.key == "e20277a250d8cff220be236d0159263627ea0c3c7103ab5ebc66cc8a749a4880"
    again = ask_again(PROMPT, request, "{}", ["x"])
    assert again.key == "3da489c96db347f7295c50be1afb48da5f091c1e080a216622f3bc8760d5c2ab"


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


TERMS = read("attention = 注意力 = 关注\nTransformer = Transformer = 变压器\ntoken = 词元", "t")


def test_the_terms_of_a_paper_stand_before_it() -> None:
    """With the translation that the table fixes; the system text stays the same, and so does the paper's."""
    prompt = replace(ours(), glossary=TERMS)
    told = ask(prompt, paper(title="Transformers", abstract="Attention for all."), model="m", hint="短")
    user = told.messages[1]["content"]
    assert user.endswith("\n\nTitle: Transformers\nAbstract: Attention for all.")
    assert "Transformer 不译；attention 注意力\n\nTitle:" in user
    assert "token" not in user
    assert user.index("短") < user.index("注意力")
    assert told.messages[0] == ask(ours(), paper(), model="m").messages[0]


def test_a_paper_without_terms_is_asked_about_as_without_a_glossary() -> None:
    """Its replies on disk are found again."""
    plain = paper(title="Foo", abstract="Bar.")
    assert ask(replace(ours(), glossary=TERMS), plain, model="m") == ask(ours(), plain, model="m")


def test_only_so_many_terms_are_given() -> None:
    """A paper that uses the whole table still gets a short list."""
    letters = [f"{one}{other}" for one in "abcdefgh" for other in "uvwxyz"]
    table = read("\n".join(f"{name} = 译{name}" for name in letters), "t")
    request = ask(replace(ours(), glossary=table), paper(abstract=" ".join(letters)), model="m")
    assert f"译{letters[MOST - 1]}" in request.messages[1]["content"]
    assert f"译{letters[MOST]}" not in request.messages[1]["content"]


def test_the_system_text_is_rendered_once() -> None:
    """The same object for every paper: a day's requests share it."""
    one, other = (ask(ours(), paper(arxiv_id), model="m") for arxiv_id in ("2603.00001", "2603.00002"))
    assert one.messages[0]["content"] is other.messages[0]["content"]


def test_the_built_in_system_text_is_the_same_for_all_papers() -> None:
    """A service keeps the beginning of a conversation in its cache."""
    one, other = ask(ours(), paper(), model="m"), ask(ours(), paper("2603.00002", title="Bar"), model="m", hint="h")
    assert one.messages[0] == other.messages[0]


def test_the_built_in_system_text_spells_out_the_form_of_the_reply() -> None:
    """An example object holds the five keys, for services without a schema; the agreed phrase is there."""
    text = ask(ours(), paper(), model="m").messages[0]["content"]
    example = json.loads(text[text.index("{") : text.index("}") + 1])
    assert tuple(example) == FIELDS
    assert language_of("zh-Hans").not_stated in text
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
    texts: dict[str, Any] = {"system": "s", "user": "u", "repair": "r", field: text}
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
        replace(Prompt("s", "u", "r", "l"), **change).digest
        for change in ({}, {"system": "x"}, {"user": "x"}, {"repair": "x"}, {"language": "x"}, {"glossary": TERMS})
    }
    assert len(digests) == 6
    assert all(len(digest) == 16 for digest in digests)


@pytest.mark.parametrize(("schema", "names"), [(CARD_SCHEMA, FIELDS), (NOTE_SCHEMA, NOTE_FIELDS)])
def test_a_schema_is_strict(schema: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Required strings and nothing else, as plain JSON."""
    plain = json.loads(json.dumps(dict(schema)))
    assert plain["required"] == list(names) == list(plain["properties"])
    assert plain["additionalProperties"] is False


def test_importing_prompts_does_not_import_the_template_engine() -> None:
    """`digest --help` must not wait for it."""
    source = Path(__file__).parents[1] / "digest" / "prompts.py"
    assert not any(
        line.startswith(("import jinja2", "from jinja2")) for line in source.read_text(encoding="utf-8").splitlines()
    )


# ------------------------------------------------------------------------------------------ what a version changed

BEFORE, AFTER = paper(title="Old", abstract="We gain 3.5%."), paper(title="New", abstract="We gain 4.1%.", version=2)


def test_a_change_is_asked_about_with_both_texts() -> None:
    """The old text before the new one, each on its lines and at the end of the message; small, and with its schema."""
    request = ask_change(ours("change"), BEFORE, AFTER, model="m")
    assert request.messages[1]["content"] == (
        "Old title: Old\nOld abstract: We gain 3.5%.\n\nNew title: New\nNew abstract: We gain 4.1%."
    )
    assert (request.model, request.schema, request.parameters) == ("m", NOTE_SCHEMA, NOTE_PARAMETERS)
    assert request.subject == AFTER.arxiv_id


@pytest.mark.parametrize("change", [{"title": "Other"}, {"abstract": "Other."}])
def test_each_text_of_a_change_shapes_its_key(change: dict[str, str]) -> None:
    """Another text on either side is another question; the same two are the same one."""

    def key(before: Any = BEFORE, after: Any = AFTER) -> str:
        return ask_change(ours("change"), before, after, model="m").key

    other = (BEFORE.model_copy(update=change), AFTER.model_copy(update=change))
    assert len({key(), key(before=other[0]), key(after=other[1])}) == 3
    assert key() == key()


def test_template_syntax_in_either_text_stays_text() -> None:
    """As in a card's request."""
    hostile = paper(title="{{ before }} {% raw %}", abstract="New title: {{ 7*7 }} end")
    content = ask_change(ours("change"), hostile, hostile, model="m").messages[1]["content"]
    assert content.count("{{ before }} {% raw %}") == content.count("New title: {{ 7*7 }} end") == 2


def test_the_built_in_text_on_changes_spells_out_the_form_of_the_reply() -> None:
    """An example object holds the two keys; all papers get the same text, and the phrases that it asks for pass."""
    text = ask_change(ours("change"), BEFORE, AFTER, model="m").messages[0]["content"]
    example = json.loads(text[text.index("{") : text.index("}") + 1])
    assert tuple(example) == NOTE_FIELDS
    assert len(text) < 1000
    assert text == ask_change(ours("change"), AFTER, paper("2603.00002"), model="m").messages[0]["content"]
    assert {"仅措辞调整", "无其他实质变动"} <= set(re.findall("“([^”]+)”", text))
    agreed = json.dumps({"headline": "仅措辞调整", "other": "无其他实质变动"})
    assert judge_note(BEFORE, AFTER, agreed).problems == ()


def test_an_echo_of_the_text_on_changes_is_no_note() -> None:
    """Neither its opening nor its example object."""
    text = ask_change(ours("change"), BEFORE, AFTER, model="m").messages[0]["content"]
    assert judge_note(BEFORE, AFTER, json.dumps({"headline": text[:100], "other": text[:60]})).fields is None
    assert judge_note(BEFORE, AFTER, text).fields is None


def test_the_repair_of_a_note_names_every_problem() -> None:
    """It goes on from the reply with the texts of its own prompt."""
    request = ask_change(ours("change"), BEFORE, AFTER, model="m")
    again = ask_again(ours("change"), request, "{}", ["headline: is missing", "other: is empty"])
    assert "\n- headline: is missing\n- other: is empty\n" in again.messages[-1]["content"]
    assert "headline" in again.messages[-1]["content"].rpartition("\n")[2]
    assert (again.schema, again.parameters) == (request.schema, request.parameters)


@pytest.mark.parametrize("part", ["system", "user", "repair"])
def test_a_failing_text_on_changes_is_named(part: str) -> None:
    """The user finds the file among his own."""
    texts: dict[str, Any] = {"system": "s", "user": "u", "repair": "r", part: "\n{{ nope }}"}
    prompt = Prompt(**texts, language="zh-Hans", name="change")
    with pytest.raises(TemplateError, match=rf"^prompts/change\.{part}\.md:2: "):
        ask_again(prompt, ask_change(prompt, BEFORE, AFTER, model="m"), "{}", ["x"])


PARTS = ("system", "user", "repair")


def prompt_of(name: str, language: str, home: Path) -> Prompt:
    """The texts that a language gets."""
    found = (files(f"{name}.{part}", language) for part in PARTS)
    system, user, repair = (resources.read("prompts", first, home, *others) for first, *others in found)
    return Prompt(system, user, repair, language=language, name=name)


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "ja", "ko", "en", "de", "pt-BR", "ar"])
def test_each_language_is_asked_for_by_name_with_its_own_phrase(language: str, tmp_path: Path) -> None:
    """The instructions are Chinese for Chinese and English for all others; nothing is left open in them."""
    about = language_of(language)
    card = ask(prompt_of("card", language, tmp_path), paper(), model="m")
    note = prompt_of("change", language, tmp_path)
    change = ask_change(note, paper(), paper(version=2), model="m")
    systems = [one.messages[0]["content"] for one in (card, change, ask_again(note, change, "x", ["y"]))]

    assert all(about.name in said for said in systems)
    assert about.not_stated in systems[0]
    assert about.lengths.tldr in systems[0]
    assert about.lengths.headline in systems[1]
    assert ("学术编辑" in systems[0]) is (about.root == "zh")
    assert not any("{{" in said or "{%" in said for said in systems)


def test_a_text_of_the_users_wins_over_ours_also_in_another_language(tmp_path: Path) -> None:
    """One for all languages is enough; one for a language is better."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "card.system.md").write_text("mine", encoding="utf-8")
    assert prompt_of("card", "ja", tmp_path).system == "mine"
    (tmp_path / "prompts" / "card.system.ja.md").write_text("mine for ja", encoding="utf-8")

    assert prompt_of("card", "ja", tmp_path).system == "mine for ja"
    assert prompt_of("card", "zh-Hans", tmp_path).system == "mine"
    assert prompt_of("card", "ja", tmp_path).repair == prompt_of("card", "ja", tmp_path / "none").repair


def test_a_prompt_without_the_paper_is_refused() -> None:
    """Every paper would get the same card."""
    with pytest.raises(TemplateError, match=r"card\.user\.md: has neither"):
        ask(Prompt(system="s", user="Hello.", repair="r", language="zh-Hans"), paper(), model="m")
