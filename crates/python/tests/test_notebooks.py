"""Every notebook runs, and what it asserts is true."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
EXPECTED = {
    "a_kernel_on_your_data",
    "double_descent",
    "five_minutes",
    "from_neural_tangents",
    "one_assumption_changed",
    "wide_nets_train_like_their_kernel",
}

# One thread: with several, NumPy's products of small matrices wait for one another on a busy machine.
ENVIRONMENT = {**os.environ, "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1"}


def needs(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install {name}")


def test_all_notebooks_are_there() -> None:
    assert EXPECTED <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path) -> None:
    needs("matplotlib")
    done = subprocess.run([sys.executable, str(path)], env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_a_notebook_without_matplotlib() -> None:
    """The pictures are missing, and nothing else."""
    hidden = "import sys; sys.modules['matplotlib'] = sys.modules['matplotlib.pyplot'] = None; import runpy; runpy.run_path(sys.argv[1])"
    path = FOLDER / "from_neural_tangents.py"
    done = subprocess.run([sys.executable, "-c", hidden, str(path)], env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_jupytext_reads_it(path: Path) -> None:
    needs("jupytext")
    import jupytext

    notebook = jupytext.read(path)
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert kinds.count("markdown") >= 4
    assert kinds.count("code") >= 4
    assert notebook.metadata["kernelspec"]["language"] == "python"
    assert any("assert" in cell.source for cell in notebook.cells if cell.cell_type == "code")
    if path.stem != "from_neural_tangents":
        assert any("plt." in cell.source for cell in notebook.cells)
