"""Datasets as people have them: each layout is told, each odd one is said to be odd."""

import gzip
import io
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from guise.dpaf.data import dataset_from_arrays, load
from guise.dpaf.data.splits import split_of
from guise.models.errors import InputError
from tests.dpaf.data.shapes import digits, idx, put_shapes

TRAIN, TEST = slice(0, 200), slice(200, 300)


def check_digits(source, *, names=tuple("0123456789")):
    """The first 200 to train on, the other 100 to test with, whatever the layout."""
    images, labels = digits()
    for split, rows in (("train", TRAIN), ("test", TEST)):
        data = load(source, split=split)
        assert (data.images[:, 0].numpy() == images[rows]).all()
        assert data.classes == names and data.labels.tolist() == labels[rows].tolist()


# ------------------------------------------------------------------ folders


def test_train_and_test_side_by_side_are_splits(tmp_path):
    put_shapes(tmp_path / "train")
    put_shapes(tmp_path / "test", 10)
    data = load(tmp_path)
    assert len(data) == 80 and data.classes == ("cat", "dog") and "train/ (beside test)" in data.look.layout
    assert len(load(tmp_path, split="test")) == 20 and not data.look.doubts


@pytest.mark.parametrize(
    "names", [("Training", "Testing"), ("train", "val"), ("TRAIN", "validation"), ("train_set", "val2")]
)
def test_splits_are_told_by_any_usual_name(tmp_path, names):
    put_shapes(tmp_path / names[0])
    put_shapes(tmp_path / names[1], 5)
    assert (len(load(tmp_path)), len(load(tmp_path, split="test"))) == (80, 10)


def test_a_folder_around_the_whole_dataset_is_looked_into(tmp_path):
    put_shapes(tmp_path / "archive" / "train")
    put_shapes(tmp_path / "archive" / "test", 5)
    assert len(load(tmp_path)) == 80


def test_a_test_set_is_preferred_to_a_validation_set(tmp_path):
    for name, count in (("train", 8), ("val", 3), ("test", 4)):
        put_shapes(tmp_path / name, count)
    assert len(load(tmp_path, split="test")) == 8


def test_classes_called_like_splits_are_doubted(tmp_path):
    put_shapes(tmp_path)
    (tmp_path / "cat").rename(tmp_path / "test")
    (doubt,) = load(tmp_path).look.doubts
    assert "called test" in doubt
    assert [split_of(name) for name in ("testis", "trainer", "valley", "validity", "device")] == [None] * 5


def test_an_empty_class_is_named_and_left_out(tmp_path):
    put_shapes(tmp_path)
    (tmp_path / "bird").mkdir()
    (tmp_path / "@eaDir").mkdir()
    data = load(tmp_path)
    assert data.classes == ("cat", "dog") and data.look.counts == (("cat", 40), ("dog", 40))
    assert data.look.notes == ("left out: bird (no image in it)",)


def test_litter_is_no_image(tmp_path):
    put_shapes(tmp_path, 3)
    (tmp_path / "cat" / "._000.png").write_bytes(b"Mac OS X")
    (tmp_path / ".DS_Store").write_bytes(b"Bud1")
    (tmp_path / "dog" / "Thumbs.db").write_bytes(b"thumbs")
    (tmp_path / "dog" / "desktop.ini").write_bytes(b"[.ShellClassInfo]")
    shutil.copytree(tmp_path / "cat", tmp_path / "__MACOSX" / "cat")
    (tmp_path / "readme.txt").write_text("by hand")
    data = load(tmp_path)
    assert len(data) == 6 and data.classes == ("cat", "dog")
    assert data.look.notes == ("passed over 1 file that is no image, such as readme.txt",)


def test_all_bad_files_are_named_at_once_in_words_about_datasets(tmp_path):
    put_shapes(tmp_path)
    for name in ("dog/007.png", "cat/011.png"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:200])
    (tmp_path / "cat" / "one.xyz.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot read 3 of 81 images") as caught:
        load(tmp_path)
    text = str(caught.value)
    assert all(name in text for name in ("cat/011.png", "cat/one.xyz.jpg", "dog/007.png")) and "\n" not in text
    assert "mask" not in text and "copy" not in text


def test_many_bad_files_are_counted(tmp_path):
    put_shapes(tmp_path, 20)
    for path in (tmp_path / "cat").iterdir():
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"cannot read 20 of 40 images .* and 10 more"):
        load(tmp_path)


def test_a_gif_is_read_as_any_other(tmp_path):
    put_shapes(tmp_path, 3)
    Image.open(tmp_path / "cat" / "000.png").convert("P").save(tmp_path / "cat" / "one.gif")
    assert len(load(tmp_path)) == 7


def test_dark_files_are_doubted(tmp_path):
    random = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / name).mkdir()
        for place in range(3):
            pixels = random.integers(0, 16, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{place}.png")
    (doubt,) = load(tmp_path).look.doubts
    assert "go from 0 to 15 where integers go to 255" in doubt


# ------------------------------------------------------------------ idx

SPELLINGS = {
    "MNIST": ("{part}-images-idx3-ubyte", "{part}-labels-idx1-ubyte"),
    "a dot": ("{part}-images.idx3-ubyte", "{part}-labels.idx1-ubyte"),
    "torchvision": ("MNIST/raw/{part}-images-idx3-ubyte", "MNIST/raw/{part}-labels-idx1-ubyte"),
    "a folder a file": (
        "{part}-images-idx3-ubyte/{part}-images-idx3-ubyte",
        "{part}-labels-idx1-ubyte/{part}-labels.idx1-ubyte",
    ),
    "capitals": ("{part}-Images-idx3-ubyte", "{part}-Labels-idx1-ubyte"),
    "underscores": ("{part}_images_idx3_ubyte", "{part}_labels_idx1_ubyte"),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_idx_files_are_known_by_any_usual_spelling(tmp_path, spelling, zipped):
    images, labels = digits()
    for part, rows in (("train", TRAIN), ("t10k", TEST)):
        for values, name in zip((images, labels), SPELLINGS[spelling], strict=True):
            path = tmp_path / (name.format(part=part) + (".gz" if zipped else ""))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(idx(values[rows])) if zipped else idx(values[rows]))
            (path.parent / f"._{path.name}").write_bytes(b"Mac OS X")
    check_digits(tmp_path)


def test_emnist_s_images_are_turned_upright_and_its_sets_told_apart(tmp_path):
    images, labels = digits()
    for name in ("letters", "digits"):
        for part, rows in (("train", TRAIN), ("test", TEST)):
            for values, kind in ((images.swapaxes(1, 2), "images-idx3"), (labels + 1, "labels-idx1")):
                (tmp_path / f"emnist-{name}-{part}-{kind}-ubyte").write_bytes(idx(values[rows]))
    with pytest.raises(InputError, match="emnist-digits, emnist-letters: name the file"):
        load(tmp_path)
    data = load(tmp_path / "emnist-letters-train-images-idx3-ubyte")
    assert (data.images[:, 0].numpy() == images[TRAIN]).all() and data.classes == tuple(map(str, range(1, 11)))
    assert "turned upright" in data.look.notes[0]


def test_an_idx_file_without_its_labels_is_named(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(digits()[0]))
    with pytest.raises(InputError, match=r"put train-labels-idx1-ubyte next to it"):
        load(tmp_path / "train-images-idx3-ubyte")


# ------------------------------------------------------------------ npz

IMAGES, LABELS = digits()
LAYOUTS = {
    "Keras": {"x_train": IMAGES[TRAIN], "y_train": LABELS[TRAIN], "x_test": IMAGES[TEST], "y_test": LABELS[TEST]},
    "MedMNIST": {
        **{"train_images": IMAGES[TRAIN], "val_images": IMAGES[:50], "test_images": IMAGES[TEST]},
        **{"train_labels": LABELS[TRAIN, None], "val_labels": LABELS[:50, None], "test_labels": LABELS[TEST, None]},
    },
    "no names": {"arr_0": IMAGES[TRAIN], "arr_1": LABELS[TRAIN], "arr_2": IMAGES[TEST], "arr_3": LABELS[TEST]},
    "capitals": {"X_train": IMAGES[TRAIN], "Y_train": LABELS[TRAIN], "X_val": IMAGES[TEST], "Y_val": LABELS[TEST]},
    "camels": {
        "trainImages": IMAGES[TRAIN],
        "trainLabels": LABELS[TRAIN],
        "testImages": IMAGES[TEST],
        "testLabels": LABELS[TEST],
    },
    "one hot": {
        "x_train": IMAGES[TRAIN],
        "y_train": np.eye(10)[LABELS[TRAIN]],
        "x_test": IMAGES[TEST],
        "y_test": np.eye(10)[LABELS[TEST]],
    },
    "ours": {"images": IMAGES, "labels": LABELS, "is_test": np.arange(300) >= 200},
    "channels first": {
        "x_train": IMAGES[TRAIN, None],
        "y_train": LABELS[TRAIN],
        "x_test": IMAGES[TEST, None],
        "y_test": LABELS[TEST],
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_npz_is_read_in_any_usual_layout(tmp_path, layout):
    np.savez(tmp_path / "data.npz", **LAYOUTS[layout])
    check_digits(tmp_path / "data.npz")


def test_two_arrays_without_names_are_images_and_labels(tmp_path):
    np.savez(tmp_path / "data.npz", IMAGES, LABELS)
    data = load(tmp_path / "data.npz")
    assert len(data) == 300 and data.labels.tolist() == LABELS.tolist()


KINDS = {
    "from 1": (LABELS + 1, tuple(map(str, range(1, 11)))),
    "with gaps": (LABELS * 3, tuple(str(3 * label) for label in range(10))),
    "texts": (np.array([f"digit {label}" for label in LABELS]), tuple(f"digit {label}" for label in range(10))),
    "bytes": (np.array([f"d{label}".encode() for label in LABELS]), tuple(f"d{label}" for label in range(10))),
    "whole floats": (LABELS.astype(float), tuple(map(str, range(10)))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_numbered_from_0_and_keep_their_names(tmp_path, kind):
    labels, names = KINDS[kind]
    np.savez(tmp_path / "data.npz", images=IMAGES, labels=labels)
    data = load(tmp_path / "data.npz")
    assert data.classes == names and data.labels.tolist() == LABELS.tolist()
    assert data.look.counts == tuple(zip(names, np.bincount(LABELS).tolist(), strict=True))
    renumbered = f"{names[3]} is 3" in data.look.renumbered
    assert renumbered != (kind == "whole floats")


def test_names_of_classes_come_along(tmp_path):
    np.savez(tmp_path / "data.npz", images=IMAGES, labels=LABELS % 2, classes=np.array(["even", "odd", "none"]))
    data = load(tmp_path / "data.npz")
    assert data.classes == ("even", "odd") and data.look.notes == ("left out: none (no image)",)


RANGES = [
    ((IMAGES > 127).astype(np.uint8), "go from 0 to 1 where integers go to 255"),
    (IMAGES / 255 / 255, "where floats go to 1"),
    (IMAGES.astype(np.uint16) * 16, "go from 0 to 4080 where integers go to 65535"),
    (np.full_like(IMAGES, 200), "go from 200 to 200"),
]


@pytest.mark.parametrize(("images", "word"), RANGES, ids=["0 and 1", "dark floats", "12 bits in 16", "flat"])
def test_a_range_that_fills_little_of_its_type_is_doubted(images, word):
    (doubt,) = dataset_from_arrays(images, LABELS).look.doubts
    assert word in doubt


def test_16_bits_and_truth_values_fill_their_range():
    deep = dataset_from_arrays(IMAGES.astype(np.uint16) * 257, LABELS)
    assert not deep.look.doubts and (deep.images[:, 0].numpy() == IMAGES).all() and "16 bits" in deep.look.values
    masks = dataset_from_arrays(IMAGES > 127, LABELS)
    assert not masks.look.doubts and set(masks.images.unique().tolist()) == {0, 255}


# ------------------------------------------------------------------ tables


@pytest.fixture(scope="module")
def table():
    """Rows of encoded images as `datasets` keeps them."""
    random = np.random.default_rng(0)
    rows = []
    for place in range(30):
        file = io.BytesIO()
        pixels = random.integers(0, 100, (28, 28), dtype=np.uint8) + np.uint8(100 * (place % 2))
        Image.fromarray(pixels).save(file, format="PNG")
        rows.append(
            {
                "image": {"bytes": file.getvalue(), "path": f"{place}.png"},
                "label": place % 2,
                "patient": f"p{place // 3}",
            }
        )
    return rows


def test_parquet_is_read_without_datasets(tmp_path, table):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "data.parquet")
    data = load(tmp_path / "data.parquet", group_column="patient")
    assert len(data) == 30 and data.channels == 1 and data.labels.tolist() == [0, 1] * 15
    assert data.people.bincount().tolist() == [3] * 10
    with pytest.raises(InputError, match="has no column doctor: it has image, label, patient"):
        load(tmp_path / "data.parquet", group_column="doctor")
    binary = pa.table({"img": [row["image"]["bytes"] for row in table], "target": [str(row["label"]) for row in table]})
    pq.write_table(binary, tmp_path / "plain.parquet")
    assert load(tmp_path / "plain.parquet").classes == ("0", "1")


def test_a_row_that_cannot_be_read_is_named(tmp_path, table):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    broken = [dict(row) for row in table]
    broken[4]["image"] = {"bytes": b"no picture", "path": None}
    broken[9]["image"] = {"bytes": None, "path": None}
    pq.write_table(pa.Table.from_pylist(broken), tmp_path / "data.parquet")
    with pytest.raises(InputError, match=r"cannot read 2 of 30 images .*row 4 .*row 9"):
        load(tmp_path / "data.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "data.parquet").read_bytes()[:500])
    with pytest.raises(InputError, match=r"cannot read .*cut\.parquet"):
        load(tmp_path / "cut.parquet")


def test_what_datasets_saves_is_read_with_names_and_splits(tmp_path, table):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["disc", "square"]),
            "patient": datasets.Value("string"),
        }
    )
    parts = {
        "train": datasets.Dataset.from_list(table[:20], features),
        "test": datasets.Dataset.from_list(table[20:], features),
    }
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "hub" / "data").mkdir(parents=True)
    for name, part in parts.items():
        part.to_parquet(str(tmp_path / "hub" / "data" / f"{name}-00000-of-00001.parquet"))
    for folder in ("saved", "hub"):
        train, test = (load(tmp_path / folder, split=split) for split in ("train", "test"))
        assert (len(train), len(test), train.classes) == (20, 10, ("disc", "square"))
    assert load(tmp_path / "saved").digest == load(tmp_path / "hub").digest


def test_without_pyarrow_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r'run `pip install "guise\[datasets\]"`'):
        load(tmp_path / "data.parquet")


# ------------------------------------------------------------------ people


def test_folders_of_people_are_told(tmp_path):
    put_shapes(tmp_path, 6)
    for path in sorted(tmp_path.glob("*/*.png")):
        person = path.parent / f"patient{int(path.stem) // 2}"
        person.mkdir(exist_ok=True)
        path.rename(person / path.name)
    data = load(tmp_path, group_folders=True)
    assert data.classes == ("cat", "dog") and data.people.bincount().tolist() == [4, 4, 4]  # a name is a person
    alone = load(tmp_path / "cat", group_folders=True)
    assert alone.classes == ("image",) and alone.people.bincount().tolist() == [2, 2, 2]
    with pytest.raises(InputError, match="lies in no person's folder"):
        load(tmp_path / "cat" / "patient0", group_folders=True)


def test_people_of_an_npz_are_an_array(tmp_path):
    np.savez(tmp_path / "data.npz", images=IMAGES, labels=LABELS, patient=np.arange(300) // 3)
    assert load(tmp_path / "data.npz", group_column="patient").people.tolist() == (np.arange(300) // 3).tolist()
    with pytest.raises(InputError, match="holds images, labels, patient: give"):
        load(tmp_path / "data.npz")
    with pytest.raises(InputError, match="holds no doctor"):
        load(tmp_path / "data.npz", group_column="doctor")


def test_a_look_shows_classes_counts_range_size_and_colour():
    shown = str(dataset_from_arrays(IMAGES, LABELS + 1).look)
    for word in ("1 (31), 2 (30)", "10 is 9", "28x28", "0 to 255 (8 bits)", "grey"):
        assert word in shown
