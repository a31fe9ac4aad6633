"""Writing the package: templates filled with a name, and put in place in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from dsm_core._version import __version__
from dsm_core.errors import RequestError
from dsm_core.scaffold.naming import ProviderName, check_free

__all__ = ["new_provider", "render_package"]

# Path in the package, and the template of its content; None is an empty file.
_FILES: Final[Mapping[str, str | None]] = {
    "pyproject.toml": "pyproject",
    "README.md": "readme",
    ".gitignore": "gitignore",
    ".github/workflows/check.yml": "workflow",
    "src/$module/__init__.py": "init",
    "src/$module/py.typed": None,
    "src/$module/client.py": "client",
    "src/$module/config.py": "config",
    "src/$module/plugin.py": "plugin",
    "tests/test_kit.py": "test_kit",
    "tests/test_package.py": "test_package",
}


def new_provider(name: str, into: Path) -> tuple[Path, ...]:
    """Write an installable provider package that passes its kit, and tell its files.

    Parameters
    ----------
    name
        The provider's: ``"alpha_desk"`` is written to ``into/dsm-alpha-desk``.
    into
        Folder for the package's own; made where it is missing.

    Returns
    -------
    tuple of Path
        Every file written, the most telling first.

    Raises
    ------
    RequestError
        When the name cannot be used, or the folder is there already; nothing is written.
    PluginConflictError
        When something installed has the name; choose another.
    OSError
        When a file cannot be written; nothing is left behind.
    """
    called = ProviderName.of(name)
    check_free(called)
    folder = into / called.distribution
    if folder.exists() or folder.is_symlink():
        raise RequestError(
            f"{folder} is there already.", hint="Choose another name or folder, or remove it.", folder=folder
        )
    contents = render_package(called)
    _write(folder, contents)
    return tuple(folder / path for path in contents)


def render_package(name: ProviderName) -> dict[str, str]:
    """Text of every file by its path in the package, with ``/`` between folders."""
    words = {
        "name": name.name,
        "dist": name.distribution,
        "module": name.module,
        "title": name.title,
        "key": name.name.upper(),
        "core": _core_range(),
    }
    templates = files("dsm_core.scaffold") / "templates"
    made = {}
    for path, template in _FILES.items():
        text = "" if template is None else (templates / f"{template}.tmpl").read_text("utf-8")
        made[Template(path).substitute(words)] = Template(text).substitute(words)
    return made


def _core_range() -> str:
    """The releases of core that keep this one's plugin contract."""
    major, minor = (int(part) for part in __version__.split(".")[:2])
    return f">={major}.{minor},<{major}.{minor + 1}"


def _write(folder: Path, contents: Mapping[str, str]) -> None:
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        for path, text in contents.items():
            file = part / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
