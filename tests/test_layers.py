"""The house rules that a reader can rely on: who may import whom, how long things are, what has a docstring."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import stance

ROOT = Path(stance.__file__).parent
TREES = {
    ".".join(("stance", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): ast.parse(
        path.read_text(encoding="utf-8")
    )
    for path in sorted(ROOT.rglob("*.py"))
}

TENSOR_LIBRARIES = {"torch", "transformers", "safetensors", "tokenizers", "accelerate", "datasets"}
TENSOR_SIDE = ("stance.model", "stance.engine")
MEETING = ("stance.analyzer", "stance.explain", "stance.training")
LABELLED = {"stance.training.examples", "stance.training.metrics"}
"""Labelled articles and scores: no tensors in them, so that annotation can use them."""
EDGE = ("stance.cli", "stance.__main__")
WORDS_SIDE = [name for name in TREES if not name.startswith((*TENSOR_SIDE, *MEETING, *EDGE))]

MAY_IMPORT = {
    "stance.errors": (),
    "stance.schema": ("stance.errors",),
    "stance.results": ("stance.errors",),
    "stance.text": ("stance.errors", "stance.results", "stance.text"),
    "stance.formats": ("stance.errors", "stance.results", "stance.schema", "stance.text", "stance.formats"),
    "stance.duplicates": (),
    "stance.columns": ("stance.errors", "stance.results", "stance.formats", "stance.runs.parts"),
    "stance.model": ("stance.errors", "stance.schema", "stance.text", "stance.model"),
    "stance.engine": ("stance.errors", "stance.model", "stance.engine"),
    "stance.analyzer": (
        "stance.errors",
        "stance.results",
        "stance.schema",
        "stance.text",
        "stance.model",
        "stance.engine",
        "stance.formats",
        "stance.frames",
        "stance.columns",
        "stance.explain",
        "stance.hub",
    ),
}
"""What the core may import, type checking included."""


def inside(name, packages):
    return any(name == package or name.startswith(package + ".") for package in packages)


def imports(tree, *, types=True):
    """Names of what a file imports, anywhere in it; those for type checkers alone only with `types`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (module if module in TREES else node.module for module in modules)
        else:
            yield from imports(node, types=types)


def test_imports_are_found_where_they_hide():
    source = "if TYPE_CHECKING:\n import a\ndef f():\n try:\n  from stance.model import batch\n finally:\n  import d.e"
    assert list(imports(ast.parse(source), types=False)) == ["stance.model.batch", "d.e"]
    assert list(imports(ast.parse(source))) == ["a", "stance.model.batch", "d.e"]


@pytest.mark.parametrize("name", WORDS_SIDE)
def test_the_words_side_knows_no_tensors(name):
    if name == "stance":
        return  # names the analyzer for type checkers; the next tests see to it that it does not load it
    found = {module for module in imports(TREES[name]) if module.startswith("stance.")}
    libraries = {module.split(".")[0] for module in imports(TREES[name])}
    assert not {module for module in found - LABELLED if inside(module, (*TENSOR_SIDE, *MEETING))}
    assert not libraries & TENSOR_LIBRARIES


@pytest.mark.parametrize("name", [name for name in TREES if inside(name, MAY_IMPORT)])
def test_the_core_imports_downwards(name):
    allowed = next(allowed for package, allowed in MAY_IMPORT.items() if inside(name, [package]))
    found = {module for module in imports(TREES[name]) if module.split(".")[0] == "stance"}
    assert not {module for module in found if not inside(module, allowed)}


@pytest.mark.parametrize("name", sorted(LABELLED))
def test_labels_and_scores_need_no_tensors(name):
    assert not {module.split(".")[0] for module in imports(TREES[name])} & TENSOR_LIBRARIES


def test_no_module_imports_itself_in_a_circle():
    graph = {name: {module for module in imports(tree, types=False) if module in TREES} for name, tree in TREES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def run(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=True).stdout.split()


def test_the_whole_words_side_loads_without_torch():
    loaded = run(f"import sys, importlib; [importlib.import_module(m) for m in {WORDS_SIDE}]; print(*sys.modules)")
    assert set(WORDS_SIDE) <= set(loaded)
    assert not {"torch", "transformers", "safetensors"} & set(loaded)


def test_importing_the_package_is_light():
    code = "import sys, time; t = time.process_time(); import stance; print(time.process_time() - t, *sys.modules)"
    seconds, *loaded = min(run(code) for _ in range(3))
    assert "stance.results" in loaded
    assert not {"torch", "transformers", "numpy", "jieba", "pyarrow"} & set(loaded)
    assert float(seconds) < 0.3


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]


@pytest.mark.parametrize("name", TREES)
def test_nothing_is_too_long(name):
    tree = TREES[name]
    assert max((node.end_lineno for node in tree.body), default=0) <= 400
    for node in functions(tree):
        lines = node.end_lineno - node.lineno + 1
        limit = 250 if isinstance(node, ast.ClassDef) else 60
        assert lines <= limit, f"{node.name} has {lines} lines"


def public(node, prefix=""):
    """Public classes, functions and methods with their names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not child.name.startswith("_"):
            yield prefix + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{child.name}.")


@pytest.mark.parametrize("name", TREES)
def test_whatever_is_public_has_a_docstring(name):
    assert ast.get_docstring(TREES[name]), f"{name} has none"
    assert [item for item, node in public(TREES[name]) if not ast.get_docstring(node)] == []


def public_names(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return None


def isort_style(name):
    """Constants, then classes, then the rest, each by name: the order that ruff's RUF022 keeps."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", [name for name, tree in TREES.items() if public_names(tree)])
def test_all_is_sorted_and_names_what_is_there(name):
    names, tree = public_names(TREES[name]), TREES[name]
    assert names == sorted(set(names), key=isort_style)
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined = stored | {node.name for node in tree.body if hasattr(node, "name")}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(names) <= defined | imported


@pytest.mark.parametrize("name", [name for name in TREES if not name.endswith("__main__")])
def test_a_module_of_code_says_what_is_public(name):
    has_code = any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in TREES[name].body)
    assert public_names(TREES[name]) or not has_code
