//! Block style: what belongs together stands below each other.

use super::plain::meaning;
use super::scan::Scanner;
use super::{MAX_DEPTH, MAX_KEYS, MAX_NODES, Node, Piece, Value};

impl Scanner<'_> {
    /// Adds a value; too many are a fault.
    #[inline(never)]
    pub(super) fn add(&mut self, start: usize, value: Value) -> Node {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.fail_at(start, "got too many values, expected at most 200000");
        }
        let key = std::mem::take(&mut self.key);
        self.document.add(start, key, value)
    }

    /// Adds a scalar, which means something only where it has no quotes.
    #[inline(never)]
    pub(super) fn add_scalar(&mut self, start: usize, text: Piece, is_plain: bool) {
        let value = if is_plain { meaning(&mut self.document.text, text) } else { Value::Text(text) };
        self.add(start, value);
    }

    /// Adds a collection and goes into it.
    #[inline(never)]
    pub(super) fn enter(&mut self, start: usize, value: Value) -> Node {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.fail("got too many levels, expected at most 100");
        }
        self.add(start, value)
    }

    /// Goes out of a collection again.
    #[inline(never)]
    pub(super) fn leave(&mut self, node: Node) {
        self.depth -= 1;
        self.document.close(node);
    }

    /// The value that begins here. Further lines of it stand right of the column `parent`; -1 is anywhere. Behind a key on
    /// the same line there can be no collection in block style.
    pub(super) fn block(&mut self, parent: i32, is_behind_key: bool) {
        let (start, column) = (self.at(), self.column());
        match self.peek() {
            b'-' if self.is_at_indicator(b'-') => {
                if is_behind_key {
                    return self.fail("got an item of a list behind a key, expected it on the next line");
                }
                self.sequence(start, column);
            }
            b'|' | b'>' => {
                let text = self.block_scalar(parent);
                self.add_scalar(start, text, false);
            }
            b'[' | b'{' => {
                self.flow();
                self.skip_blanks();
                if self.is_at_indicator(b':') {
                    self.refuse_at(start, "a collection as a key");
                }
                self.expect_line_end();
            }
            _ => {
                let is_plain = self.is_at_plain();
                let text = self.scalar(parent, false);
                self.skip_blanks();
                if !is_behind_key && self.is_at_indicator(b':') {
                    return self.mapping(start, column, text, is_plain);
                }
                self.expect_line_end();
                self.add_scalar(start, text, is_plain);
            }
        }
    }

    /// Refuses what has just been read as a key of a mapping and cannot be one; else it is that of the next value.
    #[inline(never)]
    pub(super) fn keep_key(&mut self, mapping: Node, start: usize, key: Piece, is_plain: bool) {
        if !self.is_on_line_of(start) {
            return self.fail_at(start, "got a key over several lines, expected it on one");
        }
        // All that has been added since is the mapping's.
        self.document.close(mapping);
        let (text, mut count) = (self.document.text(key), 0);
        if is_plain && text == "<<" {
            return self.refuse_at(start, "a merge key (<<)");
        }
        for known in self.document.children(mapping) {
            if self.document.key(known) == text {
                return self.fail_at(start, "got a key for the second time, expected each once");
            }
            count += 1;
        }
        if count >= MAX_KEYS {
            return self.fail_at(start, "got too many keys, expected at most 2000 in one mapping");
        }
        self.key = key;
    }

    /// A sequence whose dashes stand in `column`; the cursor is at the first.
    fn sequence(&mut self, start: usize, column: i32) {
        let node = self.enter(start, Value::Sequence);
        while !self.is_over() && self.column() == column && self.is_at_indicator(b'-') {
            self.skip(1);
            let empty = self.at();
            self.skip_to_content();
            let is_compact = self.is_on_line_of(empty) && !self.is_over();
            if is_compact || !self.is_over() && self.column() > column {
                self.block(column, false);
            } else {
                self.add(empty, Value::Null);
            }
            self.skip_to_content();
        }
        self.expect_dedent(column);
        self.leave(node);
    }

    /// Refuses content that stands further right than what it should follow or end.
    #[inline(never)]
    fn expect_dedent(&mut self, column: i32) {
        if !self.is_over() && self.column() > column {
            self.fail("got a line that is indented too far, expected it below what it belongs to");
        }
    }

    /// A mapping whose keys stand in `column`; the cursor is at the colon behind the first.
    fn mapping(&mut self, start: usize, column: i32, mut key: Piece, mut is_plain: bool) {
        let node = self.enter(start, Value::Mapping);
        let mut key_start = start;
        loop {
            self.keep_key(node, key_start, key, is_plain);
            self.skip(1);
            self.value(column);
            self.skip_to_content();
            if self.is_over() || self.column() < column {
                break;
            }
            self.expect_dedent(column);
            if self.is_at_indicator(b'-') {
                return self.fail("got an item of a list, expected a key");
            }
            key_start = self.at();
            is_plain = self.is_at_plain();
            key = self.scalar(column, false);
            self.skip_blanks();
            if !self.is_at_indicator(b':') {
                return self.fail_at(key_start, "got text, expected a key with \": \" behind it");
            }
        }
        self.leave(node);
    }

    /// The value behind a colon, of a mapping whose keys stand in `column`.
    fn value(&mut self, column: i32) {
        let empty = self.at();
        self.skip_blanks();
        let is_behind_key = !self.is_at_line_end();
        if !is_behind_key {
            self.skip_to_content();
            let is_item = self.column() == column && self.is_at_indicator(b'-');
            if self.is_over() || self.column() <= column && !is_item {
                self.add(empty, Value::Null);
                return;
            }
        }
        self.block(column, is_behind_key)
    }
}
