"""The README's example, run as it stands: all that a fresh environment with NumPy needs."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def main() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert blocks, "the README has no example"
    for block in blocks:
        exec(compile(block, str(README), "exec"), {"__name__": "readme"})


if __name__ == "__main__":
    main()
