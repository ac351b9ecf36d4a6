//! Flow style, and so JSON: brackets, braces and commas.

use super::Value;
use super::scan::Scanner;

impl Scanner<'_> {
    /// The collection that begins here.
    pub(super) fn flow(&mut self) {
        let start = self.at();
        let is_sequence = self.peek() == b'[';
        let (close, kind) = if is_sequence { (b']', Value::Sequence) } else { (b'}', Value::Mapping) };
        let node = self.enter(start, kind);
        self.skip(1);
        loop {
            self.skip_flow(start);
            let mut at = self.at();
            if self.peek() == close || self.is_at_end() {
                break;
            }
            let mut has_value = is_sequence;
            if !is_sequence {
                let is_plain = self.is_at_plain();
                let key = self.scalar(-1, true);
                self.keep_key(node, at, key, is_plain);
                self.skip_flow(start);
                at = self.at();
                if self.peek() == b':' {
                    self.skip(1);
                    at = self.at();
                    self.skip_flow(start);
                    has_value = !matches!(self.peek(), b',' | b'}');
                }
            }
            if !has_value {
                self.add(at, Value::Null);
            } else if matches!(self.peek(), b'[' | b'{') {
                self.flow();
            } else {
                let (at, is_plain) = (self.at(), self.is_at_plain());
                let text = self.scalar(-1, true);
                self.add_scalar(at, text, is_plain);
            }
            self.skip_flow(start);
            match self.peek() {
                b',' => self.skip(1),
                next if next == close => {}
                b':' if is_sequence => self.refuse_at(self.at(), "a key in a list without braces"),
                _ if is_sequence => self.fail("got something else, expected \",\" or \"]\""),
                _ => self.fail("got something else, expected \",\", \":\" or \"}\""),
            }
        }
        self.skip(1);
        self.leave(node);
    }

    /// Goes over blanks, line breaks and comments; the collection that began at `start` must not end with the text.
    #[inline(never)]
    fn skip_flow(&mut self, start: usize) {
        loop {
            self.skip_blanks();
            if self.is_over() {
                let message = "got a collection without an end, expected its closing bracket: is it cut off?";
                return self.fail_at(start, message);
            }
            if !self.is_at_line_end() {
                return;
            }
            self.skip_line();
        }
    }
}
