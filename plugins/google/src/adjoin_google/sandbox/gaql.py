"""The Google Ads query language: from text to a query. What the words mean is not known here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from adjoin_google.sandbox.errors import Refusal, invalid

__all__ = ["Condition", "Order", "Query", "Value", "parse", "query_error"]

Kind: TypeAlias = Literal["string", "number", "word"]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    | (?P<word>[A-Za-z_][\w.]*(?:/\d+)?)
    | (?P<symbol><=|>=|!=|[=<>(),*])
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARING = frozenset({"=", "!=", ">", ">=", "<", "<="})
_CLAUSES = frozenset({"FROM", "WHERE", "ORDER", "LIMIT", "PARAMETERS"})


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is written, without its quotes."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; `operator` is upper case with single spaces (`NOT IN`, `CONTAINS ANY`, `IS NOT NULL`)."""

    field: str
    operator: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query as it is written. Catalogue queries have no resource."""

    fields: tuple[str, ...]
    resource: str
    conditions: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    parameters: Mapping[str, str]

    @property
    def keeps_resource_names(self) -> bool:
        """Whether rows carry the resource names that were not asked for."""
        return self.parameters.get("omit_unselected_resource_names") != "true"


def query_error(code: str, message: str) -> Refusal:
    return invalid("queryError", code, message)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    kind: str

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


def parse(text: str, *, needs_from: bool = True) -> Query:
    """Read a query; refuses what does not follow the grammar with the error of the place."""
    return _Parser(_tokens(text)).query(needs_from=needs_from)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at, text = 0, text.rstrip().removesuffix(";").rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            rest = text[at:].lstrip()
            if rest[:1] in ("'", '"'):
                raise query_error("STRING_NOT_TERMINATED", f"Error in query: string not terminated: {rest}.")
            raise query_error("BAD_SYMBOL", f"Error in query: unexpected input {rest[:20]}.")
        tokens.append(_Token(found[found.lastgroup or 0], found.lastgroup or ""))
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    # --- moving on ----------------------------------------------------------------------------------------------------

    @property
    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _is(self, *words: str) -> bool:
        """Whether the next words are these."""
        ahead = self._tokens[self._at : self._at + len(words)]
        return [token.upper or token.text for token in ahead] == list(words)

    def _accept(self, *words: str) -> bool:
        if not self._is(*words):
            return False
        self._at += len(words)
        return True

    def _take(self) -> _Token:
        token = self._next
        if token is None:
            raise query_error("UNEXPECTED_END_OF_QUERY", "Error in query: unexpected end of query.")
        self._at += 1
        return token

    def _name(self, clause: str) -> str:
        token = self._take()
        if token.kind != "word":
            raise query_error("BAD_FIELD_NAME", f"Error in {clause} clause: invalid field name '{token.text}'.")
        return token.text

    # --- clauses ------------------------------------------------------------------------------------------------------

    def query(self, *, needs_from: bool) -> Query:
        if not self._accept("SELECT"):
            raise query_error("EXPECTED_SELECT", "Error in query: expected SELECT clause.")
        fields = [self._name("SELECT")]
        while self._accept(","):
            fields.append(self._name("SELECT"))
        resource = self._from(needs_from=needs_from)
        conditions: list[Condition] = []
        if self._accept("WHERE"):
            conditions.append(self._condition())
            while self._accept("AND"):
                conditions.append(self._condition())
            if (token := self._next) is not None and token.upper not in _CLAUSES:
                raise query_error("EXPECTED_AND", f"Error in WHERE clause: expected AND before '{token.text}'.")
        order = self._order()
        limit = self._limit()
        parameters = self._parameters()
        if (token := self._next) is not None:
            raise query_error("UNEXPECTED_INPUT", f"Error in query: unexpected input {token.text}.")
        return Query(
            fields=tuple(dict.fromkeys(fields)),
            resource=resource,
            conditions=tuple(conditions),
            order=order,
            limit=limit,
            parameters=parameters,
        )

    def _from(self, *, needs_from: bool) -> str:
        if not needs_from:
            if self._is("FROM"):
                raise query_error("UNEXPECTED_FROM_CLAUSE", "Error in query: unexpected FROM clause.")
            return ""
        if not self._accept("FROM"):
            token = self._next
            if token is not None and token.upper not in _CLAUSES:
                raise query_error("UNEXPECTED_INPUT", f"Error in SELECT clause: unexpected input {token.text}.")
            raise query_error("EXPECTED_FROM", "Error in query: expected FROM clause.")
        resource = self._name("FROM")
        if self._is(","):
            raise query_error("UNEXPECTED_INPUT", "Error in FROM clause: only one resource can be specified.")
        return resource

    def _condition(self) -> Condition:
        field = self._name("WHERE")
        token = self._take()
        if token.text in _COMPARING:
            if self._is("("):
                raise query_error("EXPECTED_SINGLE_VALUE", f"Error in WHERE clause: expected one value for {field}.")
            return Condition(field=field, operator=token.text, values=(self._value(),))
        match token.upper:
            case "IS":
                negated = self._accept("NOT")
                if not self._accept("NULL"):
                    raise query_error("BAD_OPERATOR", "Error in WHERE clause: expected NULL after IS.")
                return Condition(field=field, operator="IS NOT NULL" if negated else "IS NULL")
            case "IN":
                return Condition(field=field, operator="IN", values=self._values(field))
            case "CONTAINS":
                which = self._take().upper
                if which not in ("ANY", "ALL", "NONE"):
                    raise query_error("BAD_OPERATOR", "Error in WHERE clause: CONTAINS needs ANY, ALL or NONE.")
                return Condition(field=field, operator=f"CONTAINS {which}", values=self._values(field))
            case "LIKE" | "REGEXP_MATCH" | "DURING":
                return Condition(field=field, operator=token.upper, values=(self._value(),))
            case "BETWEEN":
                low = self._value()
                if not self._accept("AND"):
                    raise query_error("EXPECTED_VALUE_WITH_BETWEEN_OPERATOR", "Error in WHERE clause: expected AND.")
                return Condition(field=field, operator="BETWEEN", values=(low, self._value()))
            case "NOT":
                which = self._take().upper
                if which == "IN":
                    return Condition(field=field, operator="NOT IN", values=self._values(field))
                if which in ("LIKE", "REGEXP_MATCH"):
                    return Condition(field=field, operator=f"NOT {which}", values=(self._value(),))
        raise query_error("BAD_OPERATOR", f"Error in WHERE clause: invalid operator '{token.text}' after {field}.")

    def _value(self) -> Value:
        token = self._take()
        if token.kind == "symbol":
            raise query_error("BAD_VALUE", f"Error in WHERE clause: invalid value '{token.text}'.")
        if token.kind == "string":
            return Value(re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL), "string")
        return Value(token.text, "number" if token.kind == "number" else "word")

    def _values(self, field: str) -> tuple[Value, ...]:
        if not self._accept("("):
            raise query_error("EXPECTED_LIST", f"Error in WHERE clause: expected a list of values for {field}.")
        if self._is(")"):
            raise query_error("PROHIBITED_EMPTY_LIST_IN_CONDITION", "Error in WHERE clause: the list is empty.")
        values = [self._value()]
        while self._accept(","):
            values.append(self._value())
        if not self._accept(")"):
            raise query_error("EXPECTED_LIST", f"Error in WHERE clause: the list of {field} is not closed.")
        if len(values) > 20_000:
            raise query_error("FILTER_HAS_TOO_MANY_VALUES", "Error in WHERE clause: request contains too many values.")
        return tuple(values)

    def _order(self) -> tuple[Order, ...]:
        if not self._accept("ORDER"):
            return ()
        if not self._accept("BY"):
            raise query_error("EXPECTED_BY", "Error in query: expected BY after ORDER.")
        order: list[Order] = []
        while not order or self._accept(","):
            name = self._name("ORDER BY")
            descending = self._accept("DESC")
            if not descending:
                self._accept("ASC")
            order.append(Order(field=name, descending=descending))
        return tuple(order)

    def _limit(self) -> int | None:
        if not self._accept("LIMIT"):
            return None
        text = self._take().text
        if not text.isdecimal():
            raise query_error("BAD_LIMIT_VALUE", f"Error in LIMIT clause: invalid value '{text}'.")
        if int(text) < 1:
            raise query_error("LIMIT_VALUE_TOO_LOW", "Error in LIMIT clause: the limit must be at least 1.")
        return int(text)

    def _parameters(self) -> dict[str, str]:
        parameters: dict[str, str] = {}
        if not self._accept("PARAMETERS"):
            return parameters
        while not parameters or self._accept(","):
            name = self._name("PARAMETERS")
            if name not in ("include_drafts", "omit_unselected_resource_names"):
                raise query_error("BAD_PARAMETER_NAME", f"Error in PARAMETERS clause: unknown parameter '{name}'.")
            value = self._take().text if self._accept("=") else ""
            if value not in ("true", "false"):
                raise query_error("BAD_PARAMETER_VALUE", f"Error in PARAMETERS clause: invalid value '{value}'.")
            parameters[name] = value
        return parameters
