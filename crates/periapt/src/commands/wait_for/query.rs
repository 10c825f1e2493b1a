//! The language of `wait-for --query` (Juju 3.6: `cmd/juju/waitfor/query`): comparisons of an entity's fields, joined by
//! `&&`, `||` and `!`, with `len`, `forEach`, `startsWith` and `endsWith`.

use std::str::FromStr;

use serde_json::Value;

/// A query that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Query(Expr);

/// How deep parentheses may go.
const DEEPEST: usize = 64;

/// How many words and signs a query may have: a chain of them is a tree as deep as the chain is long.
const LONGEST: usize = 1000;

#[derive(Clone, Debug, PartialEq)]
enum Expr {
    Literal(Value),
    Name(String),
    /// A field of a value.
    Field(Box<Expr>, String),
    Not(Box<Expr>),
    Both(Box<Expr>, Box<Expr>),
    Either(Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Compare, Box<Expr>),
    Call(Function, Vec<Expr>),
    /// `forEach(values, name => test)`
    ForEach(Box<Expr>, String, Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Len,
    StartsWith,
    EndsWith,
    Print,
}

impl FromStr for Query {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        if tokens.len() > LONGEST {
            return Err(format!("the query has {} words and signs, and may have {LONGEST}", tokens.len()));
        }
        let mut parser = Parser { tokens, at: 0, depth: 0 };
        let expr = parser.either()?;
        match parser.next() {
            None => Ok(Self(expr)),
            Some(token) => Err(format!("unexpected {token} in the query")),
        }
    }
}

impl Query {
    /// Whether it holds of an entity.
    ///
    /// # Errors
    /// It names what there is not, or compares what cannot be compared.
    pub fn holds(&self, entity: &Value) -> Result<bool, String> {
        truth(&eval(&self.0, &Scope { entity, bound: None })?)
    }
}

/// Whose fields names mean.
struct Scope<'a> {
    entity: &'a Value,
    /// What `forEach` names, innermost first.
    bound: Option<(&'a str, &'a Value, &'a Scope<'a>)>,
}

impl Scope<'_> {
    fn find(&self, name: &str) -> Option<&Value> {
        match &self.bound {
            Some((bound, value, _)) if *bound == name => Some(value),
            Some((_, _, outer)) => outer.find(name),
            None => self.entity.get(name),
        }
    }
}

fn truth(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{value} is neither true nor false"))
}

fn eval(expr: &Expr, scope: &Scope<'_>) -> Result<Value, String> {
    Ok(match expr {
        Expr::Literal(value) => value.clone(),
        Expr::Name(name) => scope.find(name).cloned().ok_or_else(|| {
            let known: Vec<&str> =
                scope.entity.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            format!("{name:?} is not a field; there are {}", known.join(", "))
        })?,
        Expr::Field(of, name) => {
            let of = eval(of, scope)?;
            of.get(name).cloned().ok_or_else(|| format!("there is no field {name:?} in {of}"))?
        }
        Expr::Not(test) => (!truth(&eval(test, scope)?)?).into(),
        Expr::Both(a, b) => (truth(&eval(a, scope)?)? && truth(&eval(b, scope)?)?).into(),
        Expr::Either(a, b) => (truth(&eval(a, scope)?)? || truth(&eval(b, scope)?)?).into(),
        Expr::Compare(a, how, b) => compare(&eval(a, scope)?, *how, &eval(b, scope)?)?.into(),
        Expr::Call(function, args) => {
            let args = args.iter().map(|arg| eval(arg, scope)).collect::<Result<Vec<_>, _>>()?;
            call(*function, &args)?
        }
        Expr::ForEach(values, name, test) => {
            let values = eval(values, scope)?;
            for value in elements(&values)? {
                let inner = Scope { entity: scope.entity, bound: Some((name, value, scope)) };
                if !truth(&eval(test, &inner)?)? {
                    return Ok(false.into());
                }
            }
            true.into()
        }
    })
}

fn elements(value: &Value) -> Result<Vec<&Value>, String> {
    match value {
        Value::Array(list) => Ok(list.iter().collect()),
        Value::Object(map) => Ok(map.values().collect()),
        other => Err(format!("{other} has no elements")),
    }
}

fn compare(a: &Value, how: Compare, b: &Value) -> Result<bool, String> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) if matches!(how, Compare::Equal | Compare::Unequal) => {
            Some(a.cmp(b))
        }
        _ => None,
    };
    let order = order.ok_or_else(|| format!("cannot compare {a} with {b}"))?;
    Ok(match how {
        Compare::Equal => order == Equal,
        Compare::Unequal => order != Equal,
        Compare::Less => order == Less,
        Compare::LessOrEqual => order != Greater,
        Compare::Greater => order == Greater,
        Compare::GreaterOrEqual => order != Less,
    })
}

fn call(function: Function, args: &[Value]) -> Result<Value, String> {
    let texts = || match args {
        [Value::String(text), Value::String(part)] => Ok((text, part)),
        _ => Err("startsWith and endsWith compare two texts".to_owned()),
    };
    match (function, args) {
        (Function::Len, [Value::String(text)]) => Ok(text.chars().count().into()),
        (Function::Len, [value]) => Ok(elements(value)?.len().into()),
        (Function::Len, _) => Err("len takes one value".to_owned()),
        (Function::StartsWith, _) => texts().map(|(text, part)| text.starts_with(part.as_str()).into()),
        (Function::EndsWith, _) => texts().map(|(text, part)| text.ends_with(part.as_str()).into()),
        (Function::Print, _) => {
            let words: Vec<String> = args.iter().map(ToString::to_string).collect();
            crate::output::say(words.join(" "));
            Ok(true.into())
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Literal(Value),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?}"),
            Self::Literal(value) => write!(f, "{value}"),
            Self::Sign(sign) => write!(f, "{sign:?}"),
        }
    }
}

/// The longer ones first.
const SIGNS: [&str; 15] = ["==", "!=", "<=", ">=", "&&", "||", "=>", "<", ">", "!", "(", ")", ",", ".", ";"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if first == '"' || first == '\'' {
            let end = rest[1..].find(first).ok_or("a text in the query has no end")? + 1;
            found.push(Token::Literal(rest[1..end].into()));
            end + 1
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number: f64 = rest[..end].parse().map_err(|_| format!("{:?} is no number", &rest[..end]))?;
            found.push(Token::Literal(number.into()));
            end
        } else if first.is_alphabetic() || first == '_' {
            // Names have hyphens in them: nothing is subtracted here.
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').unwrap_or(rest.len());
            found.push(match &rest[..end] {
                "true" => Token::Literal(true.into()),
                "false" => Token::Literal(false.into()),
                name => Token::Name(name.to_owned()),
            });
            end
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("{first:?} means nothing in a query"))?;
            found.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[end..].trim_start();
    }
    Ok(found)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn take(&mut self, sign: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(there);
        there
    }

    fn need(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) {
            return Ok(());
        }
        let found = self.tokens.get(self.at).map_or("the end".to_owned(), ToString::to_string);
        Err(format!("expected {sign:?} in the query, and there is {found}"))
    }

    fn either(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the query goes too deep".to_owned());
        }
        let mut left = self.both()?;
        while self.take("||") {
            left = Expr::Either(Box::new(left), Box::new(self.both()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn both(&mut self) -> Result<Expr, String> {
        let mut left = self.comparison()?;
        while self.take("&&") {
            left = Expr::Both(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        let left = self.single()?;
        for (sign, how) in [
            ("==", Compare::Equal),
            ("!=", Compare::Unequal),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ] {
            if self.take(sign) {
                return Ok(Expr::Compare(Box::new(left), how, Box::new(self.single()?)));
            }
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Expr, String> {
        let mut nots = 0;
        while self.take("!") {
            nots += 1;
        }
        let mut value = match self.next() {
            Some(Token::Sign("(")) => {
                let inner = self.either()?;
                self.need(")")?;
                inner
            }
            Some(Token::Literal(value)) => Expr::Literal(value),
            Some(Token::Name(name)) if self.take("(") => self.call(&name)?,
            Some(Token::Name(name)) => Expr::Name(name),
            Some(token) => return Err(format!("unexpected {token} in the query")),
            None => return Err("the query ends too early".to_owned()),
        };
        while self.take(".") {
            let Some(Token::Name(field)) = self.next() else {
                return Err("expected a field behind \".\"".to_owned());
            };
            value = Expr::Field(Box::new(value), field);
        }
        Ok(if nots % 2 == 1 { Expr::Not(Box::new(value)) } else { value })
    }

    fn call(&mut self, name: &str) -> Result<Expr, String> {
        if name == "forEach" {
            let values = self.either()?;
            self.need(",")?;
            let Some(Token::Name(bound)) = self.next() else {
                return Err("forEach takes values and a function: forEach(units, unit => …)".to_owned());
            };
            self.need("=>")?;
            let test = self.either()?;
            self.need(")")?;
            return Ok(Expr::ForEach(Box::new(values), bound, Box::new(test)));
        }
        let function = match name {
            "len" => Function::Len,
            "startsWith" => Function::StartsWith,
            "endsWith" => Function::EndsWith,
            "print" => Function::Print,
            _ => {
                return Err(format!(
                    "there is no function {name:?}; there are len, forEach, startsWith, endsWith and print"
                ));
            }
        };
        let mut args = Vec::new();
        if !self.take(")") {
            loop {
                args.push(self.either()?);
                if !self.take(",") {
                    break;
                }
            }
            self.need(")")?;
        }
        Ok(Expr::Call(function, args))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(query: &str) -> Result<bool, String> {
        let entity = json!({
            "life": "alive", "status": "active", "exposed": false, "scale": 2,
            "units": {
                "a/0": {"name": "a/0", "workload-status": "active"},
                "a/1": {"name": "a/1", "workload-status": "blocked"}
            }
        });
        query.parse::<Query>()?.holds(&entity)
    }

    #[test]
    fn a_chain_without_end_is_refused() {
        for long in ["exposed||".repeat(50_000) + "exposed", format!("a{}", ".b".repeat(50_000))] {
            let error = long.parse::<Query>().unwrap_err();
            assert!(error.ends_with("words and signs, and may have 1000"), "{error}");
        }
    }

    #[test]
    fn queries_are_read_as_juju_reads_them() {
        for (query, expected) in [
            ("life==\"alive\" && status==\"active\"", true),
            ("life=='dying' || status == 'active'", true),
            ("life=='dying' || status == 'active' && exposed", false),
            ("(life=='dying' || status=='active') && !exposed", true),
            ("!!exposed", false),
            ("len(units) == 2 && scale >= 2 && scale < 2.5", true),
            ("len(units) > 2", false),
            ("forEach(units, unit => unit.workload-status==\"active\")", false),
            ("forEach(units, u => startsWith(u.name, \"a/\"))", true),
            ("forEach(units, u => u.workload-status != 'error' && status=='active')", true),
            ("endsWith(status, 'ive') == true", true),
        ] {
            assert_eq!(holds(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (query, words) in [
            ("", "ends too early"),
            ("status ==", "ends too early"),
            ("status = 'x'", "means nothing"),
            ("status == 'x", "has no end"),
            ("(status == 'x'", "expected \")\""),
            ("status == 'x')", "unexpected \")\""),
            ("nosuch == 'x'", "\"nosuch\" is not a field; there are "),
            ("status == 3", "cannot compare"),
            ("status", "neither true nor false"),
            ("nosuch(status)", "no function \"nosuch\""),
            ("forEach(units, 3)", "forEach takes"),
            ("len(scale) == 1", "has no elements"),
        ] {
            let error = holds(query).unwrap_err();
            assert!(error.contains(words), "{query}: {error}");
        }
        assert!(holds(&"(".repeat(500)).unwrap_err().contains("too deep"));
    }
}
