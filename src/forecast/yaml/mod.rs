//! YAML as kubectl, kustomize and helm print it, and therefore JSON: block and flow style, every style of scalar,
//! comments, several documents. What a plain scalar means is what sigs.k8s.io/yaml, and so kubectl, makes of it.
//!
//! Anchors, aliases, tags, merge keys, complex keys and directives are refused, with the way round them. Input is untrusted:
//! it has a limit in size, depth and number of nodes, and every fault has its line and column.

mod block;
mod flow;
mod plain;
mod scalar;
mod scan;

use std::borrow::Cow;

use crate::text;

/// Collections inside each other at most; Kubernetes' own objects stay below 20, and the reader calls itself for each.
pub const MAX_DEPTH: u32 = 100;
/// Keys of one mapping at most, as each is compared with all others. The largest schema has a few hundred.
pub const MAX_KEYS: usize = 2000;
/// Values in one input at most, so that `- - - -` costs no more memory than a real manifest of 4 MiB.
pub const MAX_NODES: u32 = 200_000;

/// A place in the input, both counted from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Its line.
    pub line: u32,
    /// Its column.
    pub column: u32,
}

/// What is wrong, and where: "got this, expected that".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where.
    pub mark: Mark,
    /// What, as one line.
    pub text: String,
}

/// A value and where it begins. No two nodes of a document begin at the same place as seen by [`Node::path_to`].
#[derive(Clone, PartialEq, Debug)]
pub struct Node<'t> {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub value: Value<'t>,
}

/// A value of JSON's kinds.
#[derive(Clone, PartialEq, Debug)]
pub enum Value<'t> {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` and `false`; unquoted `yes`, `no`, `on`, `off`, `y` and `n` too, as in YAML 1.1.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, as it was written.
    Decimal(Cow<'t, str>),
    /// A string.
    Text(Cow<'t, str>),
    /// A sequence.
    Sequence(Vec<Node<'t>>),
    /// A mapping, in order, without duplicates.
    Mapping(Vec<(Cow<'t, str>, Node<'t>)>),
}

impl<'t> Node<'t> {
    /// The value of a key of a mapping; `null` counts as absent, as it does for the API server.
    pub fn get(&self, name: &str) -> Option<&Node<'t>> {
        let Value::Mapping(entries) = &self.value else { return None };
        let (_, node) = entries.iter().find(|(key, _)| key == name)?;
        (!node.is_nothing()).then_some(node)
    }

    /// Whether it is `null`, which counts as absent.
    pub fn is_nothing(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What it is, for a message: a short scalar as it is, anything else by its kind.
    pub fn shown(&self) -> String {
        match &self.value {
            Value::Null => String::from("nothing"),
            Value::Boolean(value) => String::from(if *value { "true" } else { "false" }),
            Value::Integer(number) => text::written(|out| {
                text::put(out, if *number < 0 { b"-" } else { b"" });
                text::decimal(out, number.unsigned_abs());
            }),
            Value::Decimal(number) => short(number),
            Value::Text(value) => text::written(|out| text::json_string(out, short(value).as_bytes())),
            Value::Sequence(_) => String::from("a list"),
            Value::Mapping(_) => String::from("a mapping"),
        }
    }

    /// Where in this value a place is, as `spec.containers[0].name`; empty when it is this value's own.
    pub fn path_to(&self, mark: Mark) -> String {
        let mut steps = Vec::new();
        self.find(mark, &mut steps);
        text::into_string(steps)
    }

    fn find(&self, mark: Mark, steps: &mut Vec<u8>) -> bool {
        if self.mark == mark {
            return true;
        }
        let length = steps.len();
        match &self.value {
            Value::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    steps.push(b'[');
                    text::decimal(steps, at as u64);
                    steps.push(b']');
                    if item.find(mark, steps) {
                        return true;
                    }
                    steps.truncate(length);
                }
            }
            Value::Mapping(entries) => {
                for (key, item) in entries {
                    text::put(steps, if length > 0 { b"." } else { b"" });
                    text::json_escaped(steps, short(key).as_bytes());
                    if item.find(mark, steps) {
                        return true;
                    }
                    steps.truncate(length);
                }
            }
            _ => {}
        }
        false
    }
}

/// At most 60 characters of a text.
fn short(value: &str) -> String {
    match value.char_indices().nth(60) {
        None => String::from(value),
        Some((end, _)) => text::joined(&[&value[..end], "..."]),
    }
}

/// The input as text with LF for line breaks and without a byte order mark; what no YAML may hold is refused.
pub fn prepare(input: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let text = match std::str::from_utf8(input) {
        Ok(text) => text,
        Err(error) => {
            let valid = &input[..error.valid_up_to()];
            return Err(fault_at(&text::lossy(valid), valid.len(), "got bytes that are not UTF-8, expected text"));
        }
    };
    let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    if let Some(at) = text.find(is_control) {
        return Err(fault_at(text, at, "got a control character, expected text"));
    }
    if text::position(input, b'\r').is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\r') {
        out.push_str(&rest[..at]);
        out.push('\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

fn fault_at(text: &str, at: usize, message: &str) -> Fault {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = 1 + text[..at].bytes().filter(|&byte| byte == b'\n').count();
    let mark = Mark { line: line as u32, column: 1 + text[start..at].chars().count() as u32 };
    Fault { mark, text: String::from(message) }
}

/// The documents of a text that [`prepare`] has made, one after the other.
pub struct Documents<'t> {
    scanner: scan::Scanner<'t>,
}

impl<'t> Documents<'t> {
    /// Of this text.
    pub fn new(text: &'t str) -> Self {
        Self { scanner: scan::Scanner::new(text) }
    }

    /// The next one that is not empty.
    pub fn next_document(&mut self) -> Result<Option<Node<'t>>, Fault> {
        match (self.read_next(), self.scanner.fault.take()) {
            (Ok(document), None) => Ok(document),
            (_, fault) => Err(fault.unwrap_or(Fault { mark: self.scanner.mark(), text: String::new() })),
        }
    }

    fn read_next(&mut self) -> scan::Reading<Option<Node<'t>>> {
        let scanner = &mut self.scanner;
        loop {
            scanner.skip_to_content()?;
            if scanner.is_at_end() {
                return Ok(None);
            }
            if scanner.is_at_marker() {
                // `---` may have content behind it on its line.
                scanner.skip(3);
                scanner.skip_blanks();
                continue;
            }
            let is_json = scanner.peek(0) == b'{';
            let node = scanner.block(-1)?;
            scanner.skip_to_content()?;
            // JSON documents may follow one another with nothing between.
            let is_next = is_json && scanner.peek(0) == b'{';
            if !scanner.is_over() && !is_next {
                let message = "got more content, expected the end of the document: is the indentation right?";
                return scanner.fail(message);
            }
            if !node.is_nothing() {
                return Ok(Some(node));
            }
        }
    }
}

#[cfg(test)]
mod tests;
