"""The model service, and the second one if there is one: its key, one tiny request, what it understands, its price.

Sends that one request through the engine that a run uses, so that what it learns is remembered; keeps no reply.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .. import accounts, backends
from ..config import Config
from ..engines import abilities
from ..engines.endpoint import Endpoint, endpoint
from ..errors import EX_TEMPFAIL, ConfigError, DigestError, EngineError
from ..models import Completion, Request
from ..plaintext import one_line
from ..prompts import PARAMETERS
from . import AGAIN, ONLINE, Check, Patient

SECONDS = 30.0  #: for the one request, however long a run would wait
SHORTEST = 8  #: characters of a key of any service that wants one
#: The parameters of a card, so that what the service does not take is learnt here; the reply has a few tokens.
QUESTION = (
    {"role": "system", "content": "You answer with one JSON object."},
    {"role": "user", "content": 'Answer with {"answer": "yes"} and nothing else.'},
)
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}

_PLACEHOLDER = re.compile(r"your|change.?me|placeholder|api.?key|x{6}|\.{3}|…|<|>|secret-?here", re.IGNORECASE)
_LASTS = re.compile(r"4(?!08|09|25|29)\d\d\b")  #: begins the words of a refusal that would come again
_AT_ONCE = re.compile(r"out of order for \d+ s: ")  #: of an engine that is given no patience
_LOOK = "check engine.model (DIGEST_MODEL) and engine.base_url (OPENAI_BASE_URL)"


def examine(patient: Patient) -> Iterator[Check]:
    """Yield the checks of the service, then those of the second one, then the budget."""
    places = backends.at_endpoints(patient.config)
    for one in places:
        yield from _service(patient, one, f"{_place(one)} " if len(places) > 1 else "")
    if second := patient.config.on_fallback:
        yield from _service(patient, second, "second ")
    yield budget(patient.config)


def _service(patient: Patient, config: Config, which: str) -> Iterator[Check]:
    """Yield one service's checks."""
    if config.engine.name not in backends.ASKING:
        yield Check(f"{which}service", "ok", f'engine "{config.engine.name}": no service is asked')
        return
    found = key(config, patient.environment, which)
    yield found
    if patient.offline:
        yield Check(f"{which}service", "note", f"{_place(config)}: not asked (--offline)", ONLINE)
        yield from understands(abilities_of(config, patient), which)
    elif found.mark != "wrong":
        yield from _asked(patient, config, which)
    yield price(config, which)


# ------------------------------------------------------------------------------------------ the key


def key(config: Config, environment: Mapping[str, str], which: str = "") -> Check:
    """Whether there is a key, by which variable, and whether it can be one; it is never shown."""
    name, variable = f"{which}key", config.engine.api_key_env
    held = config.api_key.get_secret_value() if config.api_key else ""
    if not held:
        try:
            config.key()
        except ConfigError:
            mend = f"export {variable}=…, or a line {variable}=… in digest.env"
            return Check(name, "wrong", f"{variable} is not set", mend)
        return Check(name, "ok", "none, and none is needed there")
    variable = next((one for one in (variable, "OPENAI_API_KEY") if environment.get(one, "").strip() == held), variable)
    is_local = (there := _endpoint(config)) and there.local  # where anything is a key
    if doubt := None if is_local else implausible(held):
        return Check(name, "wrong", f"{variable} {doubt}", f"copy the key again: {variable}=…, without quotes")
    return Check(name, "ok", f"set by {variable}")


def implausible(held: str) -> str | None:
    """
    Why a text is no key, or None.

    >>> implausible("sk-proj-0123456789"), implausible("'sk-proj-0123456789'"), implausible("sk-xxxxxxxx")
    (None, 'stands in quotes', 'holds a placeholder, and no key')
    """
    if held[0] in "'\"“‘`" or held[-1] in "'\"”’`":
        return "stands in quotes"
    if _PLACEHOLDER.search(held):
        return "holds a placeholder, and no key"
    if not held.isascii() or not held.isprintable() or " " in held:
        return "holds characters that no key has"
    return "is too short for a key" if len(held) < SHORTEST else None


# ------------------------------------------------------------------------------------------ the request


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of the request."""

    completion: Completion
    ability: abilities.Ability | None  #: what the engine has learnt, now or before
    seconds: float
    sent: int  #: requests, those that the service refused included


def _endpoint(config: Config) -> Endpoint | None:
    """Where the service is; None where its address is none."""
    try:
        return endpoint(config.engine.base_url, "x")
    except ConfigError:
        return None


def _place(config: Config) -> str:
    return there.place if (there := _endpoint(config)) else "the service"


def _asked(patient: Patient, config: Config, which: str) -> Iterator[Check]:
    name = f"{which}service"
    try:
        reply = _reply(patient, config)
    except DigestError as error:
        yield refused(name, error, _place(config))
        return
    yield answered(name, reply, config.engine.model, _place(config))
    yield from understands(reply.ability, which, reply.completion.text)


def _reply(patient: Patient, config: Config) -> Reply:
    """
    The answer to the one request.

    Raises:
        DigestError: there is none.
    """
    settings, service = config.engine, config.service
    from ..engines.chat import ChatEngine

    engine = ChatEngine(
        base_url=settings.base_url,
        api_key=config.key(),
        clock=patient.clock,
        concurrency=1,
        timeout_seconds=min(SECONDS, settings.timeout_seconds),
        attempts=1,
        patience_seconds=0.0,
        memory=config.cache / abilities.FILE,
        start=service.start if service else None,
    )
    began = time.monotonic()
    ((_, answer),) = engine.run([Request(settings.model, QUESTION, SCHEMA, PARAMETERS)])
    if isinstance(answer, EngineError):
        raise answer
    seconds = time.monotonic() - began
    return Reply(answer, engine.known.get(settings.model), seconds, engine.sent)


def refused(name: str, error: DigestError, place: str) -> Check:
    """What a request without a reply says."""
    said = _AT_ONCE.sub("", str(error))
    fact = said if said.startswith(place) else f"{place}: {said}"
    if _LASTS.match(str(error)):
        return Check(name, "wrong", fact, _LOOK)
    passes = error.exit_code == EX_TEMPFAIL
    is_kept = passes and _AT_ONCE.search(str(error))  # its hint speaks of a run
    mend = f"{_LOOK}, or try again later" if said.startswith("200 ") else AGAIN if passes else _LOOK
    return Check(name, "wrong", fact, mend if is_kept else error.hint or mend, passes)


def answered(name: str, reply: Reply, model: str, place: str) -> Check:
    """What a reply says."""
    named = one_line(reply.completion.model)[:80]
    as_named = "" if named == model else f" (as {named})"
    tokens = (reply.completion.prompt_tokens or 0) + (reply.completion.completion_tokens or 0)
    used = f", {tokens:,} tokens" if tokens else ""
    tries = f" after {reply.sent - 1} refused" if reply.sent > 1 else ""
    return Check(name, "ok", f"{place}: {model}{as_named} answers in {reply.seconds:.1f} s{tries}{used}")


def abilities_of(config: Config, patient: Patient) -> abilities.Ability | None:
    """What the service is known to understand, from the file that runs use."""
    if (there := _endpoint(config)) is None:
        return None
    known = abilities.Abilities(config.cache / abilities.FILE, there.base_url, patient.clock)
    return known.recall(config.engine.model)


def understands(known: abilities.Ability | None, which: str = "", text: str | None = None) -> Iterator[Check]:
    """Yield what a service has been found to understand; `text` is a reply that was asked for so."""
    name = f"{which}formats"
    if known is None:
        yield Check(name, "note", "not known yet whether it understands JSON schemas", "a run learns it")
        return
    without = f"; it does not take {', '.join(known.without)}" if known.without else ""
    if known.format == "json_schema":
        if text is None or _keeps_to_schema(text):
            yield Check(name, "ok", f"JSON schemas{without}")
        else:
            fact = f"it takes a JSON schema, but does not keep to it{without}"
            yield Check(name, "note", fact, "replies are read all the same; more of them may be asked a second time")
    elif known.format:
        yield Check(name, "ok", f"JSON mode, no schemas{without}")
    else:
        mend = "nothing to do: cards are asked for in plain text, and more of them a second time"
        yield Check(name, "note", f"neither JSON schemas nor JSON mode{without}", mend)


def _keeps_to_schema(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("answer"), str)


# ------------------------------------------------------------------------------------------ money


def price(config: Config, which: str = "") -> Check:
    """Whether it is known what the model costs, and who says so."""
    name, model = f"{which}price", backends.model_of(config)
    known = backends.known_price(config)
    if known is not None:
        return Check(name, "ok", accounts.price(known, model))
    mend = f'[prices."{model}"] in digest.toml: input, cached, output and currency, for a million tokens'
    if config.budget.is_money:
        return Check(name, "wrong", f"no price of {model} is known, and the budget needs one", mend)
    return Check(name, "note", f"no price of {model} is known: money is not counted", mend)


def budget(config: Config) -> Check:
    """What may be spent."""
    if config.engine.name == "local" and not config.on_fallback:
        return Check("budget", "ok", "none is needed: on this machine nobody is paid")
    known = backends.known_price(config)
    currency = known.currency if known else ""
    limits = {name: value for name, value in config.budget.model_dump().items() if value is not None}
    if not limits:
        return Check("budget", "ok", "no limit is set")
    said = (f"{_amount(value)} {'tokens' if name.startswith('tokens') else currency}" for name, value in limits.items())
    spans = (f"a {name.rpartition('_')[2]}" for name in limits)
    return Check("budget", "ok", ", ".join(f"{one.strip()} {span}" for one, span in zip(said, spans, strict=True)))


def _amount(value: float) -> str:
    """
    A number as it was set.

    >>> _amount(5.0), _amount(0.25), _amount(20_000_000)
    ('5', '0.25', '20,000,000')
    """
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")
