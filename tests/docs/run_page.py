"""Run the code blocks of one page in one namespace, as its reader would; a fresh process each.

Reads ``[{"line": ..., "text": ...}]`` from the file named first, writes what each block printed to the
file named second. The first block that raises ends the run with its traceback.
"""

from __future__ import annotations

import io
import json
import sys
import types
from contextlib import redirect_stdout
from pathlib import Path


def main(page: str, blocks_file: str, printed_file: str) -> None:
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    printed: list[str] = []
    for block in json.loads(Path(blocks_file).read_text(encoding="utf-8")):
        # Blank lines in front make the traceback name the page's own line.
        code = compile("\n" * (block["line"] - 1) + block["text"], page, "exec")
        out = io.StringIO()
        with redirect_stdout(out):
            exec(code, module.__dict__)
        printed.append(out.getvalue())
        Path(printed_file).write_text(json.dumps(printed), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
