//! Flow style, and so JSON: brackets, braces and commas.

use super::block::refused;
use super::scan::{Reading, Scanner};
use super::{Mark, Node, Value};

impl<'t> Scanner<'t> {
    /// The collection that begins here.
    pub(super) fn flow(&mut self) -> Reading<Node<'t>> {
        let mark = self.mark();
        self.deepen()?;
        let is_sequence = self.peek(0) == b'[';
        self.skip(1);
        let value = if is_sequence {
            let mut items = Vec::new();
            while self.is_going_on(mark, b']')? {
                items.push(self.flow_value()?);
                self.skip_flow(mark)?;
                if self.peek(0) == b':' {
                    return self.fail(refused!("a key in a list without braces"));
                }
                self.end_entry(b']')?;
            }
            Value::Sequence(items)
        } else {
            let mut entries = Vec::new();
            while self.is_going_on(mark, b'}')? {
                let key_mark = self.mark();
                let is_plain = !matches!(self.peek(0), b'"' | b'\'');
                let key = self.scalar(-1, true)?;
                self.check_key(key_mark, &key, is_plain)?;
                self.skip_flow(mark)?;
                let mut empty = self.mark();
                let mut value = None;
                if self.peek(0) == b':' {
                    self.skip(1);
                    empty = self.mark();
                    self.skip_flow(mark)?;
                    if !matches!(self.peek(0), b',' | b'}') {
                        value = Some(self.flow_value()?);
                        self.skip_flow(mark)?;
                    }
                }
                let value = match value {
                    Some(value) => value,
                    None => self.node(empty, Value::Null)?,
                };
                self.insert(&mut entries, key, key_mark, value)?;
                self.end_entry(b'}')?;
            }
            Value::Mapping(entries)
        };
        self.depth -= 1;
        self.node(mark, value)
    }

    fn flow_value(&mut self) -> Reading<Node<'t>> {
        let mark = self.mark();
        let first = self.peek(0);
        if matches!(first, b'[' | b'{') {
            return self.flow();
        }
        let text = self.scalar(-1, true)?;
        self.scalar_node(mark, text, !matches!(first, b'"' | b'\''))
    }

    /// Whether another entry follows; goes to it, or past the closing bracket.
    #[inline(never)]
    fn is_going_on(&mut self, start: Mark, close: u8) -> Reading<bool> {
        self.skip_flow(start)?;
        let is_closed = self.peek(0) == close;
        self.skip(usize::from(is_closed));
        Ok(!is_closed)
    }

    /// Goes past the comma behind an entry; the closing bracket stays.
    #[inline(never)]
    fn end_entry(&mut self, close: u8) -> Reading<()> {
        if self.peek(0) == b',' {
            self.skip(1);
        } else if self.peek(0) != close {
            return self.fail(if close == b']' {
                "got something else, expected \",\" or \"]\""
            } else {
                "got something else, expected \",\", \":\" or \"}\""
            });
        }
        Ok(())
    }

    /// Goes over blanks, line breaks and comments; the collection that began at `start` must not end with the text.
    #[inline(never)]
    fn skip_flow(&mut self, start: Mark) -> Reading<()> {
        loop {
            self.skip_blanks();
            if self.is_over() {
                return self
                    .fail_at(start, "got a collection without an end, expected its closing bracket: is it cut off?");
            }
            if !self.is_at_line_end() {
                return Ok(());
            }
            self.skip_line();
        }
    }
}
