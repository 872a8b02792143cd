from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from guise.harmless import project_adapter
from guise.models.errors import GuiseError, InputError
from tests.harmless.adapters.files import PREFIX, low_rank, save_adapter, save_model

NAMES = [f"model.layers.{index}.self_attn.q_proj" for index in range(3)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Three layers of 16 x 12: the alignment moved all of the first, two directions of the second, one of the third."""
    torch.manual_seed(0)
    base = {f"{name}.weight": torch.randn(16, 12) for name in NAMES}
    change = [torch.randn(16, 12), low_rank(16, 12, 2, 1), low_rank(16, 12, 1, 2)]
    aligned = {key: base[key] + moved for key, moved in zip(base, change, strict=True)}
    save_model(tmp_path / "base", base, shards=2)
    save_model(tmp_path / "aligned", aligned | {"lm_head.weight": torch.randn(4, 12)})
    pairs = {name: (torch.randn(2, 12), torch.randn(16, 2)) for name in NAMES}
    save_adapter(tmp_path / "adapter", pairs)
    (tmp_path / "adapter" / "README.md").write_text("mine")
    return tmp_path


def where(place: Path) -> dict[str, Path]:
    return {"base": place / "base", "aligned": place / "aligned"}


def test_only_layers_below_the_threshold_change_and_everything_else_is_kept(place: Path) -> None:
    before = {path.name: path.read_bytes() for path in (place / "adapter").iterdir()}
    report = project_adapter(place / "adapter", **where(place), out=place / "out", threshold=0.6)
    first, second, third = report.layers
    assert [each.rank for each in report.layers] == [12, 2, 1] and first.outputs == 16
    assert first.cosine > 0.6 > max(second.cosine, third.cosine) and not first.projected
    assert second.projected and second.cosine_after == pytest.approx(1, abs=1e-5) and first.cosine_after is None
    old, new = (load_file(place / folder / "adapter_model.safetensors") for folder in ("adapter", "out"))
    for layer, name in zip(report.layers, NAMES, strict=True):
        a, b = (f"{PREFIX}{name}.lora_{letter}.weight" for letter in "AB")
        assert torch.equal(old[a], new[a]) and torch.equal(old[b], new[b]) != layer.projected
        moved = load_file(place / "aligned" / "model-00001-of-00001.safetensors")[f"{name}.weight"]
        if layer.projected:
            base = next(t for f in (place / "base").iterdir() for k, t in load_file(f).items() if k == f"{name}.weight")
            left = torch.linalg.svd(moved - base)[0][:, : layer.rank]
            torch.testing.assert_close(new[b], left @ left.T @ old[b], rtol=1e-4, atol=1e-4)
    assert (place / "out" / "README.md").read_text() == "mine"
    assert json.loads((place / "out" / "projection.json").read_text()) == json.loads(report.to_json())
    assert before == {path.name: path.read_bytes() for path in (place / "adapter").iterdir()}
    again = project_adapter(place / "out", **where(place), threshold=0.6)
    assert not any(layer.projected for layer in again.layers)


def test_the_lowest_layers_are_chosen_by_their_number_and_inspection_writes_nothing(place: Path) -> None:
    held = sorted(place.rglob("*"))
    report = project_adapter(place / "adapter", **where(place), lowest=1)
    chosen = [layer for layer in report.layers if layer.projected]
    assert [layer.cosine for layer in chosen] == [min(layer.cosine for layer in report.layers)]
    assert not any(layer.projected for layer in project_adapter(place / "adapter", **where(place), lowest=0).layers)
    assert sorted(place.rglob("*")) == held


def test_matrices_that_a_model_stores_transposed_are_turned(tmp_path: Path) -> None:
    torch.manual_seed(0)
    base, change = torch.randn(12, 16), low_rank(12, 16, 2, 3)
    save_model(tmp_path / "base", {"h.0.attn.c_attn.weight": base})
    save_model(tmp_path / "aligned", {"transformer.h.0.attn.c_attn.weight": base + change})
    pair = {"transformer.h.0.attn.c_attn": (torch.randn(2, 12), torch.randn(16, 2))}
    save_adapter(tmp_path / "adapter", pair, fan_in_fan_out=True)
    (layer,) = project_adapter(tmp_path / "adapter", **where(tmp_path)).layers
    assert (layer.rank, layer.outputs) == (2, 16)


def test_bad_input_is_one_line(place: Path) -> None:
    there, adapter = where(place), place / "adapter"
    for options, words in (
        ({"threshold": 2.0}, "`threshold=2` is no share"),
        ({"base": place / "adapter"}, r"adapter has no model\.layers\.0\.self_attn\.q_proj\.weight"),
        ({"aligned": place / "base"}, "no update lies in what separates"),
        ({"out": place / "adapter"}, "is there already"),
        ({"out": place / "base" / "in"}, r"and model folder .* away from the models"),
        ({"out": adapter / "in"}, r"and adapter folder .* away from the adapters"),
        ({"energy": 0.9, "projection": "paper"}, "`energy=0.9` counts directions of the orthogonal projection"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            project_adapter(adapter, **(there | options))  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"holds no adapter_config\.json"):
        project_adapter(place / "base", **there)
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "use_dora": True}))
    with pytest.raises(InputError, match="adapter of DoRA"):
        project_adapter(adapter, **there)


def test_weights_that_are_no_sound_numbers_are_told(place: Path) -> None:
    sound = load_file(place / "aligned" / "model-00001-of-00001.safetensors")
    weight = sound[f"{NAMES[1]}.weight"]
    for name, change, words in (
        (
            "damaged",
            weight.masked_fill(weight > 1, torch.inf),
            r"q_proj\.weight of .*damaged holds values that are not",
        ),
        ("quantised", weight.to(torch.int8), r"q_proj\.weight of .*quantised is int8, as quantised models have it"),
    ):
        save_model(place / name, sound | {f"{NAMES[1]}.weight": change})
        with pytest.raises(GuiseError, match=words) as caught:
            project_adapter(place / "adapter", base=place / "base", aligned=place / name)
        assert "\n" not in str(caught.value)
    pairs = {name: (torch.randn(2, 12), torch.full((16, 2), torch.nan)) for name in NAMES}
    with pytest.raises(GuiseError, match=r"lora_B\.weight of .*broken holds values that are not finite"):
        project_adapter(save_adapter(place / "broken", pairs), **where(place))


@pytest.mark.filterwarnings("ignore")  # of these libraries about one another
def test_a_merged_llama_equals_one_that_is_projected_by_hand(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    peft = pytest.importorskip("peft", reason="needs peft")
    torch.manual_seed(0)
    small = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": 32,
    }
    base = transformers.LlamaForCausalLM(transformers.LlamaConfig(**small, num_key_value_heads=2))
    base.save_pretrained(tmp_path / "base")
    for name, weight in base.named_parameters():
        if name.endswith("q_proj.weight") or name.endswith("down_proj.weight"):
            weight.data += low_rank(*weight.shape, 3, len(name))
    base.save_pretrained(tmp_path / "aligned")
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    peft.get_peft_model(base, config).save_pretrained(tmp_path / "adapter")
    report = project_adapter(tmp_path / "adapter", **where(tmp_path), out=tmp_path / "out", threshold=1.0)
    assert len(report.layers) == 4 and all(layer.projected for layer in report.layers)

    def merged(adapter: Path) -> torch.nn.Module:
        model = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "aligned")
        return peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()  # type: ignore[no-any-return]

    before = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "base").state_dict()
    plain = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "aligned")
    state = plain.state_dict()
    tuned = merged(tmp_path / "adapter").state_dict()
    for name, weight in state.items():
        update = tuned[name] - weight
        if float(update.abs().max()) > 1e-7:
            left = torch.linalg.svd(weight - before[name])[0][:, :3]
            state[name] = weight + left @ left.T @ update
    plain.load_state_dict(state)
    tokens = torch.arange(8)[None]
    with torch.no_grad():
        torch.testing.assert_close(merged(tmp_path / "out")(tokens).logits, plain(tokens).logits, rtol=1e-4, atol=1e-4)
