"""What users install: a package `guise` that takes nobody's names, and two commands."""

from __future__ import annotations

import configparser
import re
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Environment, new_environment

USE_BOTH = """
import chameleon
from guise import chameleon as ours
print(chameleon.PageTemplate("<p>${1 + 1}</p>")())
print(ours.__name__, ours.__file__)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as machine learning projects have it, with `models` and `cli` of their own."""
    for name in ("models", "cli", "dpaf"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"MINE = {name!r}\n")
    (tmp_path / "models" / "tiny.py").write_text(
        "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(192, 2))\n"
    )
    return tmp_path


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _read(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def _metadata(wheel: Path) -> Message:
    return message_from_string(_read(wheel, ".dist-info/METADATA"))


def test_a_wheel_holds_guise_and_its_metadata_only(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in _names(wheel)}
    assert tops == {"guise", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    inside = {name.split("/")[1] for name in _names(wheel) if name.startswith("guise/")}
    assert inside == {"__init__.py", "__main__.py", "chameleon", "cli", "dpaf", "harmless", "models", "py.typed"}


def test_a_wheel_holds_every_file_of_the_checkout_that_the_package_needs(wheel: Path) -> None:
    folders = ("chameleon", "cli", "dpaf", "harmless", "models")
    checkout = {
        f"guise/{path.relative_to(ROOT).as_posix()}"
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert checkout <= _names(wheel)


def test_a_source_distribution_gives_the_same_wheel(wheel: Path, wheel_from_sdist: Path) -> None:
    assert wheel.name == wheel_from_sdist.name
    assert sorted(_read(wheel, "/RECORD").split()) == sorted(_read(wheel_from_sdist, "/RECORD").split())


def test_a_source_distribution_holds_tests_and_documents(unpacked_sdist: Path) -> None:
    for name in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "scripts/test", "tests/conftest.py"):
        assert (unpacked_sdist / name).is_file(), name
    assert not (unpacked_sdist / "guise").exists()


def test_an_editable_install_reads_the_checkout_through_links(editable_wheel: Path) -> None:
    """A path and links, no import hook: type checkers and editors follow them."""
    place = Path(_read(editable_wheel, ".pth").strip())
    assert place == ROOT / "scripts" / "namespace"
    assert {name.split("/")[0] for name in _names(editable_wheel) if not name.endswith(".pth")} == {
        name.split("/")[0] for name in _names(editable_wheel) if ".dist-info/" in name
    }
    links = [path for path in (place / "guise").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert {link.name: link.resolve() for link in links} == {
        name: ROOT / name for name in ("chameleon", "cli", "dpaf", "harmless", "models")
    }


def test_metadata_name_the_licence_the_extras_and_the_commands(wheel: Path) -> None:
    metadata = _metadata(wheel)
    assert (metadata["Name"], metadata["License-Expression"]) == ("guise", "Apache-2.0")
    assert set(metadata.get_all("Provides-Extra") or ()) == {
        "app",
        "benchmark",
        "datasets",
        "facenet",
        "frbench",
        "jxl",
        "onnx",
        "test",
        "timm",
    }
    required = [line for line in metadata.get_all("Requires-Dist") or () if "extra ==" not in line]
    assert {"torch", "click", "opacus"} <= {re.split(r"[^\w-]", line)[0] for line in required}
    assert not any("@" in line or "guise" in line for line in metadata.get_all("Requires-Dist") or ())
    commands = configparser.ConfigParser()
    commands.read_string(_read(wheel, "entry_points.txt"))
    assert dict(commands["console_scripts"]) == {
        "guise": "guise.cli.main:main",
        "protect": "guise.cli.main:protect_main",
    }


def _both_chameleons_work(environment: Environment, folder: Path) -> None:
    ran = environment.run("python", "-c", USE_BOTH, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    theirs, ours = ran.stdout.splitlines()
    assert theirs == "<p>2</p>"
    name, place = ours.split(" ", 1)
    assert name == "guise.chameleon" and Path(place).is_relative_to(environment.packages)


def test_the_template_engine_chameleon_works_when_installed_before(
    wheel: Path, template_engine: Path, tmp_path: Path
) -> None:
    _both_chameleons_work(new_environment(tmp_path / "environment", template_engine, wheel), tmp_path)


def test_the_template_engine_chameleon_works_when_installed_after(
    environment: Environment, template_engine: Path, tmp_path: Path
) -> None:
    environment.install(template_engine)
    _both_chameleons_work(environment, tmp_path)


def test_a_script_among_folders_of_our_names_imports_ours_and_its_own(environment: Environment, project: Path) -> None:
    (project / "script.py").write_text(
        "from guise import dpaf, models as theirs\nimport cli, dpaf as mine, models\n"
        "print(dpaf.__file__)\nprint(theirs.__file__)\nprint(cli.MINE, mine.MINE, models.MINE)\n"
    )
    ran = environment.run("python", "script.py", cwd=project)
    assert ran.returncode == 0, ran.stderr
    *ours, own = ran.stdout.splitlines()
    assert all(Path(place).is_relative_to(environment.packages) for place in ours) and own == "cli dpaf models"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("guise", "--help"), "Keep people out of the data"),
        (("guise", "dpaf", "train", "--help"), "--epsilon"),
        (("python", "-m", "guise", "--version"), "version"),
        (("protect", "--help"), "--user-photos"),
        (("python", "-m", "torch.distributed.run", "-m", "guise", "--version"), "version"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_commands_run_among_folders_of_our_names(
    environment: Environment, project: Path, command: tuple[str, ...], words: str
) -> None:
    ran = environment.run(*command, cwd=project)
    assert ran.returncode == 0 and words in ran.stdout, ran


def test_a_model_is_found_in_the_folder_where_the_command_runs(environment: Environment, project: Path) -> None:
    ran = environment.run("guise", "harmless", "inspect", "models.tiny:build", "--input", "3x8x8", cwd=project)
    assert ran.returncode == 0 and "190" in ran.stdout, ran  # 192 values are read through 2 numbers


def test_help_of_protect_imports_no_torch(environment: Environment, tmp_path: Path) -> None:
    program = (
        "import sys; from guise.cli.main import protect_main\n"
        "sys.argv = ['protect', '--help']\n"
        "try:\n    protect_main()\n"
        "finally:\n    print('torch' in sys.modules, file=sys.stderr)\n"
    )
    ran = environment.run("python", "-c", program, cwd=tmp_path)
    assert "--user-photos" in ran.stdout and ran.stderr.strip() == "False", ran
