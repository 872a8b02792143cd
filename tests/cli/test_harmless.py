from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from guise.cli.main import guise
from tests.cli.command_line import Outcome, call, check_refused, hashes, unfinished

HERE = Path(__file__).parents[1] / "harmless"


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/harmless/tiny.py can be imported by name."""
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])


def harmless(*arguments: str | Path) -> Outcome:
    return call(guise, "harmless", *arguments)


def generate(photos: Path, out: Path, *arguments: str | Path, model: str = "tiny:patches") -> Outcome:
    before = hashes(photos)
    outcome = harmless("generate", "--model", model, "--images", photos, "--out", out, "--input", "3x32x32", *arguments)
    assert hashes(photos) == before and unfinished(out.parent) == []
    return outcome


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    picture = Image.fromarray(astronaut()[:200, 130:330])
    picture.resize((32, 32)).save(folder / "a.jpg", quality=95)
    picture.resize((32, 32)).convert("L").save(folder / "sub" / "b.png")
    return folder


def test_inspect_tells_what_is_ignored(tmp_path: Path) -> None:
    outcome = harmless("inspect", "tiny:patches", "--input", "3x32x32", "--json", "--plot", tmp_path / "spectrum.png")
    (space,) = outcome.report["spaces"]
    assert (space["n"], space["m"], space["formula"], space["measured"]) == (3072, 768, 2304, 2304)
    assert space["leakage"] < 1e-14 and space["spectrum_deciles"][0] > space["spectrum_deciles"][10] > 0
    with Image.open(tmp_path / "spectrum.png", formats=["PNG"]) as image:
        assert image.width > 600
    table = harmless("inspect", "tiny:everything", "--input", "3x32x32")
    assert table.code == 0 and "0.0%" in table.stdout
    grey = harmless("inspect", "tiny:everything", "--input", "3x32x32", "--preprocess", "gray")
    assert grey.code == 0 and "2048" in grey.stdout and "66.7%" in grey.stdout


def test_table_plot_and_report_call_layers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    from guise.cli.harmless import inspect as command

    drawn: list[str] = []
    monkeypatch.setattr(command, "_draw", lambda spaces, _: drawn.extend(space.name for space in spaces))
    outcome = harmless("inspect", "tiny:Joint", "--input", "3x32x32", "--plot", "spectrum.png", "--json")
    names = [space["name"] for space in outcome.report["spaces"]]
    assert drawn == names == ["joint", "other", "joint"]
    assert [space["m"] for space in outcome.report["spaces"]] == [8 * 16, 16 * 16, 24 * 16]


def test_inspect_follows_a_layer_and_suggests_names() -> None:
    outcome = harmless("inspect", "tiny:patches", "--input", "3x32x32", "--layer", "3", "--json")
    assert outcome.report["shape"] == [768] and outcome.report["spaces"][0]["measured"] == 758
    check_refused(harmless("inspect", "tiny:patches", "--input", "3x32x32", "--layer", "33"), 2, "no layer", "3")


def test_generate_writes_pictures_with_certificates_and_check_confirms_them(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = generate(album, out, "--exact-uint8", "--moves", "300", "--json")
    assert outcome.code == 0, outcome.stderr
    assert [one["file"] for one in outcome.report["photos"]] == ["a.png", "sub/b.png"]
    for one in outcome.report["photos"]:
        changes = one["certificate"]["changes"]
        assert changes["float64"]["layer"] < 5e-3 and all(change["top1"] for change in changes.values())
        assert one["certificate"]["read"] == 0.25 and one["certificate"]["to_original"]["ssim"] < 0.7
        assert json.loads((out / one["file"]).with_suffix(".json").read_text()) == one["certificate"]
    checked = harmless(
        "check", album / "a.jpg", out / "a.png", "--model", "tiny:patches", "--input", "3x32x32", "--json"
    )
    made = outcome.photo("a.jpg")["certificate"]
    assert checked.report["changes"] == made["changes"] and checked.report["to_target"] is None
    again = tmp_path / "again"
    assert generate(album, again, "--exact-uint8", "--moves", "300").code == 0
    assert hashes(again) == hashes(out)


def test_jpeg_is_refused_unless_allowed_and_then_its_loss_is_shown(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    check_refused(generate(album, out, "--format", "jpeg"), 2, "--allow-lossy")
    assert not out.exists()
    lossy = generate(album, out, "--format", "jpeg", "--allow-lossy", "--json").photo("a.jpg")
    exact = generate(album, tmp_path / "exact", "--json").photo("a.jpg")
    layer = [one["certificate"]["changes"]["float64"]["layer"] for one in (lossy, exact)]
    assert lossy["file"] == "a.jpeg" and layer[0] > 3 * layer[1]


def test_photos_of_another_size_are_named_and_the_rest_is_done(album: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 32)).save(album / "wide.png")
    outcome = generate(album, tmp_path / "out")
    assert outcome.code == 3 and "not done: wide.png: it is 40x32, the model reads 32x32" in outcome.stderr
    assert len(list((tmp_path / "out").rglob("*.png"))) == 2
    check = harmless("check", album / "a.jpg", album / "wide.png", "--model", "tiny:patches", "--input", "3x32x32")
    check_refused(check, 2, "wide.png does not fit: it is 40x32", "32x32")


def test_copies_that_would_meet_are_refused(album: Path, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(album / "a.png")
    check_refused(generate(album, tmp_path / "out"), 2, "several photos would be written as a.png")


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("tiny:relu_first", (), ("read by relu", "before any linear layer")),
        ("tiny:no_module", (), ("gives Tensor", "torch.nn.Module")),
        ("tiny:nobody", (), ("tiny:nobody", "cannot be called")),
        ("resnet-18", (), ("did you mean", "resnet18")),
        ("nowhere.pt", (), ("nowhere.pt does not exist",)),
        ("tiny:patches", ("--input", "3x32"), ("--input 3x32 is no size",)),
        ("tiny:patches", ("--input", "3x50x50"), ("fails on an input of 3x50x50", "--input")),
        ("tiny:patches", ("--preprocess", "blur=3"), ("does not know 'blur=3'",)),
        ("tiny:patches", ("--preprocess", "std=0:1:1"), ("divides by zero",)),
        ("tiny:patches", ("--preprocess", "std=nan:1:1"), ("std=nan:1:1 is not three numbers",)),
        ("tiny:patches", ("--weights", "nowhere.safetensors"), ("nowhere.safetensors does not exist",)),
        ("tiny:patches", ("--weights", "."), (". is no file",)),
        ("tiny:patches", ("--plot", "model.pt"), ("--plot model.pt is no PNG",)),
        ("tiny:patches", ("--input", "3x4x4"), ("photos of 3x4x4", "at least 7")),
        ("tiny:unfinished", (), ("fails on an input of 3x32x32", "name one that runs here")),
    ],
)
def test_bad_models_and_settings_are_one_clear_line(
    model: str, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    size = () if "--input" in options else ("--input", "3x32x32")
    check_refused(harmless("inspect", model, *size, *options), 2, *words)


def test_pickles_that_run_code_are_refused_and_weights_that_do_not_fit(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from tests.harmless import tiny

    hostile, other = tmp_path / "model.pth", tmp_path / "other.safetensors"
    torch.save({"weights": Path("x")}, hostile)
    save_file({"0.weight": torch.zeros(2, 2)}, other)
    unsound, state = tmp_path / "unsound.safetensors", tiny.patches().state_dict()
    state["3.bias"][2] = torch.nan
    save_file(state, unsound)
    inspect = ("inspect", "tiny:patches", "--input", "3x32x32", "--weights")
    check_refused(harmless(*inspect, hostile), 1, "is refused", ".safetensors")
    check_refused(harmless(*inspect, other), 1, "does not fit")
    check_refused(harmless(*inspect, unsound), 1, "not finite, in 3.bias")
    check_refused(harmless("inspect", hostile), 1, "not a TorchScript file", "--weights")


def test_weights_from_a_file_are_used(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from tests.harmless import tiny

    state = tiny.patches().state_dict()
    state["0.weight"][5:] = 0
    for file, save in ((tmp_path / "w.safetensors", save_file), (tmp_path / "w.th", torch.save)):
        save(state, file)
        outcome = harmless("inspect", "tiny:patches", "--input", "3x32x32", "--weights", file, "--json")
        assert outcome.report["spaces"][0]["measured"] == 3072 - 5 * 16


def test_a_layer_that_ignores_nothing_generates_nothing(album: Path, tmp_path: Path) -> None:
    outcome = generate(album, tmp_path / "out", model="tiny:everything")
    assert outcome.code == 2 and outcome.stderr.count("reads every dimension") == 1
    assert np.all([not path.is_file() for path in (tmp_path / "out").rglob("*")])


def test_generate_goes_on_where_it_stopped_and_replaces_only_its_own(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from guise.harmless.pictures import folders

    out, made = tmp_path / "out", []
    original = folders.fill
    monkeypatch.setattr(folders, "fill", lambda *a, **k: made.append(1) or original(*a, **k))
    (out / "sub").mkdir(parents=True)
    (out / "sub" / "b.json").write_text("mine")
    first = generate(album, out, "--json")
    assert first.code == 3 and "b.json: another file is there already" in first.stderr
    assert (out / "sub" / "b.json").read_text() == "mine" and len(made) == 2
    (out / "sub" / "b.json").unlink()
    again = generate(album, out, "--json")  # only what was not done
    assert again.code == 0 and len(made) == 3
    assert again.report["photos"][0] == first.report["photos"][0]
    written = hashes(out)
    assert generate(album, out).code == 0 and len(made) == 3 and hashes(out) == written
    (out / "a.png").unlink()
    assert generate(album, out).code == 0 and len(made) == 4
    assert all(hashes(out)[name] == written[name] for name in ("a.png", "a.json", "sub/b.png", "sub/b.json"))
    assert generate(album, out, "--seed", "1").code == 0 and len(made) == 6  # its own may be replaced
    assert hashes(out)["a.png"] != written["a.png"]
    assert generate(album, out, "--seed", "1", model="tiny:strided").code == 0 and len(made) == 8
    (out / "a.png").write_bytes(b"edited")
    edited = generate(album, out)
    assert edited.code == 3 and "a.png: another file" in edited.stderr and (out / "a.png").read_bytes() == b"edited"


def test_models_that_read_everything_get_marked_approximations(album: Path, tmp_path: Path) -> None:
    near = generate(album, tmp_path / "near", "--approximate", "0.3", "--json", model="tiny:everything")
    assert near.code == 0, near.stderr
    for one in near.report["photos"]:
        made = one["certificate"]["approximate"]
        assert made["method"] == "near-null" and made["bound"] == 0.3 and 0 < made["reached"] < 0.31
    table = generate(album, tmp_path / "walk", "--non-linear", "--steps", "8", model="tiny:relu_first")
    assert table.code == 0 and "approx." in table.stdout and "CHANGED" not in table.stdout
    certificate = json.loads((tmp_path / "walk" / "a.json").read_text())
    assert certificate["approximate"] == {"method": "level set", "bound": None, "reached": None}
    assert certificate["changes"]["float32"]["output"] < 0.05 and certificate["moved"] > 0.05
    both = generate(album, tmp_path / "both", "--non-linear", "--exact-uint8")
    check_refused(both, 2, "--non-linear goes with none of")
    check_refused(generate(album, tmp_path / "both", "--approximate", "2"), 2, "--approximate 2 is no share")


def test_decompose_shows_that_the_harmful_part_does_it_all(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert generate(album, out).code == 0
    noisy = tmp_path / "noisy"
    (noisy / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.jpg", "sub/b.png"):
        with Image.open(album / name) as image:
            pixels = np.asarray(image.convert("RGB")) + rng.normal(0, 20, (32, 32, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(noisy / name, "PNG")
    where = ("--model", "tiny:patches", "--input", "3x32x32", "--images", album)
    outcome = harmless("decompose", *where, "--perturbed", noisy, "--out", tmp_path / "parts", "--json")
    for row in outcome.report["photos"]:
        assert 0.7 < row["harmless_share"] < 0.8  # white noise: as large as the null space
        assert row["effect"] > 1e-3 and row["unexplained"] < 1e-12
    assert len(list((tmp_path / "parts").rglob("*.png"))) == 4
    made = harmless("decompose", *where, "--perturbed", out)  # holds a.png, made of a.jpg
    assert made.code == 0 and "a.jpg" in made.stdout
    (out / "a.png").unlink()
    missing = harmless("decompose", *where, "--perturbed", out)
    assert missing.code == 3 and "not done: a.jpg" in missing.stderr and "sub/b.png" in missing.stdout
    (tmp_path / "parts" / "a.jpg.harmful.png").write_text("mine")
    taken = harmless("decompose", *where, "--perturbed", noisy, "--out", tmp_path / "parts")
    assert taken.code == 3 and "not done: a.jpg: cannot write" in taken.stderr and "sub/b.png" in taken.stdout
    assert (tmp_path / "parts" / "a.jpg.harmful.png").read_text() == "mine"


def test_decompose_says_where_a_model_runs_in_single_precision_only(album: Path) -> None:
    where = ("--model", "tiny:Constant", "--input", "3x32x32", "--images", album, "--perturbed", album)
    outcome = harmless("decompose", *where, "--json")
    assert outcome.code == 0 and "does not run in float64" in outcome.stderr
    assert all(row["effect"] == 0 for row in outcome.report["photos"])


def test_attack_says_what_is_recovered(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert generate(album, out).code == 0
    where = ("--model", "tiny:patches", "--input", "3x32x32")
    outcome = harmless("attack", album / "a.jpg", out / "a.png", *where, "--out", tmp_path / "found", "--json")
    names = [row["attack"] for row in outcome.report["attacks"]]
    assert names[0] == "none" and "projection" in names
    assert len(list((tmp_path / "found").glob("a.*.png"))) == len(names)
    (tmp_path / "found" / "a.projection.png").write_text("mine")
    taken = harmless("attack", album / "a.jpg", out / "a.png", *where, "--out", tmp_path / "found", "--json")
    assert taken.code == 1 and "a.projection.png: another file" in taken.stderr and taken.report == outcome.report
    assert "projection" in harmless("attack", album / "a.jpg", out / "a.png", *where).stdout


def test_attack_finds_the_original_among_others_by_the_output_that_was_kept(album: Path, tmp_path: Path) -> None:
    out, others = tmp_path / "out", tmp_path / "others"
    assert generate(album, out, "--exact-uint8", "--moves", "300").code == 0
    others.mkdir()
    for turn in (90, 180, 270):
        with Image.open(album / "a.jpg") as image:
            image.rotate(turn).save(others / f"{turn}.png")
    Image.new("RGB", (40, 40)).save(others / "large.png")
    where = ("--model", "tiny:patches", "--input", "3x32x32", "--among", others)
    outcome = harmless("attack", album / "a.jpg", out / "a.png", *where, "--json")
    assert "1 photos of" in outcome.stderr
    ranks = {row["attack"]: row["rank"] for row in outcome.report["attacks"]}
    assert ranks["none"]["by_output"] == 1 and {rank["candidates"] for rank in ranks.values()} == {4}
    assert ranks["projection"] == {"by_pixels": 1, "by_output": 1, "candidates": 4}
    assert "1 of 4" in harmless("attack", album / "a.jpg", out / "a.png", *where).stdout
    only = tmp_path / "only"
    only.mkdir()
    Image.new("RGB", (40, 40)).save(only / "large.png")
    check_refused(harmless("attack", album / "a.jpg", out / "a.png", *where[:-1], only), 2, "holds no other photo")


def test_several_models_share_what_all_of_them_ignore(album: Path, tmp_path: Path) -> None:
    outcome = harmless("inspect", "tiny:patches", "tiny:few", "--input", "3x32x32", "--json")
    names = [space["name"] for space in outcome.report["spaces"]]
    assert names == ["tiny:patches 0", "tiny:few 0", "joint"]
    assert [space["measured"] for space in outcome.report["spaces"]] == [2304, 3072 - 40 * 4, 3072 - 768 - 160]
    out = tmp_path / "out"
    assert generate(album, out, "--model", "tiny:few", "--exact-uint8", "--moves", "200").code == 0
    for model in ("tiny:patches", "tiny:few"):
        where = ("--model", model, "--input", "3x32x32", "--json")
        changes = harmless("check", album / "a.jpg", out / "a.png", *where).report["changes"]
        assert changes["float64"]["layer"] < 0.01 and changes["float64"]["top1"]
    where = ("--model", "tiny:patches", "--model", "tiny:few", "--input", "3x32x32", "--json")
    both = harmless("check", album / "a.jpg", out / "a.png", *where).report["changes"]["float64"]
    assert both["output"] >= changes["float64"]["output"]
    walk = generate(album, tmp_path / "walk", "--model", "tiny:few", "--non-linear")
    check_refused(walk, 2, "one model's level set")
    sizes = harmless("check", album / "a.jpg", out / "a.png", "--model", "tiny:patches", "--model", "dlib-resnet")
    check_refused(sizes, 2, "photos of 3x150x150 and 3x224x224", "go together")


def test_recognisers_are_inspected(monkeypatch: pytest.MonkeyPatch) -> None:
    from guise.harmless import inspection
    from guise.harmless.projection import CGSettings

    monkeypatch.setattr(inspection, "_FEW", CGSettings(max_iterations=2))
    outcome = harmless("inspect", "dlib-resnet", "--offline")
    assert outcome.code == 0, outcome.stderr
    # The last row and column are never read; two iterations leave far more, and say so.
    assert "897" in outcome.stdout and "299" in outcome.stdout and "≤" in outcome.stdout


def test_onnx_files_are_inspected(tmp_path: Path) -> None:
    file = tmp_path / "patches.onnx"
    write_onnx(file)
    assert harmless("inspect", file, "--json").report["spaces"][0]["measured"] == 2304
    write_onnx(file, sides=("height", "width"))
    check_refused(harmless("inspect", file), 2, "leaves the size of its input open", "--input")
    outcome = harmless("inspect", file, "--input", "3x32x32", "--json")
    assert outcome.report["spaces"][0]["measured"] == 2304
    file.write_bytes(b"no model")
    check_refused(harmless("inspect", file, "--input", "3x32x32"), 1, "is not an ONNX file")


def write_onnx(path: Path, sides: tuple[int | str, int | str] = (32, 32)) -> None:
    """tiny:patches, written node by node: torch's exporter needs more than the extra brings."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from tests.harmless import tiny

    state = {name.replace(".", "_"): tensor.numpy() for name, tensor in tiny.patches().state_dict().items()}
    nodes = [
        helper.make_node("Conv", ["x", "0_weight", "0_bias"], ["a"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "3_weight", "3_bias"], ["y"], transB=1),
    ]
    shapes = {"x": [1, 3, *sides], "y": [1, 10]}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    weights = [numpy_helper.from_array(values, name) for name, values in state.items()]
    graph = helper.make_graph(nodes, "patches", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def test_the_name_that_is_suggested_is_one_that_works() -> None:
    refused = harmless("inspect", "tiny:Dictionary", "--input", "3x32x32", "--layer", "frst.3")
    assert refused.code == 2 and "no layer 'frst.3'; did you mean first.3" in refused.stderr
    assert harmless("inspect", "tiny:Dictionary", "--input", "3x32x32", "--layer", "first.3").code == 0


def test_answers_of_several_parts_and_precisions_that_overflow_are_certified(album: Path, tmp_path: Path) -> None:
    assert generate(album, tmp_path / "out", model="tiny:Dictionary").code == 0
    report = json.loads((tmp_path / "out" / "a.json").read_text())
    assert report["changes"]["float32"]["output"] < 0.05 and report["changes"]["float16"]["output"] is None
    same = harmless(
        "check", album / "a.jpg", album / "a.jpg", "--model", "tiny:patches", "--input", "3x32x32", "--json"
    )
    assert same.report["kept"] == pytest.approx(1) and report["kept"] < 0.5


def test_what_nothing_linear_reads_first_is_still_compared_by_its_output(album: Path) -> None:
    pair = album / "a.jpg", album / "sub" / "b.png"
    outcome = harmless("check", *pair, "--model", "tiny:relu_first", "--input", "3x32x32", "--json")
    assert outcome.code == 0 and "Only the output is compared" in outcome.stderr
    assert outcome.report["changes"]["float32"]["layer"] is None and outcome.report["read"] is None
    assert outcome.report["approximate"]["method"] == "output compared only"
    assert "approx." not in harmless("check", *pair, "--model", "tiny:relu_first", "--input", "3x32x32").stdout


def test_nothing_is_kept_where_nothing_is_ignored(album: Path) -> None:
    pair = album / "a.jpg", album / "sub" / "b.png"
    outcome = harmless("check", *pair, "--model", "tiny:everything", "--input", "3x32x32", "--json")
    assert outcome.report["kept"] is None and outcome.report["read"] == 1


def test_a_model_that_fails_on_photos_of_that_size_is_one_line(album: Path, tmp_path: Path) -> None:
    pair, where = (album / "a.jpg", album / "sub" / "b.png"), ("--model", "guise-vit", "--input", "3x32x32")
    words = "fails on an input of 3x32x32", "give its size with --input"
    check_refused(harmless("check", *pair, *where), 2, *words)
    check_refused(generate(album, tmp_path / "out", "--non-linear", model="guise-vit"), 2, *words)


def test_weights_that_would_go_unused_are_refused(tmp_path: Path) -> None:
    check_refused(harmless("inspect", "guise-vit", "--weights", tmp_path / "mine.safetensors"), 2, "brings its own")
    check_refused(harmless("inspect", "tiny:patches", "--weights", "pretrained"), 2, "brings its own")


def test_a_target_that_changes_nothing_is_said(album: Path, tmp_path: Path) -> None:
    outcome = generate(album, tmp_path / "out", "--mode", "add", "--target", "constant")
    assert outcome.code == 1 and "changes nothing where the model does not look" in outcome.stdout + outcome.stderr
