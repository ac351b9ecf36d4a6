//! Fields of an object, typed as the API types them. Every fault says what was there and what was expected.
//!
//! Only the first fault counts, so it is kept here, and who reads goes on with what stands for nothing: the object is
//! refused in the end. That makes reading one line a field.

use std::cell::{Cell, OnceCell};

use super::quantity;
use crate::forecast::workload::Share;
use crate::forecast::yaml::{self, Children, Document, Fault, Mark, Node, Value};
use crate::text;
use crate::text::Value::{Number, Text};

/// The most that an `int32` can be.
pub(super) const INT: i64 = i32::MAX as i64;

/// Reads the fields of a document, and keeps the first fault.
pub(super) struct Fields<'d> {
    pub(super) document: &'d Document,
    /// What the document has been read from.
    input: &'d str,
    /// What is read now; paths begin there.
    pub(super) object: Cell<Node>,
    pub(super) fault: OnceCell<Fault>,
}

impl<'d> Fields<'d> {
    pub(super) fn of(document: &'d Document, input: &'d str) -> Self {
        Self { document, input, object: Cell::new(Node::ROOT), fault: OnceCell::new() }
    }

    /// Where a value begins.
    #[inline(never)]
    pub(super) fn mark(&self, node: Node) -> Mark {
        yaml::mark(self.input.as_bytes(), self.document.start(node))
    }

    /// A fault at a value.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&self, node: Node, message: &str) {
        // A later one does not matter.
        self.fault.get_or_init(|| {
            let path = self.document.path(self.object.get(), node);
            let text = text::joined(&[&path, if path.is_empty() { "" } else { ": " }, message]);
            Fault { mark: self.mark(node), text }
        });
    }

    /// The same with a text that is to be filled.
    #[cold]
    #[inline(never)]
    pub(super) fn fail_with(&self, node: Node, text: &str, values: &[text::Value<'_>]) {
        self.fail(node, &text::filled(text, values));
    }

    /// A fault at a value that is not as expected.
    #[cold]
    #[inline(never)]
    pub(super) fn unexpected(&self, node: Node, expected: &str) {
        self.fail_with(node, "got ~, expected ~", &[Text(&self.document.shown(node)), Text(expected)]);
    }

    /// Whether a value is not there.
    #[inline(never)]
    pub(super) fn is_nothing(&self, node: Node) -> bool {
        self.document.is_nothing(node)
    }

    /// Whether a field is there.
    #[inline(never)]
    pub(super) fn has(&self, node: Node, name: &str) -> bool {
        !self.is_nothing(self.get(node, name))
    }

    /// The value of a field; nothing if it is absent or null. What has fields is a mapping.
    #[inline(never)]
    pub(super) fn get(&self, node: Node, name: &str) -> Node {
        match self.document.value(node) {
            Value::Mapping => return self.document.get(node, name),
            Value::Null => {}
            _ => self.unexpected(node, "a mapping"),
        }
        Node::NOTHING
    }

    /// The value of a field that has to be there.
    #[inline(never)]
    pub(super) fn need(&self, node: Node, name: &str) -> Node {
        let value = self.get(node, name);
        if self.is_nothing(value) {
            self.fail_with(node, "got no ~, expected one", &[Text(name)]);
        }
        value
    }

    /// A string; an empty one for nothing.
    #[inline(never)]
    pub(super) fn text(&self, node: Node) -> &'d str {
        match self.document.value(node) {
            Value::Text(value) => return self.document.text(value),
            Value::Null => {}
            Value::Sequence | Value::Mapping => self.unexpected(node, "text"),
            _ => self.unexpected(node, "text: put it in quotes"),
        }
        ""
    }

    /// A string field, or what stands for it when it is absent or empty.
    #[inline(never)]
    pub(super) fn text_or<'a>(&'a self, node: Node, name: &str, default: &'a str) -> &'a str {
        match self.text(self.get(node, name)) {
            "" => default,
            value => value,
        }
    }

    /// A string field that has to be there and not empty.
    #[inline(never)]
    pub(super) fn need_text(&self, node: Node, name: &str) -> &'d str {
        let at = self.need(node, name);
        let value = self.text(at);
        if value.is_empty() {
            self.unexpected(at, "a text that is not empty");
        }
        value
    }

    /// A field that is one of these words; the place of the first when absent or empty.
    #[inline(never)]
    pub(super) fn choice(&self, node: Node, name: &str, words: &str) -> usize {
        let at = self.get(node, name);
        let word = self.text(at);
        if word.is_empty() {
            return 0;
        }
        text::place(words, word.as_bytes()).unwrap_or_else(|| {
            self.unexpected(at, &text::replaced(words, b' ', " or "));
            0
        })
    }

    /// A boolean field, false when absent.
    #[inline(never)]
    pub(super) fn flag(&self, node: Node, name: &str) -> bool {
        let at = self.get(node, name);
        match self.document.value(at) {
            Value::Boolean(value) => return value,
            Value::Null => {}
            _ => self.unexpected(at, "true or false"),
        }
        false
    }

    /// The items of a list field, none when absent.
    #[inline(never)]
    pub(super) fn list(&self, node: Node, name: &str) -> Children<'d> {
        let at = self.get(node, name);
        if !matches!(self.document.value(at), Value::Sequence | Value::Null) {
            self.unexpected(at, "a list");
        }
        self.document.children(at)
    }

    /// Appends the strings of a list field.
    #[inline(never)]
    pub(super) fn texts(&self, node: Node, name: &str, out: &mut Vec<String>) {
        for item in self.list(node, name) {
            out.push(String::from(self.text(item)));
        }
    }

    /// A whole number in a range, or what stands for it when it is absent. `3.0` and `1e3` are whole too.
    #[inline(never)]
    pub(super) fn whole(&self, node: Node, default: i64, least: i64, most: i64) -> i64 {
        let number = match self.document.value(node) {
            Value::Null => return default,
            Value::Integer(number) => Some(number),
            Value::Decimal(number) => quantity::parse_whole(self.document.text(number)),
            _ => None,
        };
        if let Some(number) = number.filter(|number| (least..=most).contains(number)) {
            return number;
        }
        let text = if least < 0 { "a whole number" } else { "a whole number from ~ to ~" };
        self.unexpected(node, &text::filled(text, &[Number(least as u64), Number(most as u64)]));
        default
    }

    /// A field that is a whole number and not negative, as most are.
    #[inline(never)]
    pub(super) fn natural(&self, node: Node, name: &str, default: u32) -> u32 {
        self.whole(self.get(node, name), default.into(), 0, INT) as u32
    }

    /// A field that is a port's number and has to be there.
    #[inline(never)]
    pub(super) fn port(&self, node: Node, name: &str) -> u16 {
        self.whole(self.need(node, name), 0, 1, 65535) as u16
    }

    /// A number of pods, or a percentage, at most 100 % where the API has such a limit.
    #[inline(never)]
    pub(super) fn share(&self, node: Node, name: &str, most: u32) -> Option<Share> {
        let at = self.get(node, name);
        let text = match self.document.value(at) {
            Value::Null => return None,
            Value::Text(text) => self.document.text(text).as_bytes(),
            _ => return Some(Share::Pods(self.whole(at, 0, 0, INT) as u32)),
        };
        match text.strip_suffix(b"%").and_then(text::parse_decimal) {
            Some(percent) if percent <= most.into() => return Some(Share::Percent(percent as u32)),
            Some(_) => self.unexpected(at, "at most 100%"),
            None => self.unexpected(at, "a whole number or a percentage such as 25%"),
        }
        None
    }

    /// The same, or what stands for it when it is absent.
    pub(super) fn share_or(&self, node: Node, name: &str, most: u32, default: Share) -> Share {
        self.share(node, name, most).unwrap_or(default)
    }

    /// A quantity of something that is counted in whole units, such as bytes: `64Mi`, `0.5Gi`, `1e3`, `128974848`.
    #[inline(never)]
    pub(super) fn quantity(&self, node: Node) -> Option<u64> {
        let quantity = match self.document.value(node) {
            Value::Null => return None,
            Value::Integer(number) => u64::try_from(number).ok(),
            Value::Decimal(text) | Value::Text(text) => quantity::parse(self.document.text(text)),
            _ => None,
        };
        if quantity.is_none() {
            self.unexpected(node, "a quantity such as 64Mi");
        }
        quantity
    }
}
