//! YAML as kubectl, kustomize and helm print it, and therefore JSON: block and flow style, every style of scalar,
//! comments, several documents. What a plain scalar means is what sigs.k8s.io/yaml, and so kubectl, makes of it.
//!
//! Anchors, aliases, tags, merge keys, complex keys and directives are refused, with the way round them. Input is untrusted:
//! it has a limit in size, depth and number of nodes, and every fault has its line and column.

mod block;
mod document;
mod flow;
mod plain;
mod scalar;
mod scan;

use crate::text;

pub use document::{Children, Document, Node, Piece, Value};

/// Collections inside each other at most; Kubernetes' own objects stay below 20, and the reader calls itself for each.
pub const MAX_DEPTH: u32 = 100;
/// Keys of one mapping at most, as each is compared with all others. The largest schema has a few hundred.
pub const MAX_KEYS: usize = 2000;
/// Values in one input at most, so that `- - - -` costs no more memory than a real manifest of 4 MiB.
pub const MAX_NODES: u32 = 200_000;

/// A place in the input, both counted from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
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

/// The input as text with LF for line breaks and without a byte order mark; what no YAML may hold is refused.
pub fn prepare(input: &[u8]) -> Result<String, Fault> {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let mut bytes = Vec::with_capacity(input.len());
    for (at, &byte) in input.iter().enumerate() {
        // A CR alone is a line break; one before LF belongs to it.
        if byte != b'\r' {
            bytes.push(byte);
        } else if input.get(at + 1) != Some(&b'\n') {
            bytes.push(b'\n');
        }
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let end = error.utf8_error().valid_up_to();
            return Err(fault_at(error.as_bytes(), end, "got bytes that are not UTF-8, expected text"));
        }
    };
    match text.find(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\u{85}')) {
        Some(at) => Err(fault_at(text.as_bytes(), at, "got a control character, expected text")),
        None => Ok(text),
    }
}

/// Line and column of a place in a text.
#[inline(never)]
pub fn mark(input: &[u8], at: usize) -> Mark {
    let (mut line, mut rest) = (1, &input[..at]);
    while let Some(end) = text::position(rest, b'\n') {
        line += 1;
        rest = &rest[end + 1..];
    }
    Mark { line, column: 1 + rest.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u32 }
}

/// A fault at a place in a text.
#[inline(never)]
fn fault_at(input: &[u8], at: usize, message: &str) -> Fault {
    Fault { mark: mark(input, at), text: String::from(message) }
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
    pub fn next_document(&mut self) -> Result<Option<&Document>, Fault> {
        let is_found = self.read_next();
        match self.scanner.fault.take() {
            Some(fault) => Err(fault),
            None => Ok(Some(&self.scanner.document).filter(|_| is_found)),
        }
    }

    fn read_next(&mut self) -> bool {
        let scanner = &mut self.scanner;
        loop {
            scanner.document = Document::new();
            scanner.skip_to_content();
            if scanner.is_at_end() {
                return false;
            }
            if scanner.is_at_marker() {
                // `---` may have content behind it on its line.
                scanner.skip(3);
                scanner.skip_blanks();
                continue;
            }
            let is_json = scanner.peek() == b'{';
            scanner.block(-1, false);
            scanner.skip_to_content();
            // JSON documents may follow one another with nothing between.
            let is_next = is_json && scanner.peek() == b'{';
            if !scanner.is_over() && !is_next {
                scanner.fail("got more content, expected the end of the document: is the indentation right?");
            }
            if !scanner.document.is_nothing(Node::ROOT) {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
