//! What text from the program means: a strict reader of JSON and one of logfmt, so that tests ask for values, not substrings.

/// A JSON value (RFC 8259) as far as tests need it; numbers keep their spelling.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Json {
        let mut reader = Reader { rest: text };
        let value = reader.value();
        reader.space();
        match value {
            Some(value) if reader.rest.is_empty() => value,
            _ => panic!("not JSON at {:?} in {text:?}", reader.rest),
        }
    }

    /// The names of an object's members, in order.
    pub(crate) fn keys(&self) -> Vec<&str> {
        match self {
            Json::Object(members) => members.iter().map(|(key, _)| key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    #[track_caller]
    pub(crate) fn get(&self, key: &str) -> &Json {
        match self {
            Json::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
        .unwrap_or_else(|| panic!("no {key:?} in {self:?}"))
    }

    pub(crate) fn text(text: &str) -> Json {
        Json::Text(text.to_owned())
    }

    pub(crate) fn number(&self) -> f64 {
        match self {
            Json::Number(digits) => digits.parse().unwrap_or(f64::NAN),
            _ => f64::NAN,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn eat(&mut self, word: &str) -> bool {
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self) -> Option<Json> {
        self.space();
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.eat(word) {
                return Some(value);
            }
        }
        match self.rest.bytes().next()? {
            b'"' => self.string().map(Json::Text),
            b'[' => self.sequence("[", "]", Self::value).map(Json::List),
            b'{' => self.sequence("{", "}", Self::member).map(Json::Object),
            _ => self.digits(),
        }
    }

    fn sequence<T>(&mut self, open: &str, close: &str, item: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        self.eat(open);
        self.space();
        if self.eat(close) {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            self.space();
            if self.eat(close) {
                return Some(items);
            }
            if !self.eat(",") {
                return None;
            }
        }
    }

    fn member(&mut self) -> Option<(String, Json)> {
        self.space();
        let key = self.string()?;
        self.space();
        if self.eat(":") { Some((key, self.value()?)) } else { None }
    }

    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        if !self.eat("\"") {
            return None;
        }
        loop {
            let next = self.rest.chars().next()?;
            self.rest = &self.rest[next.len_utf8()..];
            match next {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return None,
                _ => text.push(next),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(match letter {
            '"' | '\\' | '/' => letter,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\x08',
            'f' => '\x0c',
            'u' => {
                let code = u32::from_str_radix(self.rest.get(..4)?, 16).ok()?;
                self.rest = &self.rest[4..];
                char::from_u32(code)?
            }
            _ => return None,
        })
    }

    fn digits(&mut self) -> Option<Json> {
        let end =
            self.rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let whole = digits.strip_prefix('-').unwrap_or(digits);
        let well_formed = whole.starts_with(|c: char| c.is_ascii_digit())
            && !(whole.len() > 1 && whole.starts_with('0') && whole.as_bytes()[1].is_ascii_digit())
            && !digits.ends_with('.')
            && digits.parse::<f64>().is_ok();
        self.rest = rest;
        well_formed.then(|| Json::Number(digits.to_owned()))
    }
}

/// The pairs of a logfmt line, in order, quotes taken off and escapes left as they stand.
#[track_caller]
pub(crate) fn logfmt(line: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=').unwrap_or_else(|| panic!("no = at {rest:?} in {line:?}"));
        assert!(
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            "key {key:?} in {line:?}"
        );
        let end = if value.starts_with('"') { quoted_length(value) } else { value.find(' ').unwrap_or(value.len()) };
        let (value, after) = value.split_at(end);
        assert!(value.starts_with('"') || !value.contains(['"', '=', '\t']), "bare {value:?} in {line:?}");
        pairs.push((key, value.trim_matches('"')));
        assert!(
            after.is_empty() || (after.starts_with(' ') && after.len() > 1),
            "after a value: {after:?} in {line:?}"
        );
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    pairs
}

fn quoted_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (position, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return position + 1,
            _ => {}
        }
    }
    panic!("no closing quote in {text:?}");
}

/// `2026-11-21T03:37:49.123Z`, with or without a fraction.
pub(crate) fn is_rfc_3339_utc(text: &str) -> bool {
    let Some((seconds, fraction)) = text.strip_suffix('Z').map(|text| text.split_once('.').unwrap_or((text, "0")))
    else {
        return false;
    };
    let shape = "0000-00-00T00:00:00";
    let like = |(byte, like): (u8, u8)| if like == b'0' { byte.is_ascii_digit() } else { byte == like };
    seconds.len() == shape.len()
        && seconds.bytes().zip(shape.bytes()).all(like)
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}
