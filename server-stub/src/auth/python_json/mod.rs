//! JSON as the real service's decoder reads it: CPython's `json` (before 3.13, which words trailing
//! commas differently), which serde_json is not.
//!
//! The service shows a caller the decoder's own message and position, keeps the last of two equal
//! keys, takes `NaN`, and counts positions in characters, not bytes. To answer malformed requests
//! byte for byte the stub has to do the same. Behaviour taken from CPython's documentation and the
//! recorded exchanges; the messages are asserted in the tests beside this file.

#[cfg(test)]
mod tests;
mod text;
mod write;

/// Nesting beyond which CPython's decoder gives up with a `RecursionError`. *Assumption*: the exact
/// number depends on the interpreter's stack use.
const MAX_DEPTH: usize = 900;
/// CPython refuses to turn longer runs of digits into an `int` (its `int_max_str_digits`).
const MAX_INT_DIGITS: usize = 4300;

/// A decoded value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A finite number, written as Python would write it back.
    Number(String),
    /// `NaN`, an infinity, or a number too large to be a float: readable, never writable.
    NotFinite,
    Text(String),
    /// A string holding half a surrogate pair: Python reads it, but cannot encode it again.
    BrokenText,
    Array(Vec<Value>),
    /// In order of first appearance; of equal keys the last value. A key that is none is half a
    /// surrogate pair's, as in [`Value::BrokenText`].
    Object(Vec<(Option<String>, Value)>),
}

impl Value {
    /// The object's value for `key`; none for other values.
    pub(crate) fn member(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(members) => {
                members.iter().find(|(name, _)| name.as_deref() == Some(key)).map(|(_, value)| value)
            }
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::NotFinite
            | Self::Text(_)
            | Self::BrokenText
            | Self::Array(_) => None,
        }
    }
}

/// Why text is not JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// A `JSONDecodeError`: its message and its position in characters.
    Syntax(&'static str, usize),
    /// Any other exception of the decoder's: nested too deeply, or an integer too long.
    Other,
}

/// Decodes a whole document.
pub(crate) fn decode(document: &str) -> Result<Value, DecodeError> {
    let chars: Vec<char> = document.chars().collect();
    let mut decoder = Decoder { chars: &chars, at: 0 };
    decoder.skip_whitespace();
    let value = decoder.value(0)?;
    decoder.skip_whitespace();
    if decoder.at < chars.len() {
        return Err(DecodeError::Syntax("Extra data", decoder.at));
    }
    Ok(value)
}

struct Decoder<'a> {
    chars: &'a [char],
    at: usize,
}

impl Decoder<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.chars[self.at..].iter().copied().take(word.len()).eq(word.chars());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, message: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError::Syntax(message, self.at))
    }

    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::Other);
        }
        if self.take('"') {
            return self.text().map(|text| text.map_or(Value::BrokenText, Value::Text));
        }
        if self.take('{') {
            return self.object(depth);
        }
        if self.take('[') {
            return self.array(depth);
        }
        match self.word() {
            Some(value) => Ok(value),
            None => self.number(),
        }
    }

    /// Apart from [`Decoder::value`], to keep small what each level of nesting puts on the stack.
    fn word(&mut self) -> Option<Value> {
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::NotFinite),
            ("Infinity", Value::NotFinite),
            ("-Infinity", Value::NotFinite),
        ];
        for (word, value) in words {
            if self.take_word(word) {
                return Some(value);
            }
        }
        None
    }

    fn object(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let mut members: Vec<(Option<String>, Value)> = Vec::new();
        self.skip_whitespace();
        if self.take('}') {
            return Ok(Value::Object(members));
        }
        loop {
            if !self.take('"') {
                return self.fail("Expecting property name enclosed in double quotes");
            }
            let key = self.text()?;
            self.skip_whitespace();
            if !self.take(':') {
                return self.fail("Expecting ':' delimiter");
            }
            self.skip_whitespace();
            let value = self.value(depth + 1)?;
            match members.iter_mut().find(|(name, _)| *name == key) {
                Some(member) => member.1 = value,
                None => members.push((key, value)),
            }
            self.skip_whitespace();
            if self.take('}') {
                return Ok(Value::Object(members));
            }
            if !self.take(',') {
                return self.fail("Expecting ',' delimiter");
            }
            self.skip_whitespace();
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let mut items = Vec::new();
        self.skip_whitespace();
        if self.take(']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_whitespace();
            if self.take(']') {
                return Ok(Value::Array(items));
            }
            if !self.take(',') {
                return self.fail("Expecting ',' delimiter");
            }
            self.skip_whitespace();
        }
    }

    fn digits_from(&self, at: usize) -> usize {
        self.chars.iter().skip(at).take_while(|c| c.is_ascii_digit()).count()
    }

    fn number(&mut self) -> Result<Value, DecodeError> {
        let start = self.at;
        let mut end = start + usize::from(self.peek() == Some('-'));
        end += match self.chars.get(end) {
            Some('0') => 1,
            Some('1'..='9') => self.digits_from(end),
            Some(_) | None => return self.fail("Expecting value"),
        };
        let whole = end;
        if self.chars.get(end) == Some(&'.') && self.digits_from(end + 1) > 0 {
            end += 1 + self.digits_from(end + 1);
        }
        if matches!(self.chars.get(end), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.chars.get(end + 1), Some('+' | '-')));
            let digits = self.digits_from(end + 1 + sign);
            if digits > 0 {
                end += 1 + sign + digits;
            }
        }
        self.at = end;
        let literal: String = self.chars[start..end].iter().collect();
        if end == whole {
            if literal.trim_start_matches('-').len() > MAX_INT_DIGITS {
                return Err(DecodeError::Other);
            }
            return Ok(Value::Number(if literal == "-0" { String::from("0") } else { literal }));
        }
        match literal.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Number(write::float(number))),
            Ok(_) | Err(_) => Ok(Value::NotFinite),
        }
    }
}
