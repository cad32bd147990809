"""The architecture: who may import whom, no import circles, small folders, the hidden truth."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("synthetic", "features", "models", "scoring", "laboratory", "firstloan")
CONTRACT = {
    "features.arrays",
    "features.contract",
    "features.settings",
    "features.io.data_folder",
    "features.io.storage",
    "features.lunar_calendar",
    "features.parallel",
}
MAY_IMPORT = {
    "features": set(),
    "synthetic": CONTRACT,
    "models": {"features"},
    "scoring": {"features", "models"},
    "laboratory": {"features", "synthetic", "models", "scoring"},
    "firstloan": {"features", "synthetic", "models", "scoring", "laboratory"},
}
MOST_MODULES = 14
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
FOLDERS = sorted({path.parent for path in FILES})


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_imported(path):
    """Modules of this project that a file names, also under TYPE_CHECKING and in functions."""
    for name in imports(path):
        module = name if name in MODULES else name.rpartition(".")[0]
        if module in MODULES:
            yield module


def circle_through(start, edges):
    """Modules from `start` back to itself, empty if there is no such way."""
    ways = [[start]]
    seen = set()
    while ways:
        way = ways.pop()
        for other in edges[way[-1]]:
            if other == start:
                return [*way, start]
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []


def room_of(path):
    return path.relative_to(ROOT).parts[0]


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_room_imports_only_what_it_may(path):
    room = room_of(path)
    allowed = MAY_IMPORT[room] | {room}
    for name in imports(path):
        if name.split(".")[0] in ROOMS:
            assert any(name == ok or name.startswith(f"{ok}.") for ok in allowed), name


@pytest.mark.parametrize("room", ROOMS)
def test_no_import_circle_within_a_room(room):
    edges = {
        name: sorted(set(modules_imported(path)) - {name})
        for name, path in MODULES.items()
        if room_of(path) == room
    }
    edges = {name: [other for other in others if other in edges] for name, others in edges.items()}
    circles = [circle_through(name, edges) for name in edges]
    assert not any(circles), "\n".join(" -> ".join(way) for way in circles if way)


def test_an_import_circle_would_be_found():
    edges = {"a": ["b"], "b": ["c"], "c": ["b"]}
    assert circle_through("a", edges) == []
    assert circle_through("b", edges) == ["b", "c", "b"]


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_a_folder_holds_few_modules(folder):
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_a_package_says_what_it_holds(folder):
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_oracle_and_laboratory_open_the_truth(path):
    if room_of(path) in ("synthetic", "laboratory") or path == ROOT / "models" / "oracle.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = node.value.replace("\\", "/").split("/")
            if room_of(path) == "firstloan" and parts[-1].startswith(" "):
                continue  # `simulate` names the folder that it wrote
            assert "truth" not in parts, f"line {node.lineno}"
            assert "truth.parquet" not in parts, f"line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_randomness_is_never_global(path):
    allowed = {"Generator", "SeedSequence", "SFC64"}
    if path == ROOT / "models" / "reporting" / "shap_plots.py":
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


def test_only_training_and_laboratory_ask_the_oracle():
    users = [p for p in FILES if any(n.startswith("models.oracle") for n in imports(p))]
    inside = {relative(path) for path in users if room_of(path) != "laboratory"}
    assert inside == {"models/evaluation/out_of_time.py", "models/train/training.py"}


def test_every_test_file_of_a_room_lies_where_its_module_does():
    tests = [p for room in ROOMS for p in (ROOT / "tests" / room).rglob("test_*.py")]
    folders = {path.parent.relative_to(ROOT / "tests") for path in tests}
    assert {str(f) for f in folders if not (ROOT / f).is_dir()} == set()


def test_the_project_names_no_machine_and_no_index():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert [line for line in lock.splitlines() if line.startswith("-")] == []


def test_no_file_points_to_something_that_does_not_ship():
    folders = (*ROOMS, "tests", "docs", "benchmarks")
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    for path in [*pages, *(p for folder in folders for p in (ROOT / folder).rglob("*.py"))]:
        text = path.read_text(encoding="utf-8")
        assert "shared" + "/" not in text, path
