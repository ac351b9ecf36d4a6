//! The cursor: where it is, what stands there, and what lies between two values.

use super::{Document, Fault, Piece, fault_at};
use crate::text;

/// A position that one can go back to.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    at: usize,
    line_start: usize,
}

impl Spot {
    pub(super) fn at(self) -> usize {
        self.at
    }
}

/// Reads a text from front to back into a document.
pub(super) struct Scanner<'t> {
    text: &'t str,
    spot: Spot,
    pub(super) document: Document,
    /// The key of the value that is added next.
    pub(super) key: Piece,
    pub(super) depth: u32,
    pub(super) nodes: u32,
    pub(super) fault: Option<Fault>,
}

/// Whether a byte, 0 being the end, ends a word.
#[inline(never)]
pub(super) fn is_blank_or_end(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0)
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let spot = Spot { at: 0, line_start: 0 };
        Self { text, spot, document: Document::new(), key: Piece::default(), depth: 0, nodes: 0, fault: None }
    }

    /// The byte at the cursor; 0 past the end (the text itself has none).
    #[inline(never)]
    pub(super) fn peek(&self) -> u8 {
        self.ahead(0)
    }

    /// The byte so far ahead of the cursor.
    #[inline(never)]
    pub(super) fn ahead(&self, by: usize) -> u8 {
        self.text.as_bytes().get(self.spot.at + by).copied().unwrap_or(0)
    }

    pub(super) fn at(&self) -> usize {
        self.spot.at
    }

    pub(super) fn spot(&self) -> Spot {
        self.spot
    }

    pub(super) fn go_back(&mut self, spot: Spot) {
        self.spot = spot;
    }

    /// Goes on by so many bytes, among which no line ends.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.spot.at += bytes;
    }

    /// Goes past a line break, if one stands here.
    #[inline(never)]
    pub(super) fn is_past_break(&mut self) -> bool {
        let is_break = self.peek() == b'\n';
        if is_break {
            self.skip(1);
            self.spot.line_start = self.spot.at;
        }
        is_break
    }

    /// Appends what stands between a place and the cursor to the document's text.
    #[inline(never)]
    pub(super) fn take(&mut self, from: usize) {
        self.document.text.push_str(self.text.get(from..self.spot.at).unwrap_or_default());
    }

    /// The document's text from a place on.
    pub(super) fn piece(&self, start: usize) -> Piece {
        Piece { start: start as u32, end: self.document.text.len() as u32 }
    }

    /// Bytes between the start of the line and the cursor: indentation, where there is nothing but spaces.
    pub(super) fn column(&self) -> i32 {
        (self.spot.at - self.spot.line_start) as i32
    }

    /// Whether the cursor is still on the line of a place before it.
    pub(super) fn is_on_line_of(&self, start: usize) -> bool {
        self.spot.line_start <= start
    }

    /// A fault where the cursor is.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, message: &str) {
        self.fail_at(self.spot.at, message);
    }

    /// A fault at a place. Only the first counts, and the text ends there for all that still reads.
    #[cold]
    #[inline(never)]
    pub(super) fn fail_at(&mut self, start: usize, message: &str) {
        self.fault.get_or_insert_with(|| fault_at(self.text.as_bytes(), start, message));
        self.spot.at = self.text.len();
    }

    /// A fault at something that YAML has and kubectl does not print.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse_at(&mut self, start: usize, what: &str) {
        let advice = ", which is not read here, expected what `kubectl create --dry-run=client -o json -f FILE` prints";
        self.fail_at(start, &text::joined(&["got ", what, advice]));
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.spot.at >= self.text.len()
    }

    /// Whether `---` or `...` stands here.
    #[inline(never)]
    pub(super) fn is_at_marker(&self) -> bool {
        let rest = self.text.as_bytes().get(self.spot.at..).unwrap_or_default();
        self.column() == 0 && (rest.starts_with(b"---") || rest.starts_with(b"...")) && is_blank_or_end(self.ahead(3))
    }

    /// Whether the document ends here.
    #[inline(never)]
    pub(super) fn is_over(&self) -> bool {
        self.is_at_end() || self.is_at_marker()
    }

    /// Whether the indicator `byte` stands here: alone, with a blank or nothing behind it.
    #[inline(never)]
    pub(super) fn is_at_indicator(&self, byte: u8) -> bool {
        self.peek() == byte && is_blank_or_end(self.ahead(1))
    }

    /// Whether a scalar that begins here is a plain one.
    #[inline(never)]
    pub(super) fn is_at_plain(&self) -> bool {
        !matches!(self.peek(), b'"' | b'\'')
    }

    #[inline(never)]
    pub(super) fn skip_spaces(&mut self) {
        while self.peek() == b' ' {
            self.skip(1);
        }
    }

    #[inline(never)]
    pub(super) fn skip_blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t') {
            self.skip(1);
        }
    }

    /// Whether nothing but perhaps a comment follows on this line.
    #[inline(never)]
    pub(super) fn is_at_line_end(&self) -> bool {
        match self.peek() {
            b'\n' | 0 => true,
            b'#' => self.spot.at == self.spot.line_start || is_blank_or_end(self.text.as_bytes()[self.spot.at - 1]),
            _ => false,
        }
    }

    /// Goes to the next value, over blank lines and comments. A tab that indents one is refused.
    #[inline(never)]
    pub(super) fn skip_to_content(&mut self) {
        loop {
            self.skip_spaces();
            let spot = self.spot;
            self.skip_blanks();
            if !self.is_at_line_end() {
                if self.spot.at > spot.at {
                    self.fail_at_tab(spot);
                }
                return;
            }
            if self.is_at_end() {
                return;
            }
            self.skip_line();
        }
    }

    /// Refuses the tab that stands at a place.
    #[inline(never)]
    pub(super) fn fail_at_tab(&mut self, spot: Spot) {
        self.fail_at(spot.at, "got a tab, expected spaces: YAML does not indent with tabs")
    }

    /// Goes to the start of the next line.
    #[inline(never)]
    pub(super) fn skip_line(&mut self) {
        self.skip_to_break();
        self.is_past_break();
    }

    /// Goes to the end of this line.
    #[inline(never)]
    pub(super) fn skip_to_break(&mut self) {
        let rest = self.text.as_bytes().get(self.spot.at..).unwrap_or_default();
        let length = text::position(rest, b'\n').unwrap_or(rest.len());
        self.skip(length);
    }

    /// Refuses anything but a comment behind a value.
    #[inline(never)]
    pub(super) fn expect_line_end(&mut self) {
        self.skip_blanks();
        if self.is_at_line_end() {
            return;
        }
        self.fail(if self.is_at_indicator(b':') {
            "got a second \":\", expected the end of the line: quote text that has \": \" in it"
        } else {
            "got more behind a value, expected the end of the line"
        });
    }
}
