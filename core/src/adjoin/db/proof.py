"""Proves of a SQL statement that it stays within one workspace, from its text, before it is sent.

A statement passes when every table in it is held to a workspace by a condition that every row has to meet
(`table.workspace_id = :value`, directly or by way of another table) and everything that it writes carries the
workspace. Which workspace is looked at with each execution; the text is read once and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from adjoin.db.tenancy import APPEND_ONLY, INSTALLATION, key_of

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["Proof", "prove"]

#: What SQLAlchemy leaves in a statement for values; quoted text is matched first, so that it stays as it is.
_PLACES = re.compile(
    r"""(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")"""
    r"|__\[POSTCOMPILE_(?P<later>[^\]~]+?)(?:~~.*?~~)?\]|%\((?P<named>[^)]+)\)s|(?P<nth>\?)|(?P<percent>%%)"
)
#: A function that could change the claims that row-level security goes by.
_FORBIDDEN_FUNCTIONS = frozenset({"set_config"})


@dataclass(frozen=True, slots=True)
class Proof:
    """What has to be equal to the workspace: of each group one value at least. Or why nothing helps."""

    groups: tuple[frozenset[str], ...] = ()
    refused: str = ""

    def problem(self, workspace_id: str, values: Sequence[Mapping[str, object]]) -> str:
        """Return why the statement must not be sent with these values, or nothing. A text `'x'` is named `='x'`."""
        if self.refused:
            return self.refused
        literal = f"={workspace_id}"
        for group in self.groups:
            if literal in group:
                continue
            for row in values:
                if not any(row.get(name) == workspace_id for name in group):
                    return "it names another workspace"
        return ""


class _Refused(Exception):
    """The statement cannot be proven."""


@lru_cache(maxsize=4096)
def prove(sql: str, positions: tuple[str, ...] | None, dialect: str) -> Proof:
    """Read a statement as SQLAlchemy compiled it; `positions` names the values behind its question marks in order."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    names: list[str] = []
    try:
        text = _with_names(sql, positions, names)
        # sqlglot calls PostgreSQL by its short name.
        trees = sqlglot.parse(text, dialect="postgres" if dialect == "postgresql" else dialect)
    except (SqlglotError, IndexError):
        return Proof(refused="it cannot be understood well enough to be checked")
    if len(trees) != 1 or not isinstance(trees[0], (exp.Query, exp.Insert, exp.Update, exp.Delete)):
        return Proof(refused="only single statements that read, insert, update or delete can be checked")
    try:
        return Proof(groups=tuple(dict.fromkeys(_Reader(trees[0], names).groups())))
    except _Refused as error:
        return Proof(refused=str(error))


def _with_names(sql: str, positions: tuple[str, ...] | None, names: list[str]) -> str:
    """Return the statement with `:p0`, `:p1` ... for its values, and put their names into `names`."""
    left = iter(positions or ())

    def place(found: re.Match[str]) -> str:
        if found["quoted"] is not None:
            return found["quoted"]
        if found["percent"] is not None:
            return "%"
        if found["nth"] is not None and positions is None:
            return "?"
        # Both other kinds count where values have positions.
        names.append(found["named"] or (found["later"] if positions is None else next(left, "")))
        return f":p{len(names) - 1}"

    return _PLACES.sub(place, sql)


@dataclass(frozen=True, slots=True)
class _Node:
    """A column of something in a FROM clause; `alias` as the statement calls it."""

    alias: str
    column: str


class _Reader:
    """Goes over a parsed statement."""

    def __init__(self, tree: exp.Expr, names: Sequence[str]) -> None:
        from sqlglot import exp

        self._exp = exp
        self.tree = tree
        self._names = names
        self._blocks: dict[int, _Block] = {}

    def groups(self) -> Iterator[frozenset[str]]:
        exp = self._exp
        for function in self.tree.find_all(exp.Anonymous):
            if function.name.lower() in _FORBIDDEN_FUNCTIONS:
                raise _Refused(f"{function.name} is not for sessions of a workspace")
        if self.tree.find(exp.Into):
            raise _Refused("it makes a table")
        for table in self.tree.find_all(exp.Table):
            if not isinstance(table.this, exp.Identifier) or table.find_ancestor(exp.Lock):
                continue  # a function such as json_each, or a table that is named again to be locked
            if self._is_cte(table):
                continue
            owner = table.find_ancestor(exp.Select, exp.Insert, exp.Update, exp.Delete)
            yield from self._table(table, owner)
        for statement in self.tree.find_all(exp.Update):
            yield from self._assignments(statement.this.name, statement.expressions)

    def _is_cte(self, table: exp.Table) -> bool:
        """Say whether a name is that of a WITH which counts here. In its own body it only does in a recursive one."""
        exp = self._exp
        inside: Any = table
        while not table.db and inside.parent is not None:
            above = inside.parent
            ctes = above.expressions if isinstance(above, exp.With) else ()
            if not ctes and (found := above.args.get("with_")) is not None and found is not inside:
                ctes = found.expressions
            for cte in ctes:
                if cte is inside and not above.args.get("recursive"):
                    break  # those that follow do not count here
                if cte.alias.lower() == table.name.lower():
                    return True
            inside = above
        return False

    def _table(self, table: exp.Table, owner: exp.Expr | None) -> Iterator[frozenset[str]]:
        exp = self._exp
        name = table.name.lower()
        if owner is None:
            raise _Refused(f"it reads all of {name}")
        written = not isinstance(owner, exp.Select) and (table is owner.this or table is owner.this.this)
        if name in INSTALLATION:
            raise _Refused(f"{name} belongs to the installation, not to a workspace")
        if written and name == "users":
            raise _Refused("users belong to the installation; a workspace may only read its members")
        if written and name == "workspaces" and not isinstance(owner, exp.Update):
            raise _Refused("a workspace is made and removed by the installation")
        if written and name in APPEND_ONLY and not isinstance(owner, exp.Insert):
            raise _Refused(f"entries of {name} cannot be changed or removed")
        if isinstance(owner, exp.Insert):
            yield from self._insert(owner, name)
            return
        block = self._block(owner)
        alias = table.alias_or_name
        if name == "users":
            if not block.is_member(alias):
                raise _Refused("users can only be read as members: join members, with a condition on its workspace")
            return
        node = _Node(alias, key_of(name))
        values = block.values(node)
        if not values:
            raise _Refused(f"nothing holds {alias}.{node.column} to the workspace")
        yield values

    def _insert(self, insert: exp.Expr, name: str) -> Iterator[frozenset[str]]:
        exp = self._exp
        key = key_of(name)
        target = insert.this
        columns = [column.name for column in target.expressions] if isinstance(target, exp.Schema) else []
        if key not in columns:
            raise _Refused(f"a row for {name} has no {key}")
        place = columns.index(key)
        if insert.args.get("alternative"):
            raise _Refused("REPLACE may remove rows of other workspaces")
        source = insert.expression
        if isinstance(source, exp.Values):
            for row in source.expressions:
                yield self._given(row.expressions[place], name)
        elif isinstance(source, exp.Select) and place < len(source.expressions):
            item = source.expressions[place].unalias()
            if isinstance(item, exp.Column):
                values = self._block(source).values(self._block(source).node(item))
                if not values:
                    raise _Refused(f"nothing holds {name}.{key} to the workspace")
                yield values
            else:
                yield self._given(item, name)
        else:
            raise _Refused(f"where the rows for {name} come from cannot be checked")
        conflict = insert.args.get("conflict")
        if conflict is not None and conflict.expressions:
            keys = {column.name for part in conflict.args.get("conflict_keys") or () for column in self._columns(part)}
            if key not in keys:
                raise _Refused(f"a conflict that does not count {key} may change rows of other workspaces")
            yield from self._assignments(name, conflict.expressions)

    def _assignments(self, name: str, expressions: Sequence[exp.Expr]) -> Iterator[frozenset[str]]:
        """The values of a SET clause that move a row to a workspace."""
        exp = self._exp
        for one in expressions:
            if not isinstance(one, exp.EQ) or not isinstance(one.this, exp.Column):
                raise _Refused("what it sets cannot be checked")
            if one.this.name == key_of(name):
                yield self._given(one.expression, name)

    def _given(self, value: exp.Expr, name: str) -> frozenset[str]:
        given = self.value(value)
        if not given:
            raise _Refused(f"the workspace of what is written to {name} cannot be checked; give it as a value")
        return frozenset({given})

    def value(self, expression: exp.Expr) -> str:
        """Return the name of a value, `=` and the text of a literal, or nothing for anything else."""
        exp = self._exp
        bare = self.bare(expression)
        if isinstance(bare, exp.Placeholder):
            return self._names[int(bare.name.removeprefix("p"))]
        return f"={bare.name}" if isinstance(bare, exp.Literal) and bare.is_string else ""

    def bare(self, expression: exp.Expr) -> exp.Expr:
        """Return what is inside of casts and brackets."""
        exp = self._exp
        while isinstance(expression, (exp.Cast, exp.Paren)):
            expression = expression.this
        return expression

    def _columns(self, part: exp.Expr) -> Iterator[exp.Expr]:
        exp = self._exp
        yield from part.find_all(exp.Column)
        if isinstance(part, exp.Identifier):
            yield part

    def _block(self, owner: exp.Expr) -> _Block:
        if id(owner) not in self._blocks:
            exp = self._exp
            above = owner.find_ancestor(exp.Select, exp.Update, exp.Delete)
            self._blocks[id(owner)] = _Block(self, owner, self._block(above) if above is not None else None)
        return self._blocks[id(owner)]


class _Block:
    """One SELECT, UPDATE or DELETE, and what its conditions say of all rows that it gives."""

    def __init__(self, reader: _Reader, owner: exp.Expr, above: _Block | None) -> None:
        from sqlglot import exp

        self._exp = exp
        self._reader = reader
        self._owner = owner
        self._above = above
        self._pins: dict[_Node, set[str]] = {}
        #: What is equal to a column, whenever the row of that column is there at all.
        self._equal: dict[_Node, set[_Node]] = {}
        self._among: list[tuple[_Node, exp.Expr]] = []
        joins = owner.args.get("joins") or []
        outer = any(join.side in ("RIGHT", "FULL") for join in joins)
        where = owner.args.get("where")
        for condition in self._all_of(where.this if where is not None else None):
            self._learn(condition, only=None)
        for join in joins:
            if outer or join.method or join.kind not in ("", "INNER", "CROSS", "OUTER"):
                continue  # such a join lets rows through that its condition does not hold for
            for condition in self._all_of(join.args.get("on")):
                self._learn(condition, only=join.this.alias_or_name if join.side == "LEFT" else None)

    @cached_property
    def sources(self) -> dict[str, str]:
        """What is read or written here: its alias, and its name where it is a table."""
        exp = self._exp
        mine = [one for one in self._owner.find_all(exp.Table, exp.Subquery) if self._is_here(one)]
        return {one.alias_or_name: one.name.lower() if isinstance(one, exp.Table) else "" for one in mine}

    def _is_here(self, part: exp.Expr) -> bool:
        exp = self._exp
        return (
            part.find_ancestor(exp.Select, exp.Update, exp.Delete) is self._owner
            and part.find_ancestor(exp.Lock) is None
            and (isinstance(part, exp.Table) or isinstance(part.parent, (exp.From, exp.Join)))
        )

    def node(self, column: exp.Column) -> _Node:
        """Return a column with the alias of what it belongs to; without one, it can only be of a single source."""
        alias = column.table or (next(iter(self.sources)) if len(self.sources) == 1 else "")
        return _Node(alias, column.name)

    def values(self, node: _Node) -> frozenset[str]:
        """Return the names of the values that a column is equal to in every row."""
        if node.alias not in self.sources:
            return self._above.values(node) if self._above is not None else frozenset()
        return frozenset().union(
            *(
                self._pins.get(one, set()) if one.alias in self.sources else self.values(one)
                for one in self._reach(node)
            )
        )

    def is_member(self, users: str) -> bool:
        """Say whether rows of users, by this alias, are there only where a row of members names them."""
        wanted = _Node(users, "id")
        if any(one.column == "user_id" and self.table_of(one.alias) == "members" for one in self._reach(wanted)):
            return True
        return any(node == wanted and self._gives_members(query) for node, query in self._among)

    def table_of(self, alias: str) -> str:
        if alias in self.sources:
            return self.sources[alias]
        return self._above.table_of(alias) if self._above is not None else ""

    def _gives_members(self, query: exp.Expr) -> bool:
        exp = self._exp
        inner = query.this if isinstance(query, exp.Subquery) else query
        if not isinstance(inner, exp.Select) or len(inner.expressions) != 1:
            return False
        column = inner.expressions[0].unalias()
        if not isinstance(column, exp.Column) or column.name != "user_id":
            return False
        block = self._reader._block(inner)  # noqa: SLF001 - the two read one statement together
        return block.sources.get(block.node(column).alias) == "members"

    def _reach(self, node: _Node) -> set[_Node]:
        found, todo = {node}, [node]
        while todo:
            for other in self._equal.get(todo.pop(), set()) - found:
                found.add(other)
                todo.append(other)
        return found

    def _all_of(self, condition: exp.Expr | None) -> Iterator[exp.Expr]:
        """The conditions that have to hold together."""
        exp = self._exp
        if isinstance(condition, exp.Paren):
            yield from self._all_of(condition.this)
        elif isinstance(condition, exp.And):
            yield from self._all_of(condition.this)
            yield from self._all_of(condition.expression)
        elif condition is not None:
            yield condition

    def _learn(self, condition: exp.Expr, *, only: str | None) -> None:
        """Note what a condition says; with `only`, of nothing but the columns of that alias."""
        exp = self._exp
        if isinstance(condition, exp.In) and condition.args.get("query") and isinstance(condition.this, exp.Column):
            node = self.node(condition.this)
            if only in (None, node.alias):
                self._among.append((node, condition.args["query"]))
        if not isinstance(condition, exp.EQ):
            return
        sides = [self._reader.bare(condition.this), self._reader.bare(condition.expression)]
        for side, other in (sides, sides[::-1]):
            if not isinstance(side, exp.Column):
                continue
            node = self.node(side)
            if only not in (None, node.alias):
                continue
            if isinstance(other, exp.Column):
                self._equal.setdefault(node, set()).add(self.node(other))
            elif name := self._reader.value(other):
                self._pins.setdefault(node, set()).add(name)
