//! Block style: what belongs together stands below each other.

use std::borrow::Cow;

use super::plain::meaning;
use super::scan::{Reading, Scanner};
use super::{MAX_DEPTH, MAX_KEYS, MAX_NODES, Mark, Node, Value};

/// A mapping's keys and values.
type Entries<'t> = Vec<(Cow<'t, str>, Node<'t>)>;

/// How one gets past what is not read.
macro_rules! refused {
    ($what:literal) => {
        concat!(
            "got ",
            $what,
            ", which is not read here, expected what `kubectl create --dry-run=client -o json -f FILE` prints"
        )
    };
}
pub(super) use refused;

impl<'t> Scanner<'t> {
    /// Counts a value, and whether it is too much.
    #[inline(never)]
    pub(super) fn node(&mut self, mark: Mark, value: Value<'t>) -> Reading<Node<'t>> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.fail_at(mark, "got too many values, expected at most 200000");
        }
        Ok(Node { mark, value })
    }

    /// The value of a scalar, which means something only where it has no quotes.
    #[inline(never)]
    pub(super) fn scalar_node(&mut self, mark: Mark, text: Cow<'t, str>, is_plain: bool) -> Reading<Node<'t>> {
        self.node(mark, if is_plain { meaning(text) } else { Value::Text(text) })
    }

    /// Goes one collection deeper; who calls it lowers `depth` again.
    #[inline(never)]
    pub(super) fn deepen(&mut self) -> Reading<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("got too many levels, expected at most 100");
        }
        Ok(())
    }

    /// The value that begins here. Further lines of it stand right of the column `parent`; -1 is anywhere.
    pub(super) fn block(&mut self, parent: i32) -> Reading<Node<'t>> {
        let (mark, column) = (self.mark(), self.column());
        let node = if self.is_at_indicator(b'-') {
            self.sequence(mark, column)?
        } else if matches!(self.peek(0), b'|' | b'>') {
            let text = self.block_scalar(parent)?;
            self.node(mark, Value::Text(Cow::Owned(text)))?
        } else if matches!(self.peek(0), b'[' | b'{') {
            let node = self.flow()?;
            self.skip_blanks();
            if self.is_at_indicator(b':') {
                return self.fail_at(mark, refused!("a collection as a key"));
            }
            self.expect_line_end()?;
            node
        } else {
            let is_plain = !matches!(self.peek(0), b'"' | b'\'');
            let text = self.scalar(parent, false)?;
            self.skip_blanks();
            if self.is_at_indicator(b':') {
                self.check_key(mark, &text, is_plain)?;
                self.mapping(mark, column, text)?
            } else {
                self.expect_line_end()?;
                self.scalar_node(mark, text, is_plain)?
            }
        };
        Ok(node)
    }

    /// Refuses what has just been read as a key and is none.
    #[inline(never)]
    pub(super) fn check_key(&mut self, mark: Mark, key: &str, is_plain: bool) -> Reading<()> {
        if self.mark().line != mark.line {
            return self.fail_at(mark, "got a key over several lines, expected it on one");
        }
        if is_plain && key == "<<" {
            return self.fail_at(mark, refused!("a merge key (<<)"));
        }
        Ok(())
    }

    /// A sequence whose dashes stand in `column`; the cursor is at the first.
    fn sequence(&mut self, mark: Mark, column: i32) -> Reading<Node<'t>> {
        let mut items = Vec::new();
        self.deepen()?;
        while !self.is_over() && self.column() == column && self.is_at_indicator(b'-') {
            self.skip(1);
            let empty = self.mark();
            self.skip_to_content()?;
            let is_compact = self.mark().line == empty.line && !self.is_over();
            let item = if is_compact || !self.is_over() && self.column() > column {
                self.block(column)?
            } else {
                self.node(empty, Value::Null)?
            };
            items.push(item);
            self.skip_to_content()?;
        }
        self.expect_dedent(column)?;
        self.depth -= 1;
        self.node(mark, Value::Sequence(items))
    }

    /// Refuses content that stands further right than what it should follow or end.
    #[inline(never)]
    fn expect_dedent(&mut self, column: i32) -> Reading<()> {
        if !self.is_over() && self.column() > column {
            return self.fail("got a line that is indented too far, expected it below what it belongs to");
        }
        Ok(())
    }

    /// A mapping whose keys stand in `column`; the cursor is at the colon behind the first.
    fn mapping(&mut self, mark: Mark, column: i32, first: Cow<'t, str>) -> Reading<Node<'t>> {
        let mut entries = Vec::new();
        let (mut key, mut key_mark) = (first, mark);
        self.deepen()?;
        loop {
            self.skip(1);
            let value = self.value(column)?;
            self.insert(&mut entries, key, key_mark, value)?;
            self.skip_to_content()?;
            if self.is_over() || self.column() < column {
                break;
            }
            self.expect_dedent(column)?;
            if self.is_at_indicator(b'-') {
                return self.fail("got an item of a list, expected a key");
            }
            key_mark = self.mark();
            let is_plain = !matches!(self.peek(0), b'"' | b'\'');
            key = self.scalar(column, false)?;
            self.skip_blanks();
            if !self.is_at_indicator(b':') {
                return self.fail_at(key_mark, "got text, expected a key with \": \" behind it");
            }
            self.check_key(key_mark, &key, is_plain)?;
        }
        self.depth -= 1;
        self.node(mark, Value::Mapping(entries))
    }

    /// The value behind a colon, of a mapping whose keys stand in `column`.
    fn value(&mut self, column: i32) -> Reading<Node<'t>> {
        let empty = self.mark();
        self.skip_blanks();
        if self.is_at_line_end() {
            self.skip_to_content()?;
            let is_item = self.column() == column && self.is_at_indicator(b'-');
            if self.is_over() || self.column() <= column && !is_item {
                return self.node(empty, Value::Null);
            }
            return self.block(column);
        }
        let mark = self.mark();
        match self.peek(0) {
            b'|' | b'>' => {
                let text = self.block_scalar(column)?;
                self.node(mark, Value::Text(Cow::Owned(text)))
            }
            b'-' if self.is_at_indicator(b'-') => {
                self.fail("got an item of a list behind a key, expected it on the next line")
            }
            first => {
                let node = if matches!(first, b'[' | b'{') {
                    self.flow()?
                } else {
                    let text = self.scalar(column, false)?;
                    self.scalar_node(mark, text, !matches!(first, b'"' | b'\''))?
                };
                self.expect_line_end()?;
                Ok(node)
            }
        }
    }

    /// Adds an entry to a mapping that has none of that key.
    #[inline(never)]
    pub(super) fn insert(
        &mut self,
        entries: &mut Entries<'t>,
        key: Cow<'t, str>,
        mark: Mark,
        value: Node<'t>,
    ) -> Reading<()> {
        if entries.iter().any(|(known, _)| *known == key) {
            return self.fail_at(mark, "got a key for the second time, expected each once");
        }
        if entries.len() >= MAX_KEYS {
            return self.fail_at(mark, "got too many keys, expected at most 2000 in one mapping");
        }
        entries.push((key, value));
        Ok(())
    }
}
