"""Trains the adapter of the small model on pairs of a question and a card, and writes it as GGUF.

    python training/train.py MODEL.gguf pairs.jsonl --out adapter.gguf

Needs torch, transformers, peft and gguf. MODEL is the file that the adapter will be used with: it is read with its
rounding, so that the adapter makes up for that too. Takes minutes on a GPU and about 4 s a pair on two CPU cores. Each
line of standard output is a JSON object: the step, the mean loss of a token of the answers, of training or development
pairs.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

ASK = "\n中文卡片:"  #: stands between question and answer; the chat template of the adapter says it, too
ALPHA = 2  #: the adapter counts so many times, whatever its rank
LAYERS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def asking(question: str) -> str:
    """What the model continues: title and abstract; a hint and terms before them say nothing to it."""
    return question[max(0, question.find("Title: ")) :] + ASK


Example = tuple[list[int], int]  #: the tokens, and how many of them are the question


def examples(rows: Sequence[dict[str, Any]], tokenizer: Any, longest: int) -> list[Example]:
    found = []
    for row in rows:
        asked = tokenizer(asking(row["question"]))["input_ids"]
        answer = tokenizer(row["answer"], add_special_tokens=False)["input_ids"]
        if len(asked) + len(answer) < longest:
            found.append(([*asked, *answer, tokenizer.eos_token_id], len(asked)))
    return found


def batches(found: Sequence[Example], size: int, draw: random.Random) -> Iterator[Sequence[Example]]:
    """Batches of examples of about the same length, in random order."""
    order = sorted(draw.sample(found, len(found)), key=lambda one: len(one[0]) // 64)
    groups = [order[at : at + size] for at in range(0, len(order), size)]
    draw.shuffle(groups)
    yield from groups


class Spoken:
    """The tokens that occur in answers: the loss is taken among them alone, for a grammar keeps the model to them.

    Saves most of the work of the output layer, which has 262,144 rows.
    """

    def __init__(self, parts: Sequence[Sequence[Example]], head: torch.Tensor) -> None:
        known = sorted({token for part in parts for tokens, asked in part for token in tokens[asked:]})
        self.rows = head.detach()[known].clone()
        self.place = torch.full((len(head),), -1, dtype=torch.long, device=head.device)
        self.place[known] = torch.arange(len(known), device=head.device)


def loss_of(model: Any, batch: Sequence[Example], spoken: Spoken, device: str) -> tuple[torch.Tensor, int]:
    """The sum of the losses of the answers' tokens, and their number; no logits are made for the questions."""
    longest = max(len(tokens) for tokens, _ in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros(len(batch), longest, dtype=torch.long)
    is_answer = torch.zeros(len(batch), longest, dtype=torch.bool)
    for row, (tokens, asked) in enumerate(batch):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = torch.tensor(tokens), 1
        is_answer[row, asked : len(tokens)] = True
    ids, mask, is_answer = ids.to(device), mask.to(device), is_answer.to(device)
    hidden = model.get_base_model().model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    logits = hidden[:, :-1][is_answer[:, 1:]] @ spoken.rows.T
    targets = spoken.place[ids[:, 1:][is_answer[:, 1:]]]
    return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum"), len(targets)


def write_adapter(model: Any, file: Path, rank: int, *, about: dict[str, str]) -> None:
    writer = gguf.GGUFWriter(str(file), "gemma3")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(ALPHA * rank))
    for name, value in about.items():
        writer.add_string(f"general.{name}", value)
    weights = {name: value for name, value in model.state_dict().items() if "lora_" in name}
    for name, value in weights.items():
        _, _, rest = name.partition("layers.")
        number, _, rest = rest.partition(".")
        layer, _, side = rest.partition(".lora_")
        array = value.detach().float().cpu().numpy()
        tensor = f"blk.{number}.{LAYERS[layer]}.weight.lora_{side[0].lower()}"
        writer.add_tensor(tensor, array.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--minutes", type=float, default=math.inf, help="at most, for a slow machine")
    parser.add_argument("--longest", type=int, default=1600, help="tokens of a pair at most")
    parser.add_argument("--development", type=int, default=100, help="pairs to measure with")
    parser.add_argument("--all", action="store_true", help="also pairs whose answers hold words that are not copied")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", default="digest draft zh-Hans")
    return parser.parse_args()


def opened(file: Path, rank: int, device: str) -> tuple[Any, Any]:
    """The tokenizer, and the model with a new adapter: its B is zero, so it says what the model says."""
    place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    tokenizer = AutoTokenizer.from_pretrained(**place)
    kind = torch.bfloat16 if device == "cuda" else torch.float32  # the adapter itself stays in 32 bits
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=kind).to(device)
    layers = [layer.rpartition(".")[2] for layer in LAYERS]
    return tokenizer, get_peft_model(model, LoraConfig(r=rank, lora_alpha=ALPHA * rank, target_modules=layers))


def rate_at(done: float) -> float:
    """The share of the rate after a share of the training: up within a thirtieth, then down along a cosine."""
    return min(1.0, 30 * done + 0.05) * (0.02 + 0.98 * (1 + math.cos(math.pi * min(1.0, done))) / 2)


def main() -> None:
    given = arguments()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads or torch.get_num_threads())
    draw = random.Random(given.seed)
    tokenizer, model = opened(given.model, given.rank, device)
    with given.pairs.open(encoding="utf-8") as lines:
        rows = [row for line in lines if (row := json.loads(line))["exact"] or given.all]
    training, development = (
        examples([row for row in rows if row["part"] == part], tokenizer, given.longest)
        for part in ("training", "development")
    )
    development = development[: given.development]
    spoken = Spoken([training, development], model.get_base_model().lm_head.weight)
    weights = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=given.rate, weight_decay=0.01, betas=(0.9, 0.98))
    steps = round(given.epochs * len(training) / given.batch)
    say(pairs=len(training), development=len(development), steps=steps, weights=sum(map(torch.numel, weights)))

    def measured() -> float:
        with torch.no_grad():
            found = [loss_of(model, development[at : at + 8], spoken, device) for at in range(0, len(development), 8)]
        return round(sum(loss.item() for loss, _ in found) / sum(count for _, count in found), 4)

    say(step=0, development=measured())
    began, step, seen, tokens, noted, done = time.monotonic(), 0, 0.0, 0, 0.0, 0.0
    while done < 1:
        for batch in batches(training, given.batch, draw):
            minutes = (time.monotonic() - began) / 60
            done = max(step / steps, minutes / given.minutes)
            if done >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = given.rate * rate_at(done)
            loss, count = loss_of(model, batch, spoken, device)
            (loss / count).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step, seen, tokens = step + 1, seen + loss.item(), tokens + count
            if step % 20 == 0:
                say(step=step, pairs=step * given.batch, training=round(seen / tokens, 4), minutes=round(minutes, 1))
                seen, tokens = 0.0, 0
            if done - noted > 0.2:
                noted = done
                say(step=step, development=measured())
                save(model, given, step)
    say(step=step, pairs=step * given.batch, development=measured(), minutes=round((time.monotonic() - began) / 60, 1))
    save(model, given, step)


def save(model: Any, given: argparse.Namespace, step: int) -> None:
    about = {"name": given.name, "description": f"{step} steps of {given.batch} pairs, rank {given.rank}"}
    write_adapter(model, given.out, given.rank, about=about)


if __name__ == "__main__":
    main()
