//! Scalars in all their styles: plain, quoted, literal and folded. Their text goes into the document.

use super::Piece;
use super::scan::{Scanner, is_blank_or_end};

#[inline(never)]
fn is_flow_indicator(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}

/// What escapes of one letter stand for.
const ESCAPES: [(u8, char); 18] = [
    (b'0', '\0'),
    (b'a', '\u{7}'),
    (b'b', '\u{8}'),
    (b't', '\t'),
    (b'\t', '\t'),
    (b'n', '\n'),
    (b'v', '\u{b}'),
    (b'f', '\u{c}'),
    (b'r', '\r'),
    (b'e', '\u{1b}'),
    (b' ', ' '),
    (b'"', '"'),
    (b'/', '/'),
    (b'\\', '\\'),
    (b'N', '\u{85}'),
    (b'_', '\u{a0}'),
    (b'L', '\u{2028}'),
    (b'P', '\u{2029}'),
];

impl Scanner<'_> {
    /// The plain or quoted scalar that begins here; further lines of a plain one stand right of the column `parent`.
    pub(super) fn scalar(&mut self, parent: i32, in_flow: bool) -> Piece {
        let next = self.ahead(1);
        let is_alone = is_blank_or_end(next) || in_flow;
        let refused = match self.peek() {
            b'"' | b'\'' => return self.quoted(),
            b'&' => "an anchor (&)",
            b'*' => "an alias (*)",
            b'!' => "a tag (!)",
            b'%' if self.column() == 0 => "a directive (%)",
            b'?' if is_alone => "a complex key (?)",
            _ => "",
        };
        if !refused.is_empty() {
            self.refuse_at(self.at(), refused);
        }
        let message = match self.peek() {
            b':' if is_alone => "got a \":\" without a key, expected a key or a value",
            b'-' if is_blank_or_end(next) || in_flow && is_flow_indicator(next) => "got a \"-\", expected a value",
            b'%' | b'@' | b'`' => "got a character that begins no plain text, expected quotes around it",
            b'|' | b'>' => "got a \"|\" or \">\", expected a value: quote text that begins so",
            byte if is_flow_indicator(byte) => "got a bracket or comma, expected a value",
            _ => return self.plain(parent, in_flow),
        };
        self.fail(message);
        Piece::default()
    }

    /// The length of the document's text.
    fn length(&self) -> usize {
        self.document.text.len()
    }

    #[inline(never)]
    fn push(&mut self, character: char) {
        self.document.text.push(character);
    }

    /// Appends what so many line breaks between two pieces of text come to.
    #[inline(never)]
    fn fold(&mut self, breaks: usize) {
        if breaks == 1 {
            self.push(' ');
        }
        self.newlines(breaks.saturating_sub(1));
    }

    #[inline(never)]
    fn newlines(&mut self, count: usize) {
        for _ in 0..count {
            self.push('\n');
        }
    }

    fn plain(&mut self, parent: i32, in_flow: bool) -> Piece {
        let start = self.length();
        self.plain_line(0, in_flow);
        loop {
            self.skip_blanks();
            let spot = self.spot();
            let mut breaks = 0;
            while self.is_past_break() {
                breaks += 1;
                self.skip_spaces();
                let (tab, column) = (self.spot(), self.column());
                self.skip_blanks();
                let is_indented_by_tab = self.column() > column && column <= parent && !in_flow;
                if is_indented_by_tab && self.peek() != b'\n' {
                    self.fail_at_tab(tab);
                    return Piece::default();
                }
            }
            let is_outside = !in_flow && self.column() <= parent;
            let is_stopped = in_flow && (is_flow_indicator(self.peek()) || self.is_at_indicator(b':'));
            let is_end = breaks == 0 || self.is_over() || is_outside || is_stopped || self.peek() == b'#';
            if is_end || !self.plain_line(breaks, in_flow) {
                self.go_back(spot);
                return self.piece(start);
            }
        }
    }

    /// The part of a plain scalar that stands on this line, behind so many line breaks; whether there is any.
    #[inline(never)]
    fn plain_line(&mut self, breaks: usize, in_flow: bool) -> bool {
        let start = self.spot();
        let mut end = start;
        loop {
            let (byte, next) = (self.peek(), self.ahead(1));
            match byte {
                b'\n' | 0 => break,
                b':' if is_blank_or_end(next) || in_flow && is_flow_indicator(next) => break,
                b'#' if self.at() > end.at() => break,
                _ if in_flow && (is_flow_indicator(byte) || byte == b'?') => break,
                _ => self.skip(1),
            }
            if !matches!(byte, b' ' | b'\t') {
                end = self.spot();
            }
        }
        self.go_back(end);
        let is_any = end.at() > start.at();
        if is_any {
            self.fold(breaks);
            self.take(start.at());
        }
        is_any
    }

    /// A scalar in single or double quotes.
    fn quoted(&mut self) -> Piece {
        let (opening, quote, start) = (self.at(), self.peek(), self.length());
        self.skip(1);
        // What was escaped is not trimmed before a line break.
        let mut kept = start;
        loop {
            let from = self.at();
            while !matches!(self.peek(), b'"' | b'\'' | b'\\' | b'\n' | 0) {
                self.skip(1);
            }
            self.take(from);
            match self.peek() {
                b'\n' => {
                    let text = &mut self.document.text;
                    while text.len() > kept && matches!(text.as_bytes().last(), Some(b' ' | b'\t')) {
                        text.pop();
                    }
                    let breaks = self.skip_breaks();
                    self.fold(breaks);
                    kept = self.length();
                }
                b'\\' if quote == b'"' => {
                    self.skip(1);
                    if self.peek() == b'\n' {
                        let breaks = self.skip_breaks();
                        self.fold(if breaks == 1 { 0 } else { breaks });
                    } else {
                        let character = self.escape();
                        self.push(character);
                    }
                    kept = self.length();
                }
                byte if byte == quote && (quote == b'"' || self.ahead(1) != b'\'') => {
                    self.skip(1);
                    return self.piece(start);
                }
                0 => break,
                byte => {
                    self.skip(if byte == quote { 2 } else { 1 });
                    self.push(char::from(byte));
                    kept = if byte == quote { self.length() } else { kept };
                }
            }
            if self.is_at_marker() {
                break;
            }
        }
        self.fail_at(opening, "got text without an end, expected its closing quote: is it cut off?");
        Piece::default()
    }

    /// Goes over line breaks and the blanks behind them; how many there were.
    #[inline(never)]
    fn skip_breaks(&mut self) -> usize {
        let mut breaks = 0;
        while self.is_past_break() {
            breaks += 1;
            if self.is_at_marker() {
                break;
            }
            self.skip_blanks();
        }
        breaks
    }

    /// What stands for one character behind a backslash.
    fn escape(&mut self) -> char {
        let letter = self.peek();
        for (known, character) in ESCAPES {
            if known == letter {
                self.skip(1);
                return character;
            }
        }
        let digits = match letter {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => {
                self.fail("got an unknown escape, expected one of YAML's, such as \\n or \\u0041");
                0
            }
        };
        let mut code = self.hexadecimal(digits);
        // JSON writes what is above U+FFFF as two halves.
        if digits == 4 && (0xd800..0xdc00).contains(&code) && self.peek() == b'\\' && self.ahead(1) == b'u' {
            self.skip(1);
            let low = self.hexadecimal(4);
            if (0xdc00..0xe000).contains(&low) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        char::from_u32(code).unwrap_or_else(|| {
            self.fail("got an escape that is no character, expected one of Unicode's");
            ' '
        })
    }

    /// So many hexadecimal digits behind the letter that the cursor is at.
    #[inline(never)]
    fn hexadecimal(&mut self, digits: usize) -> u32 {
        self.skip(1);
        let mut code = 0u32;
        for _ in 0..digits {
            let Some(digit) = char::from(self.peek()).to_digit(16) else {
                self.fail("got too few digits of an escape, expected hexadecimal ones");
                break;
            };
            code = code << 4 | digit;
            self.skip(1);
        }
        code
    }

    /// A literal (`|`) or folded (`>`) scalar, whose text stands right of the column `parent`. Ends at a line's start.
    pub(super) fn block_scalar(&mut self, parent: i32) -> Piece {
        let is_folded = self.peek() == b'>';
        self.skip(1);
        let (mut chomping, mut indent) = (0, 0);
        loop {
            match self.peek() {
                sign @ (b'+' | b'-') if chomping == 0 => chomping = sign,
                digit @ b'1'..=b'9' if indent == 0 => indent = parent.max(0) + i32::from(digit - b'0'),
                _ => break,
            }
            self.skip(1);
        }
        self.expect_line_end();
        self.skip_line();
        let mut breaks = 0;
        if indent == 0 {
            indent = self.detect_indent(parent, &mut breaks);
        }
        let start = self.length();
        // The break behind the last line that had text, and whether that line began with a blank.
        let (mut is_broken, mut was_blank) = (false, false);
        loop {
            // Blank lines, and those that are all indentation.
            loop {
                while self.column() < indent && self.peek() == b' ' {
                    self.skip(1);
                }
                if !self.is_past_break() {
                    break;
                }
                breaks += 1;
            }
            if self.column() != indent || self.is_over() {
                break;
            }
            let is_blank = matches!(self.peek(), b' ' | b'\t');
            if is_broken {
                let is_joined = is_folded && !was_blank && !is_blank;
                if !is_joined {
                    self.push('\n');
                } else if breaks == 0 {
                    self.push(' ');
                }
            }
            self.newlines(breaks);
            (breaks, was_blank) = (0, is_blank);
            let from = self.at();
            self.skip_to_break();
            self.take(from);
            is_broken = self.is_past_break();
        }
        if chomping != b'-' && is_broken {
            self.push('\n');
        }
        if chomping == b'+' {
            self.newlines(breaks);
        }
        self.piece(start)
    }

    /// The indentation of a block scalar: that of its first line with text. Counts the blank lines before it.
    fn detect_indent(&mut self, parent: i32, breaks: &mut usize) -> i32 {
        let mut widest = 0;
        loop {
            self.skip_spaces();
            widest = widest.max(self.column());
            if self.peek() == b'\t' && self.column() <= parent {
                self.fail_at_tab(self.spot());
            }
            if !self.is_past_break() {
                break;
            }
            *breaks += 1;
        }
        // Not deeper than the text: the line belongs to what follows.
        widest.max(parent + 1).max(1)
    }
}
