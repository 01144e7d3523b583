//! Reads tokens into a [`Query`]. Names are not looked up here.

use super::Refusal;
use super::ast::{
    Column, Filter, Function, Literal, LiteralValue, Name, Operator, Order, Query, Select, Set, Which,
};
use super::lexer::{Kind, Token, tokens};

/// Parses a whole query.
pub(in super::super) fn parse(text: &str) -> Result<Query, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::plain("MALFORMED_QUERY", "unexpected token: <EOF>"));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
    };
    let query = parser.query()?;
    parser.expect_end()?;
    Ok(query)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

const END: Token = Token {
    kind: Kind::End,
    at: usize::MAX,
};
/// Words that may follow FROM's object and so are not its alias.
const CLAUSES: [&str; 12] = [
    "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "ALL", "FOR", "WITH", "USING", "AS", "UPDATE",
];

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&END)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn unexpected<T>(&self) -> Result<T, Refusal> {
        let token = self.peek();
        Err(Refusal::malformed(
            format!("unexpected token: '{}'", token.kind.shown()),
            token.at,
        ))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.peek().kind, Kind::Word(w) if w.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Refusal> {
        if self.take_word(word) {
            Ok(())
        } else {
            self.unexpected()
        }
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek().kind, Kind::Sign(s) if s == sign);
        self.at += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Result<(), Refusal> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            self.unexpected()
        }
    }

    fn expect_end(&mut self) -> Result<(), Refusal> {
        if self.peek().kind == Kind::End {
            Ok(())
        } else {
            self.unexpected()
        }
    }

    fn name(&mut self) -> Result<Name, Refusal> {
        match &self.peek().kind {
            Kind::Word(text) => {
                let name = Name {
                    text: text.clone(),
                    at: self.peek().at,
                };
                self.at += 1;
                Ok(name)
            }
            _ => self.unexpected(),
        }
    }

    fn query(&mut self) -> Result<Query, Refusal> {
        self.expect_word("SELECT")?;
        let mut select = vec![self.select_item()?];
        while self.take_sign(",") {
            select.push(self.select_item()?);
        }
        self.expect_word("FROM")?;
        let from = self.name()?;
        self.take_word("AS");
        let alias = match &self.peek().kind {
            Kind::Word(w) if !CLAUSES.iter().any(|c| w.eq_ignore_ascii_case(c)) => Some(self.name()?.text),
            _ => None,
        };
        let filter = if self.take_word("WHERE") {
            Some(self.condition()?)
        } else {
            None
        };
        let mut group_by = Vec::new();
        if self.take_word("GROUP") {
            self.expect_word("BY")?;
            group_by = self.list(Self::column)?;
        }
        let having = if self.take_word("HAVING") {
            Some(self.condition()?)
        } else {
            None
        };
        let mut order_by = Vec::new();
        if self.take_word("ORDER") {
            self.expect_word("BY")?;
            order_by = self.list(Self::order)?;
        }
        let limit = if self.take_word("LIMIT") {
            Some(self.whole_number()?)
        } else {
            None
        };
        let offset = if self.take_word("OFFSET") {
            self.whole_number()?
        } else {
            0
        };
        let all_rows = self.take_word("ALL");
        if all_rows {
            self.expect_word("ROWS")?;
        }
        Ok(Query {
            select,
            from,
            alias,
            filter,
            group_by,
            having,
            order_by,
            limit,
            offset,
            all_rows,
        })
    }

    fn list<T>(&mut self, item: fn(&mut Self) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
        let mut items = vec![item(self)?];
        while self.take_sign(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn whole_number(&mut self) -> Result<u64, Refusal> {
        match self.peek().kind {
            Kind::Number(n) if n.is_integer() && !n.is_sign_negative() => {
                self.at += 1;
                Ok(u64::try_from(n).unwrap_or(u64::MAX))
            }
            _ => self.unexpected(),
        }
    }

    fn select_item(&mut self) -> Result<Select, Refusal> {
        if self.take_sign("(") {
            let query = self.query()?;
            self.expect_sign(")")?;
            return Ok(Select::Children(Box::new(query)));
        }
        let start = self.at;
        let name = self.name()?;
        if self.take_sign("(") {
            if name.text.eq_ignore_ascii_case("FIELDS") {
                return self.fields_macro(name.at);
            }
            if name.text.eq_ignore_ascii_case("COUNT") && self.take_sign(")") {
                return Ok(Select::Count);
            }
        }
        self.at = start;
        let column = self.column()?;
        let alias = match &self.peek().kind {
            Kind::Word(w) if !w.eq_ignore_ascii_case("FROM") => Some(self.name()?.text),
            _ => None,
        };
        Ok(Select::Column { column, alias })
    }

    fn fields_macro(&mut self, at: usize) -> Result<Select, Refusal> {
        let which = match self.name()?.text.to_ascii_uppercase().as_str() {
            "ALL" => Which::All,
            "STANDARD" => Which::Standard,
            "CUSTOM" => Which::Custom,
            _ => {
                self.at -= 1;
                return self.unexpected();
            }
        };
        self.expect_sign(")")?;
        Ok(Select::Fields { which, at })
    }

    fn column(&mut self) -> Result<Column, Refusal> {
        let name = self.name()?;
        if !self.take_sign("(") {
            return Ok(Column {
                function: None,
                path: name,
            });
        }
        let Some(function) = Function::named(&name.text) else {
            return Err(Refusal::malformed(
                format!("unexpected token: '{}'", name.text),
                name.at,
            ));
        };
        let path = self.name()?;
        self.expect_sign(")")?;
        Ok(Column {
            function: Some(function),
            path,
        })
    }

    fn order(&mut self) -> Result<Order, Refusal> {
        let column = self.column()?;
        let descending = !self.take_word("ASC") && self.take_word("DESC");
        let mut nulls_last = false;
        if self.take_word("NULLS") {
            nulls_last = self.take_word("LAST");
            if !nulls_last {
                self.expect_word("FIRST")?;
            }
        }
        Ok(Order {
            column,
            descending,
            nulls_last,
        })
    }

    /// Conditions joined by AND, or by OR. SOQL refuses both at one level without parentheses.
    fn condition(&mut self) -> Result<Filter, Refusal> {
        let first = self.simple_condition()?;
        let (word, other) = if self.is_word("AND") {
            ("AND", "OR")
        } else {
            ("OR", "AND")
        };
        let mut all = vec![first];
        while self.take_word(word) {
            all.push(self.simple_condition()?);
        }
        if self.is_word(other) {
            return self.unexpected();
        }
        match (all.len(), word) {
            (1, _) => all.pop().map_or_else(|| self.unexpected(), Ok),
            (_, "AND") => Ok(Filter::And(all)),
            _ => Ok(Filter::Or(all)),
        }
    }

    fn simple_condition(&mut self) -> Result<Filter, Refusal> {
        if self.take_word("NOT") {
            return Ok(Filter::Not(Box::new(self.simple_condition()?)));
        }
        if self.take_sign("(") {
            let inner = self.condition()?;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        let column = self.column()?;
        let negated = self.take_word("NOT");
        if self.take_word("IN") {
            return self.in_set(column, negated);
        }
        if negated {
            return self.unexpected();
        }
        if self.is_word("INCLUDES") || self.is_word("EXCLUDES") {
            let negated = self.take_word("EXCLUDES") || !self.take_word("INCLUDES");
            self.expect_sign("(")?;
            let values = self.list(Self::literal)?;
            self.expect_sign(")")?;
            return Ok(Filter::Includes {
                column,
                negated,
                values,
            });
        }
        let operator = self.operator()?;
        let literal = self.literal()?;
        Ok(Filter::Compare {
            column,
            operator,
            literal,
        })
    }

    fn in_set(&mut self, column: Column, negated: bool) -> Result<Filter, Refusal> {
        self.expect_sign("(")?;
        let set = if self.is_word("SELECT") {
            Set::Query(Box::new(self.query()?))
        } else {
            Set::Values(self.list(Self::literal)?)
        };
        self.expect_sign(")")?;
        Ok(Filter::In { column, negated, set })
    }

    fn operator(&mut self) -> Result<Operator, Refusal> {
        let operator = match &self.peek().kind {
            Kind::Sign("=") => Operator::Equal,
            Kind::Sign("!=" | "<>") => Operator::NotEqual,
            Kind::Sign("<") => Operator::Less,
            Kind::Sign("<=") => Operator::LessOrEqual,
            Kind::Sign(">") => Operator::Greater,
            Kind::Sign(">=") => Operator::GreaterOrEqual,
            Kind::Word(w) if w.eq_ignore_ascii_case("LIKE") => Operator::Like,
            _ => return self.unexpected(),
        };
        self.at += 1;
        Ok(operator)
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        let token = self.next();
        let value = match token.kind {
            Kind::Text(text) => LiteralValue::Text(text),
            Kind::Number(number) => LiteralValue::Number(number),
            Kind::Date(date) => LiteralValue::Date(date),
            Kind::DateTime(at) => LiteralValue::DateTime(at),
            Kind::Word(word) => self.word_literal(&word),
            _ => {
                self.at -= 1;
                return self.unexpected();
            }
        };
        Ok(Literal { value, at: token.at })
    }

    fn word_literal(&mut self, word: &str) -> LiteralValue {
        match word.to_ascii_uppercase().as_str() {
            "NULL" => LiteralValue::Null,
            "TRUE" => LiteralValue::Bool(true),
            "FALSE" => LiteralValue::Bool(false),
            _ => {
                let mut n = None;
                if self.take_sign(":")
                    && let Ok(count) = self.whole_number()
                {
                    n = u32::try_from(count).ok();
                }
                LiteralValue::Period {
                    name: word.to_owned(),
                    n,
                }
            }
        }
    }
}
