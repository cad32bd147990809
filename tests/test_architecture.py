"""The rooms keep apart: who may import whom, who may open the truth, and no global randomness."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("synthetic", "features", "models", "scoring")
MAY_IMPORT = {
    "features": set(),
    "synthetic": {
        "features.tables",
        "features.checking",
        "features.errors",
        "features.settings",
        "features.data_folder",
        "features.storage",
        "features.workers",
        "features.cluster",
    },
    "models": {"features"},
    "scoring": {"features", "models"},
}
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may(path):
    room = path.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[room] | {room}
    for name in imports(path):
        if name.split(".")[0] in ROOMS:
            assert any(name == ok or name.startswith(f"{ok}.") for ok in allowed), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_oracle_opens_the_truth(path):
    room = path.relative_to(ROOT).parts[0]
    if room == "synthetic" or path == ROOT / "models" / "oracle.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = node.value.replace("\\", "/").split("/")
            assert "truth" not in parts, f"line {node.lineno}"
            assert "truth.parquet" not in parts, f"line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_randomness_is_never_global(path):
    allowed = {"Generator", "SeedSequence", "SFC64"}
    if path == ROOT / "models" / "shap_pictures.py":
        allowed |= {"get_state", "seed", "set_state"}  # shap draws from it: held and put back
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random."):
            assert node.attr in allowed, f"line {node.lineno}"
        if isinstance(node, ast.Import):
            assert "random" not in [alias.name for alias in node.names], f"line {node.lineno}"


def test_nothing_loads_a_pickle():
    for path in FILES:
        for name in imports(path):
            assert name.split(".")[0] not in {"pickle", "joblib", "cloudpickle", "dill"}, path


def test_only_the_training_asks_the_oracle():
    users = [p for p in FILES if any(n.startswith("models.oracle") for n in imports(p))]
    assert {path.name for path in users} == {"judge.py", "train.py"}


def test_the_project_names_no_machine_and_no_index():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "index-url" not in lock
