"""A clean environment with wheels of this workspace, into which packages are installed as a user would."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from attrs import define

ROOT = Path(__file__).parents[2]
PROJECTS = ("dsm-core", "dsm-binance", "dsm-tradestation")
OWN = ("dsm_", "__editable__", "pip", "setuptools", "_distutils_hack", "distutils-precedence")


def build_wheels(folder: Path) -> list[Path]:
    """Wheels of core and its providers, as `pip install` of their folders would build them."""
    for project in PROJECTS:
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT / project)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return sorted(folder.glob("*.whl"))


@define
class Clean:
    """An environment of its own; what DSM depends on is linked from this one, DSM itself is not."""

    path: Path

    @classmethod
    def make(cls, path: Path, wheels: list[Path], without: tuple[str, ...] = ()) -> Clean:
        """An environment with some wheels, and whatever they may depend on ``without`` some of it."""
        venv.create(path / "venv", with_pip=False)
        clean = cls(path)
        linked = path / "linked"
        linked.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not entry.name.lower().startswith((*OWN, *without)) and entry.suffix != ".pth":
                (linked / entry.name).symlink_to(entry)
        (clean.packages / "linked.pth").write_text(str(linked))
        clean.install(*wheels)
        return clean

    @property
    def python(self) -> Path:
        return self.path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"

    @property
    def packages(self) -> Path:
        paths = {"base": str(self.path / "venv"), "platbase": str(self.path / "venv")}
        return Path(sysconfig.get_path("purelib", "venv", vars=paths))

    def install(self, *wheels: Path) -> None:
        self.pip("install", "--no-deps", "--no-index", *map(str, wheels))

    def uninstall(self, *names: str) -> None:
        self.pip("uninstall", "--yes", *names)

    def pip(self, *args: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "--quiet", *args]
        subprocess.run(command, check=True, capture_output=True, timeout=300)

    def files(self) -> set[str]:
        """What is installed, compiled files aside."""
        found = (p.relative_to(self.packages) for p in self.packages.rglob("*"))
        return {str(p) for p in found if "__pycache__" not in p.parts}

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run Python with arguments, in an environment without settings of DSM."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSM_", "PYTHON"))}
        return subprocess.run(
            [str(self.python), *args],
            env=kept | {"PYTHONIOENCODING": "utf-8"} | env,
            cwd=self.path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def dsm(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "dsm_core", *args, **env)


def write_wheel(
    folder: Path, name: str, version: str, providers: Mapping[str, str], modules: Mapping[str, str]
) -> Path:
    """A wheel of a provider package; ``providers`` maps names to modules, ``modules`` those to code."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    entries = [f"{provider} = {target}" for provider, target in providers.items()]
    files = {f"{path}.py": dedent(code) for path, code in modules.items()} | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "\n".join(["[dsm.providers]", *entries, ""]),
    }
    record = io.StringIO()
    lines = csv.writer(record, lineterminator="\n")
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.writerow([path, f"sha256={digest}", len(text.encode())])
    lines.writerow([f"{info}/RECORD", "", ""])
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record.getvalue()}.items():
            archive.writestr(path, text)
    return wheel
