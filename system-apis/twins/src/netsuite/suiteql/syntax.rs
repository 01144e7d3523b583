//! SuiteQL as a tree: words, expressions and queries, and the parser that makes them.
//!
//! Names are not looked up here.

use rust_decimal::Decimal;

use super::value::Cell;

/// A `SELECT` statement.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) distinct: bool,
    pub(super) items: Vec<Item>,
    pub(super) from: Vec<Source>,
    pub(super) filter: Option<Expr>,
    pub(super) group: Vec<Expr>,
    pub(super) having: Option<Expr>,
    /// Expression and whether it descends.
    pub(super) order: Vec<(Expr, bool)>,
    pub(super) skip: usize,
    pub(super) fetch: Option<usize>,
}

/// One thing to select.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// `*` or `t.*`
    All(Option<String>),
    /// An expression and its column name.
    One(Expr, String),
}

/// One table of `FROM`, and how it is joined to those before it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) table: Table,
    pub(super) alias: String,
    pub(super) outer: bool,
    pub(super) on: Option<Expr>,
}

/// Where rows come from.
#[derive(Debug, Clone)]
pub(super) enum Table {
    Named(String),
    Derived(Box<Query>),
}

/// Two-sided operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Concatenate,
    And,
    Or,
}

/// An expression; `Name` becomes `Column` when it is looked up.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Name(Option<String>, String),
    /// Part of the row, column of the part.
    Column(usize, usize),
    Literal(Cell),
    /// `?`, by position.
    Parameter(usize),
    RowNumber,
    Binary(Operator, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    IsNull(Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    InQuery(Box<Expr>, Box<Query>),
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    Like(Box<Expr>, Box<Expr>),
    /// Branches and the default.
    Case(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    Function(String, Vec<Expr>),
    /// Name, argument (`None` = `*`), distinct.
    Aggregate(String, Option<Box<Expr>>, bool),
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Text(String),
    Number(Decimal),
    Mark(&'static str),
}

const MARKS: [&str; 17] = [
    "<=", ">=", "<>", "!=", "||", "(", ")", ",", ".", "*", "/", "+", "-", "=", "<", ">", "?",
];
const AGGREGATES: [&str; 5] = ["COUNT", "SUM", "MAX", "MIN", "AVG"];
const RESERVED: [&str; 23] = [
    "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "FETCH", "OFFSET", "INNER", "LEFT", "RIGHT", "FULL",
    "CROSS", "JOIN", "ON", "AND", "OR", "NOT", "UNION", "AS", "THEN", "ELSE", "END", "WHEN",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after).trim_start();
            continue;
        }
        let (token, length) = match first {
            '\'' => {
                let (text, length) = quoted(rest, '\'')?;
                (Token::Text(text), length)
            }
            '"' => {
                let (text, length) = quoted(rest, '"')?;
                (Token::Quoted(text), length)
            }
            c if c.is_ascii_digit() => {
                let length = rest
                    .find(|c: char| !c.is_ascii_digit() && c != '.')
                    .unwrap_or(rest.len());
                let digits = rest.get(..length).unwrap_or_default();
                (
                    Token::Number(
                        digits
                            .parse()
                            .map_err(|_| format!("'{digits}' is not a number"))?,
                    ),
                    length,
                )
            }
            c if c.is_alphabetic() || c == '_' => {
                let length = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                    .unwrap_or(rest.len());
                (
                    Token::Word(rest.get(..length).unwrap_or_default().to_owned()),
                    length,
                )
            }
            _ => {
                let mark = MARKS.into_iter().find(|m| rest.starts_with(m));
                let mark = mark.ok_or_else(|| format!("unexpected character '{first}'"))?;
                (Token::Mark(mark), mark.len())
            }
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn quoted(rest: &str, quote: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            text.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            chars.next();
            text.push(quote);
        } else {
            return Ok((text, at + 1));
        }
    }
    Err("a quotation mark is missing".to_owned())
}

/// Parses one statement.
pub(super) fn parse(text: &str) -> Result<Query, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        parameters: 0,
    };
    let query = parser.query()?;
    match parser.tokens.get(parser.at) {
        None => Ok(query),
        Some(token) => Err(format!("unexpected {}", shown(token))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(w) | Token::Quoted(w) | Token::Text(w) => format!("'{w}'"),
        Token::Number(n) => format!("'{n}'"),
        Token::Mark(m) => format!("'{m}'"),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    parameters: usize,
}

impl Parser {
    fn peek_word(&self, ahead: usize) -> Option<String> {
        match self.tokens.get(self.at + ahead) {
            Some(Token::Word(word)) => Some(word.to_uppercase()),
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.peek_word(0).as_deref() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn words(&mut self, words: &[&str]) -> bool {
        let found = words
            .iter()
            .enumerate()
            .all(|(n, w)| self.peek_word(n).as_deref() == Some(w));
        if found {
            self.at += words.len();
        }
        found
    }

    fn mark(&mut self, mark: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Mark(m)) if *m == mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        if self.mark(mark) {
            Ok(())
        } else {
            Err(format!("'{mark}' is expected{}", self.here()))
        }
    }

    fn expect_word(&mut self, word: &str) -> Result<(), String> {
        if self.word(word) {
            Ok(())
        } else {
            Err(format!("{word} is expected{}", self.here()))
        }
    }

    fn here(&self) -> String {
        self.tokens
            .get(self.at)
            .map_or_else(|| " at the end".to_owned(), |t| format!(" before {}", shown(t)))
    }

    fn identifier(&mut self) -> Result<String, String> {
        let name = match self.tokens.get(self.at) {
            Some(Token::Word(word)) if !RESERVED.contains(&word.to_uppercase().as_str()) => word.clone(),
            Some(Token::Quoted(word)) => word.clone(),
            _ => return Err(format!("a name is expected{}", self.here())),
        };
        self.at += 1;
        Ok(name)
    }

    fn count(&mut self) -> Result<usize, String> {
        match self.tokens.get(self.at) {
            Some(Token::Number(n)) => {
                self.at += 1;
                n.to_string()
                    .parse()
                    .map_err(|_| "a whole number is expected".to_owned())
            }
            _ => Err(format!("a number is expected{}", self.here())),
        }
    }

    fn query(&mut self) -> Result<Query, String> {
        self.expect_word("SELECT")?;
        let distinct = self.word("DISTINCT");
        let _all = self.word("ALL");
        let mut items = vec![self.item()?];
        while self.mark(",") {
            items.push(self.item()?);
        }
        self.expect_word("FROM")?;
        let from = self.from()?;
        let filter = if self.word("WHERE") {
            Some(self.expression()?)
        } else {
            None
        };
        let group = if self.words(&["GROUP", "BY"]) {
            self.list()?
        } else {
            Vec::new()
        };
        let having = if self.word("HAVING") {
            Some(self.expression()?)
        } else {
            None
        };
        let order = if self.words(&["ORDER", "BY"]) {
            self.order()?
        } else {
            Vec::new()
        };
        let mut skip = 0;
        if self.word("OFFSET") {
            skip = self.count()?;
            let _rows = self.word("ROWS") || self.word("ROW");
        }
        let mut fetch = None;
        if self.words(&["FETCH", "FIRST"]) || self.words(&["FETCH", "NEXT"]) {
            fetch = Some(self.count()?);
            if !(self.words(&["ROWS", "ONLY"]) || self.words(&["ROW", "ONLY"])) {
                return Err(format!("ROWS ONLY is expected{}", self.here()));
            }
        }
        Ok(Query {
            distinct,
            items,
            from,
            filter,
            group,
            having,
            order,
            skip,
            fetch,
        })
    }

    fn item(&mut self) -> Result<Item, String> {
        if self.mark("*") {
            return Ok(Item::All(None));
        }
        let start = self.at;
        if let Ok(name) = self.identifier()
            && self.mark(".")
            && self.mark("*")
        {
            return Ok(Item::All(Some(name.to_lowercase())));
        }
        self.at = start;
        let expression = self.expression()?;
        let name = match &expression {
            Expr::Name(_, name) => name.clone(),
            _ => "expr".to_owned(),
        };
        let alias = if self.word("AS") {
            Some(self.alias()?)
        } else {
            self.identifier().ok()
        };
        Ok(Item::One(expression, alias.unwrap_or(name).to_lowercase()))
    }

    /// After `AS` any word is a name, and the vendor takes text in quotation marks too.
    fn alias(&mut self) -> Result<String, String> {
        let name = match self.tokens.get(self.at) {
            Some(Token::Word(name) | Token::Quoted(name) | Token::Text(name)) => name.clone(),
            _ => return Err(format!("a name is expected{}", self.here())),
        };
        self.at += 1;
        Ok(name)
    }

    fn from(&mut self) -> Result<Vec<Source>, String> {
        let mut from = vec![self.source(false)?];
        loop {
            let outer = if self.mark(",") || self.words(&["CROSS", "JOIN"]) {
                from.push(self.source(false)?);
                continue;
            } else if self.word("JOIN") || self.words(&["INNER", "JOIN"]) {
                false
            } else if self.words(&["LEFT", "JOIN"]) || self.words(&["LEFT", "OUTER", "JOIN"]) {
                true
            } else if matches!(self.peek_word(0).as_deref(), Some("RIGHT" | "FULL" | "UNION")) {
                return Err(format!(
                    "{} is not supported",
                    self.peek_word(0).unwrap_or_default()
                ));
            } else {
                return Ok(from);
            };
            let mut source = self.source(outer)?;
            self.expect_word("ON")?;
            source.on = Some(self.expression()?);
            from.push(source);
        }
    }

    fn source(&mut self, outer: bool) -> Result<Source, String> {
        let (table, name) = if self.mark("(") {
            let query = self.query()?;
            self.expect(")")?;
            (Table::Derived(Box::new(query)), String::new())
        } else {
            let name = self.identifier()?.to_lowercase();
            (Table::Named(name.clone()), name)
        };
        let _as = self.word("AS");
        let alias = self.identifier().map_or(name, |a| a.to_lowercase());
        Ok(Source {
            table,
            alias,
            outer,
            on: None,
        })
    }

    fn list(&mut self) -> Result<Vec<Expr>, String> {
        let mut list = vec![self.expression()?];
        while self.mark(",") {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn order(&mut self) -> Result<Vec<(Expr, bool)>, String> {
        let mut order = Vec::new();
        loop {
            let expression = self.expression()?;
            let descends = self.word("DESC");
            let _asc = self.word("ASC");
            let _nulls = self.words(&["NULLS", "FIRST"]) || self.words(&["NULLS", "LAST"]);
            order.push((expression, descends));
            if !self.mark(",") {
                return Ok(order);
            }
        }
    }

    fn expression(&mut self) -> Result<Expr, String> {
        let mut left = self.conjunction()?;
        while self.word("OR") {
            left = Expr::Binary(Operator::Or, Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expr, String> {
        let mut left = self.negation()?;
        while self.word("AND") {
            left = Expr::Binary(Operator::And, Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expr, String> {
        if self.word("NOT") {
            return Ok(Expr::Not(Box::new(self.negation()?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        let left = self.sum()?;
        let operators = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<>", Operator::NotEqual),
            ("!=", Operator::NotEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        for (mark, operator) in operators {
            if self.mark(mark) {
                return Ok(Expr::Binary(operator, Box::new(left), Box::new(self.sum()?)));
            }
        }
        if self.words(&["IS", "NOT", "NULL"]) {
            return Ok(Expr::Not(Box::new(Expr::IsNull(Box::new(left)))));
        }
        if self.words(&["IS", "NULL"]) {
            return Ok(Expr::IsNull(Box::new(left)));
        }
        let negated =
            matches!(self.peek_word(1).as_deref(), Some("IN" | "LIKE" | "BETWEEN")) && self.word("NOT");
        let test = if self.word("IN") {
            self.membership(left)?
        } else if self.word("LIKE") {
            Expr::Like(Box::new(left), Box::new(self.sum()?))
        } else if self.word("BETWEEN") {
            let low = self.sum()?;
            self.expect_word("AND")?;
            Expr::Between(Box::new(left), Box::new(low), Box::new(self.sum()?))
        } else {
            return Ok(left);
        };
        Ok(if negated { Expr::Not(Box::new(test)) } else { test })
    }

    fn membership(&mut self, left: Expr) -> Result<Expr, String> {
        self.expect("(")?;
        let test = if self.peek_word(0).as_deref() == Some("SELECT") {
            Expr::InQuery(Box::new(left), Box::new(self.query()?))
        } else {
            Expr::In(Box::new(left), self.list()?)
        };
        self.expect(")")?;
        Ok(test)
    }

    fn sum(&mut self) -> Result<Expr, String> {
        let mut left = self.product()?;
        loop {
            let operator = if self.mark("+") {
                Operator::Add
            } else if self.mark("-") {
                Operator::Subtract
            } else if self.mark("||") {
                Operator::Concatenate
            } else {
                return Ok(left);
            };
            left = Expr::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expr, String> {
        let mut left = self.operand()?;
        loop {
            let operator = if self.mark("*") {
                Operator::Multiply
            } else if self.mark("/") {
                Operator::Divide
            } else {
                return Ok(left);
            };
            left = Expr::Binary(operator, Box::new(left), Box::new(self.operand()?));
        }
    }

    fn operand(&mut self) -> Result<Expr, String> {
        if self.mark("-") {
            return Ok(Expr::Negative(Box::new(self.operand()?)));
        }
        if self.mark("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.mark("?") {
            self.parameters += 1;
            return Ok(Expr::Parameter(self.parameters - 1));
        }
        match self.tokens.get(self.at).cloned() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(Expr::Literal(Cell::Text(text)))
            }
            Some(Token::Number(number)) => {
                self.at += 1;
                Ok(Expr::Literal(Cell::Number(number)))
            }
            Some(Token::Word(word)) => match word.to_uppercase().as_str() {
                "NULL" => {
                    self.at += 1;
                    Ok(Expr::Literal(Cell::Null))
                }
                "ROWNUM" => {
                    self.at += 1;
                    Ok(Expr::RowNumber)
                }
                "CASE" => {
                    self.at += 1;
                    self.case()
                }
                _ => self.name_or_call(),
            },
            _ => self.name_or_call(),
        }
    }

    fn case(&mut self) -> Result<Expr, String> {
        let subject = if self.peek_word(0).as_deref() == Some("WHEN") {
            None
        } else {
            Some(self.expression()?)
        };
        let mut branches = Vec::new();
        while self.word("WHEN") {
            let when = self.expression()?;
            let when = match &subject {
                Some(subject) => Expr::Binary(Operator::Equal, Box::new(subject.clone()), Box::new(when)),
                None => when,
            };
            self.expect_word("THEN")?;
            branches.push((when, self.expression()?));
        }
        let otherwise = if self.word("ELSE") {
            Some(Box::new(self.expression()?))
        } else {
            None
        };
        self.expect_word("END")?;
        Ok(Expr::Case(branches, otherwise))
    }

    fn name_or_call(&mut self) -> Result<Expr, String> {
        let first = self.identifier()?;
        let second = if self.mark(".") {
            Some(self.identifier()?)
        } else {
            None
        };
        if self.mark("(") {
            let name = match &second {
                Some(second) => format!("{first}.{second}"),
                None => first,
            };
            return self.call(name.to_uppercase());
        }
        Ok(match second {
            Some(name) => Expr::Name(Some(first.to_lowercase()), name.to_lowercase()),
            None => match first.to_uppercase().as_str() {
                "SYSDATE" | "CURRENT_DATE" | "CURRENT_TIMESTAMP" => {
                    Expr::Function(first.to_uppercase(), Vec::new())
                }
                _ => Expr::Name(None, first.to_lowercase()),
            },
        })
    }

    fn call(&mut self, name: String) -> Result<Expr, String> {
        if AGGREGATES.contains(&name.as_str()) {
            let distinct = self.word("DISTINCT");
            let argument = if self.mark("*") {
                None
            } else {
                Some(Box::new(self.expression()?))
            };
            self.expect(")")?;
            return Ok(Expr::Aggregate(name, argument, distinct));
        }
        let arguments = if self.mark(")") {
            return Ok(Expr::Function(name, Vec::new()));
        } else {
            self.list()?
        };
        self.expect(")")?;
        Ok(Expr::Function(name, arguments))
    }
}
