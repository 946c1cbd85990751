"""The engine for a model on this machine, with a stand-in for the library; once with the real one, where it is."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fakes import NOON, paper, reply
from llama import Library, chunks

from digest import drafts, prompts, weights
from digest.checks import judge
from digest.engines import open_engine
from digest.engines.local import body_of, completion_of
from digest.errors import ConfigError, EngineError
from digest.hooks import TOKENS
from digest.models import Completion, Request
from digest.weights import Weights

DRAFT = Weights(Path("g.gguf"), "gemma-3-270m-zh-Hans-1", "0" * 64, Path("a.gguf"), "{{ bos_token }}", draft=True)
OWN = Weights(Path("own.gguf"), "own", "1" * 64)
PROMPT = prompts.Prompt("{{ tag }}", "Title: {{ paper.title }}\nAbstract: {{ paper.abstract }}", "again", "zh-Hans")


def card_request(number: int = 1, **fields: Any) -> Request:
    return prompts.ask(PROMPT, paper(f"2603.{number:05d}", **fields), model="m")


def repair_of(request: Request) -> Request:
    return prompts.ask_again(PROMPT, request, "{", ("reply: is no JSON",))


def use(monkeypatch: pytest.MonkeyPatch, library: Library) -> Library:
    monkeypatch.setitem(sys.modules, "xllamacpp", library)
    return library


def engine(weights: Weights = DRAFT, **settings: Any) -> Any:
    return open_engine("local", **{"clock": lambda: NOON, "weights": weights, "script": "Hans", **settings})


# ---- what is asked ---------------------------------------------------------------------------------------------


def test_the_draft_model_sees_the_first_question_alone() -> None:
    """No system text, no earlier reply and no reasons: it has not learnt to read them."""
    first = card_request()

    for request in (first, repair_of(first)):
        assert body_of(request, DRAFT, "Hans")["messages"] == [dict(first.messages[1])]


def test_another_model_sees_all_there_is() -> None:
    """A model of the user's own can mend what it is told is wrong."""
    request = repair_of(card_request())

    assert body_of(request, OWN, "Hans")["messages"] == list(map(dict, request.messages))


def test_the_same_request_has_the_same_seed_and_a_repair_another_one() -> None:
    """A request gives the same reply again; a repair, which the draft model sees as the same question, does not."""
    first = card_request()
    seeds = [body_of(one, DRAFT, "Hans")["seed"] for one in (first, card_request(), repair_of(first))]

    assert seeds[0] == seeds[1] != seeds[2]
    assert all(0 <= seed < 2**32 - 1 for seed in seeds)  # the greatest means a random one


def test_a_chinese_reply_is_held_to_a_grammar_with_the_figures_of_the_question() -> None:
    """Five fields, Chinese signs, and no figure that the paper does not have."""
    body = body_of(card_request(abstract="We gain 3.5%."), DRAFT, "Hans")

    assert "response_format" not in body
    assert all(name in body["grammar"] for name in ("tldr", "conclusion", "3.5"))


def test_an_english_reply_is_held_to_its_schema() -> None:
    """Where no grammar is known for the script, the five fields are asked for all the same."""
    body = body_of(card_request(), OWN, "Latn")

    assert "grammar" not in body
    assert body["response_format"]["json_schema"]["schema"]["required"][0] == "tldr"


def test_a_draft_is_short_and_keeps_nothing_of_the_question_before() -> None:
    """A card that goes on for long is a circle; and what is kept from before would change the reply."""
    drafted, other = (body_of(card_request(), one, "Hans") for one in (DRAFT, OWN))

    assert drafted["max_tokens"] < other["max_tokens"] == prompts.PARAMETERS["max_tokens"]
    assert (drafted["cache_prompt"], other["cache_prompt"]) == (False, True)


# ---- what comes back -------------------------------------------------------------------------------------------


def test_every_request_is_answered_once_and_in_the_model_s_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several at once, each with its own text, its tokens and its time."""
    use(monkeypatch, Library())
    requests = [card_request(number, title=f"Paper {number}") for number in range(1, 6)]
    answers = {request.key: answer for request, answer in engine(concurrency=2).run(requests)}

    assert len(answers) == len(requests)
    for answer in answers.values():
        assert isinstance(answer, Completion)
        assert (answer.text, answer.engine, answer.model) == (reply(), "local", DRAFT.name)
        assert (answer.created, answer.finish_reason, answer.prompt_tokens) == (NOON, "stop", 60)


def test_requests_are_taken_as_slots_get_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long day is not drawn into memory at once, and a repair comes before the next paper."""
    use(monkeypatch, Library())
    taken: list[int] = []

    def requests() -> Iterator[Request]:
        for number in range(1, 6):
            taken.append(number)
            yield card_request(number)

    answers = engine().run(requests())
    next(answers)

    assert taken == [1]
    answers.close()


def test_what_the_library_refuses_is_a_failure_of_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paper too long for the context stays without a card; the next one has its own."""
    too_long = {"error": {"code": 400, "message": "request (6002 tokens) exceeds\nthe available context size"}}
    use(monkeypatch, Library(lambda body: [too_long] if "endless" in str(body["messages"]) else chunks(reply())))
    answers = [answer for _, answer in engine().run([card_request(1, abstract="endless"), card_request(2)])]

    assert isinstance(answers[0], EngineError)
    assert str(answers[0]).endswith("request (6002 tokens) exceeds the available context size")
    assert isinstance(answers[1], Completion)


@pytest.mark.parametrize("said", [[], [None], [{"choices": []}], [{"choices": [{"delta": {"content": "x"}}]}], ["?"]])
def test_half_a_reply_is_none(said: list[Any]) -> None:
    """Without an end there is no reply, whatever came before."""
    assert isinstance(completion_of(said, "m", NOON), EngineError)


def test_a_reply_at_its_limit_says_so() -> None:
    """So that the checks know why it is no whole JSON."""
    answer = completion_of(chunks('{"tldr":"', "length"), "m", NOON)

    assert isinstance(answer, Completion)
    assert (answer.text, answer.finish_reason) == ('{"tldr":"', "length")


def test_a_note_on_a_change_is_no_work_for_the_draft_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and does not write something else."""
    library = use(monkeypatch, Library())
    request = Request("m", ({"role": "user", "content": "q"},), schema=dict(prompts.NOTE_SCHEMA), subject="2603.00001")
    ((_, answer),) = engine().run([request])

    assert isinstance(answer, EngineError)
    assert not library.asked


def test_a_caller_who_goes_away_stops_the_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is paid, so what is under way need not come in."""
    endless: list[dict[str, Any]] = [{"choices": [{"delta": {"content": "x"}}]}] * 10_000_000
    library = use(monkeypatch, Library(lambda body: endless if "endless" in str(body["messages"]) else chunks(reply())))
    answers = engine(concurrency=2).run([card_request(1), card_request(2, abstract="endless")])
    next(answers)
    answers.close()

    assert library.stopped == 1


def test_the_tokens_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many have come; not by the thread that writes them."""
    use(monkeypatch, Library())
    told: list[tuple[str, int, int]] = []
    list(engine(watch=lambda *one: told.append(one)).run([card_request()]))

    assert told
    assert {stage for stage, *_ in told} == {TOKENS}
    assert told[-1][1] > 10


# ---- loading ---------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_before_something_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run from disk alone needs no model."""
    library = use(monkeypatch, Library())
    assert list(engine().run([])) == []
    assert not library.loaded


def test_a_model_is_loaded_once_with_its_adapter_template_and_share_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each slot has the whole context, and no prompt is kept beside."""
    library = use(monkeypatch, Library())
    one = engine(concurrency=2, context=2048, threads=3)
    list(one.run([card_request(1)]))
    list(one.run([card_request(2)]))
    (params,) = library.loaded

    assert (params.model.path, params.lora_adapters, params.chat_template) == (
        "g.gguf",
        [("a.gguf", 1.0)],
        DRAFT.template,
    )
    assert (params.n_parallel, params.n_ctx, params.cpuparams.n_threads) == (2, 4096, 3)
    assert (params.cache_ram_mib, params.verbosity) == (0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="there it is loopback")
def test_what_the_library_listens_on_is_gone_when_it_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No port, a socket in a folder of our own that is removed, and a key besides."""
    library = use(monkeypatch, Library())
    list(engine().run([card_request()]))
    (params,) = library.loaded
    (place,) = params.hostnames

    assert place.endswith(".sock")
    assert not Path(place).parent.exists()
    assert len(params.api_keys[0]) == 64


def test_a_model_that_can_t_be_loaded_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the file, as the library says nothing more."""
    use(monkeypatch, Library(broken=True))
    with pytest.raises(ConfigError, match=r"^own\.gguf: the model can't be loaded"):
        list(engine(OWN).run([card_request()]))


def test_a_library_that_can_t_be_loaded_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a system library is missing."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ConfigError, match=r"^xllamacpp can't be loaded: "):
        list(engine(OWN).run([card_request()]))


@pytest.mark.weights
def test_the_real_model_writes_a_card_of_five_fields(tmp_path: Path) -> None:
    """As a whole: the package's weights, our adapter, the grammar; nothing of it on the network."""
    if not all(map(find_spec, ("xllamacpp", drafts.PACKAGE))) or not (drafts.ADAPTERS / "zh-Hans.gguf").exists():
        pytest.skip("the extra local is not installed")
    found = weights.find("draft", "zh-Hans", tmp_path)
    about = paper(abstract="Long sequences make attention unstable. Foo adds a gate and gains 3.5% on LongBench.")
    request = prompts.ask(PROMPT, about, model=found.name)
    ((_, answer),) = engine(found).run([request])  # one thread: others wait for a core in a loop

    assert isinstance(answer, Completion)
    assert judge(about, answer.text, finish_reason=answer.finish_reason).fields is not None
