//! What has been read: the values of a document in the order in which they stand there, one list for all of them.

use crate::text;

/// A value of a document, by its place in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node(u32);

impl Node {
    /// What stands for all that is absent.
    pub const NOTHING: Self = Self(0);
    /// The outermost value.
    pub const ROOT: Self = Self(1);
}

/// A piece of a document's text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Piece {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A value of JSON's kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` and `false`; unquoted `yes`, `no`, `on`, `off`, `y` and `n` too, as in YAML 1.1.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, as it was written.
    Decimal(Piece),
    /// A string.
    Text(Piece),
    /// A sequence.
    Sequence,
    /// A mapping, in order, without duplicates.
    Mapping,
}

/// A value, where it stands, and what is in it: all that comes behind it, before `end`.
struct Item {
    start: u32,
    key: Piece,
    value: Value,
    end: u32,
}

/// A document.
pub struct Document {
    items: Vec<Item>,
    /// The text of all keys and scalars.
    pub(super) text: String,
}

impl Document {
    pub(super) fn new() -> Self {
        let mut document = Self { items: Vec::new(), text: String::new() };
        document.add(0, Piece::default(), Value::Null);
        document
    }

    /// Adds a value behind all others.
    #[inline(never)]
    pub(super) fn add(&mut self, start: usize, key: Piece, value: Value) -> Node {
        let at = self.items.len() as u32;
        self.items.push(Item { start: start as u32, key, value, end: at + 1 });
        Node(at)
    }

    /// All that has been added since is in this value.
    pub(super) fn close(&mut self, node: Node) {
        self.items[node.0 as usize].end = self.items.len() as u32;
    }

    #[inline(never)]
    fn item(&self, node: Node) -> &Item {
        &self.items[node.0 as usize]
    }

    /// Where in the input a value begins.
    pub fn start(&self, node: Node) -> usize {
        self.item(node).start as usize
    }

    /// What it is.
    #[inline(never)]
    pub fn value(&self, node: Node) -> Value {
        self.item(node).value
    }

    /// A piece of text.
    #[inline(never)]
    pub fn text(&self, piece: Piece) -> &str {
        self.text.get(piece.start as usize..piece.end as usize).unwrap_or_default()
    }

    /// The key of a value in a mapping; empty elsewhere.
    pub fn key(&self, node: Node) -> &str {
        self.text(self.item(node).key)
    }

    /// Whether a value is `null`, which counts as absent.
    pub fn is_nothing(&self, node: Node) -> bool {
        matches!(self.value(node), Value::Null)
    }

    /// What is in a collection, in order.
    pub fn children(&self, node: Node) -> Children<'_> {
        Children { document: self, at: node.0 + 1, end: self.item(node).end }
    }

    /// The value of a key of a mapping; nothing if there is none.
    #[inline(never)]
    pub fn get(&self, node: Node, name: &str) -> Node {
        for child in self.children(node) {
            if self.key(child) == name && !self.is_nothing(child) {
                return child;
            }
        }
        Node::NOTHING
    }

    /// What a value is, for a message: a short scalar as it is, anything else by its kind.
    pub fn shown(&self, node: Node) -> String {
        text::written(|out| match self.value(node) {
            Value::Null => text::put(out, b"nothing"),
            Value::Boolean(value) => text::put(out, if value { b"true" } else { b"false" }),
            Value::Integer(number) => {
                text::put(out, if number < 0 { b"-" } else { b"" });
                text::decimal(out, number.unsigned_abs());
            }
            Value::Decimal(number) => short(out, self.text(number)),
            Value::Text(value) => {
                out.push(b'"');
                short(out, self.text(value));
                out.push(b'"');
            }
            Value::Sequence => text::put(out, b"a list"),
            Value::Mapping => text::put(out, b"a mapping"),
        })
    }

    /// Where in one value another is, as `spec.containers[0].name`; empty when it is that value itself.
    pub fn path(&self, from: Node, to: Node) -> String {
        let mut path = Vec::new();
        let mut at = from;
        loop {
            // The last child that does not begin behind it is the one that holds it.
            let (parent, mut place) = (at, 0);
            for (number, child) in (0..).zip(self.children(parent)) {
                if child.0 <= to.0 {
                    (place, at) = (number, child);
                }
            }
            if parent == to || at == parent {
                break;
            }
            if matches!(self.value(parent), Value::Sequence) {
                path.push(b'[');
                text::decimal(&mut path, place);
                path.push(b']');
            } else {
                let dot: &[u8] = if path.is_empty() { b"" } else { b"." };
                text::put(&mut path, dot);
                short(&mut path, self.key(at));
            }
        }
        text::into_string(path)
    }
}

/// What is in a collection.
pub struct Children<'d> {
    document: &'d Document,
    at: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = Node;

    #[inline(never)]
    fn next(&mut self) -> Option<Node> {
        let node = (self.at < self.end).then_some(Node(self.at))?;
        self.at = self.document.item(node).end;
        Some(node)
    }
}

/// Appends at most 60 characters of a text, so that it stays on its line.
#[inline(never)]
fn short(out: &mut Vec<u8>, value: &str) {
    let end = value.char_indices().nth(60).map_or(value.len(), |(end, _)| end);
    text::json_escaped(out, &value.as_bytes()[..end]);
    text::put(out, if end < value.len() { b"..." } else { b"" });
}
