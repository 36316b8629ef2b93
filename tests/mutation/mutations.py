"""The changes that a mutation run makes to a file: comparisons, boolean and arithmetic operators, constants, returns.

Each is an edit of the text, so that lines keep their numbers. Texts, annotations, log calls and decorators stay as they
are: what they say is not behaviour, or is held by tests of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CONDITIONS: Final = (ast.Name, ast.Attribute, ast.Call, ast.Await, ast.Subscript)  # negated as a whole


@dataclass(frozen=True)
class Mutation:
    """An edit of a file: the bytes from `start` to `end` become `after`."""

    line: int
    start: int
    end: int
    before: str
    after: str

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.line}: {before} -> {after}"


def list_mutations(source: bytes) -> list[Mutation]:
    """Return all mutations of a file, in the order of its text."""
    line_starts = [0]
    for line in source.splitlines(keepends=True):
        line_starts.append(line_starts[-1] + len(line))
    mutations = []
    for node, replacement in _visit(ast.parse(source), in_function=False):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = line_starts[node.lineno - 1] + node.col_offset
        end = line_starts[node.end_lineno - 1] + node.end_col_offset
        mutations.append(Mutation(node.lineno, start, end, source[start:end].decode(), replacement))
    return sorted(mutations, key=lambda mutation: (mutation.start, -mutation.end))


def _visit(node: ast.AST, *, in_function: bool) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yield nodes with the text that replaces them."""
    if _is_left_alone(node):
        return
    if isinstance(node, ast.expr):
        yield from ((node, f"({ast.unparse(mutant)})") for mutant in _mutate_expression(node, in_function))
    elif isinstance(node, ast.stmt) and in_function:
        yield from ((node, ast.unparse(mutant)) for mutant in _mutate_statement(node))
    if isinstance(node, ast.If | ast.While | ast.IfExp) and isinstance(node.test, CONDITIONS):
        yield node.test, f"(not {ast.unparse(node.test)})"
    if isinstance(node, ast.comprehension):
        yield from ((test, f"(not {ast.unparse(test)})") for test in node.ifs if isinstance(test, CONDITIONS))
    in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for name, value in ast.iter_fields(node):
        if name not in (
            "annotation",
            "returns",
            "decorator_list",
            "bases",
            "keywords" if isinstance(node, ast.ClassDef) else "",
        ):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _visit(child, in_function=in_function)


def _is_left_alone(node: ast.AST) -> bool:
    """Return whether nothing of the node is changed. In an f-string, Python 3.11 does not tell positions."""
    if isinstance(node, ast.JoinedStr | ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func).startswith("log.")
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _mutate_expression(node: ast.expr, in_function: bool) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, [operator, *operators], comparators):
            yield ast.Compare(left, [COMPARISONS[type(operator)](), *operators], comparators)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.BinOp(left, operator, right) if in_function and type(operator) in ARITHMETIC:
            yield ast.BinOp(left, ARITHMETIC[type(operator)](), right)
        case ast.Lambda(arguments, body) if not isinstance(body, ast.Constant):
            yield ast.Lambda(arguments, ast.Constant(None))
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)


def _mutate_statement(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.Return(value) if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(ast.Call() | ast.Await()):
            yield ast.Pass()
