"""The package as its users get it: built, and installed into environments that hold nothing else of ours."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_BUILD = "import sys; from hatchling import build; print(getattr(build, sys.argv[1])(sys.argv[2]))"


def clean(**extra: str) -> dict[str, str]:
    """This process's environment, without what makes the checkout importable, and with `extra`."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | extra


def _pip(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean())


def from_registry(*arguments: str | Path) -> None:
    """Run pip with something to download, or skip the test where the registry cannot be reached."""
    ran = _pip(*arguments, "--quiet", "--retries", "1", "--timeout", "15")
    if ran.returncode:
        pytest.skip(f"the package registry cannot be reached: {(ran.stderr.strip() or 'pip failed').splitlines()[-1]}")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with packages of its own, and with what our dependencies are here."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def packages(self) -> Path:
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder)}))

    def run(self, *command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command of this environment, or `python`, in the folder `cwd`."""
        program = self.bin / command[0]
        environment = clean(GUISE_CACHE=str(self.folder / "cache"))
        return subprocess.run(
            [program, *command[1:]], cwd=cwd, capture_output=True, text=True, check=False, env=environment
        )

    def install(self, wheel: Path) -> None:
        """Add a wheel, without its dependencies."""
        ran = _pip("--python", self.bin / "python", "install", "--quiet", "--no-deps", "--no-compile", wheel)
        assert ran.returncode == 0, ran.stderr


def new_environment(folder: Path, *wheels: Path) -> Environment:
    """An environment with these wheels, installed one after another."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    made = Environment(folder)
    for wheel in wheels:
        made.install(wheel)
    # Dependencies take gigabytes, so they are borrowed. A path in a .pth file brings no .pth files of its own along:
    # the checkout, which is installed there by such a file, stays unseen.
    (made.packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


@pytest.fixture(scope="session")
def build_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which `import hatchling` works."""
    if importlib.util.find_spec("hatchling"):
        return clean()
    folder = tmp_path_factory.mktemp("hatchling")
    from_registry("install", "hatchling>=1.27", "--target", folder)
    return clean(PYTHONPATH=str(folder))


def _build(kind: str, source: Path, out: Path, environment: dict[str, str]) -> Path:
    command = [sys.executable, "-c", _BUILD, kind, out]
    ran = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    return out / ran.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def wheel(build_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    return _build("build_wheel", ROOT, tmp_path_factory.mktemp("wheel"), build_environment)


@pytest.fixture(scope="session")
def editable_wheel(build_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install -e .` installs."""
    return _build("build_editable", ROOT, tmp_path_factory.mktemp("editable"), build_environment)


@pytest.fixture(scope="session")
def unpacked_sdist(build_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from the checkout and unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(_build("build_sdist", ROOT, folder, build_environment)) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none
        archive.extractall(folder)
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="session")
def wheel_from_sdist(
    build_environment: dict[str, str], unpacked_sdist: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The wheel, built from the source distribution."""
    return _build("build_wheel", unpacked_sdist, tmp_path_factory.mktemp("wheel-from-sdist"), build_environment)


@pytest.fixture(scope="session")
def template_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of PyPI's Chameleon, which installs a package `chameleon` of its own."""
    folder = tmp_path_factory.mktemp("chameleon")
    from_registry("download", "Chameleon>=4", "--no-deps", "--only-binary", ":all:", "--dest", folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with our wheel."""
    return new_environment(tmp_path_factory.mktemp("environment"), wheel)
