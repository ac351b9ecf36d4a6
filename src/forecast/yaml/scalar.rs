//! Scalars in all their styles: plain, quoted, literal and folded.

use std::borrow::Cow;

use super::block::refused;
use super::scan::{Reading, Scanner, is_blank_or_end};

fn is_flow_indicator(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}

/// Appends what so many line breaks between two pieces of text come to.
#[inline(never)]
fn fold(out: &mut String, breaks: usize) {
    if breaks == 1 {
        out.push(' ');
    }
    newlines(out, breaks.saturating_sub(1));
}

#[inline(never)]
fn newlines(out: &mut String, count: usize) {
    for _ in 0..count {
        out.push('\n');
    }
}

impl<'t> Scanner<'t> {
    /// The plain or quoted scalar that begins here; further lines of a plain one stand right of the column `parent`.
    pub(super) fn scalar(&mut self, parent: i32, in_flow: bool) -> Reading<Cow<'t, str>> {
        let next = self.peek(1);
        match self.peek(0) {
            b'"' | b'\'' => return self.quoted(),
            b'&' => return self.fail(refused!("an anchor (&)")),
            b'*' => return self.fail(refused!("an alias (*)")),
            b'!' => return self.fail(refused!("a tag (!)")),
            b'%' if self.column() == 0 => return self.fail(refused!("a directive (%)")),
            b'?' if is_blank_or_end(next) || in_flow => return self.fail(refused!("a complex key (?)")),
            b':' if is_blank_or_end(next) || in_flow => {
                return self.fail("got a \":\" without a key, expected a key or a value");
            }
            b'-' if is_blank_or_end(next) || in_flow && is_flow_indicator(next) => {
                return self.fail("got a \"-\", expected a value");
            }
            b'%' | b'@' | b'`' => {
                return self.fail("got a character that begins no plain text, expected quotes around it");
            }
            b'|' | b'>' => return self.fail("got a \"|\" or \">\", expected a value: quote text that begins so"),
            byte if is_flow_indicator(byte) => return self.fail("got a bracket or comma, expected a value"),
            _ => {}
        }
        self.plain(parent, in_flow)
    }

    fn plain(&mut self, parent: i32, in_flow: bool) -> Reading<Cow<'t, str>> {
        let mut text = Cow::Borrowed(self.plain_line(in_flow));
        loop {
            self.skip_blanks();
            let spot = self.spot();
            let mut breaks = 0;
            while self.peek(0) == b'\n' {
                self.step();
                breaks += 1;
                self.skip_spaces();
                let (tab, column, at) = (self.spot(), self.column(), self.at());
                self.skip_blanks();
                let is_indented_by_tab = self.at() > at && column <= parent && !in_flow;
                if is_indented_by_tab && self.peek(0) != b'\n' {
                    self.go_back(tab);
                    return self.fail("got a tab, expected spaces: YAML does not indent with tabs");
                }
            }
            let is_outside = !in_flow && self.column() <= parent;
            let is_stopped = in_flow && (is_flow_indicator(self.peek(0)) || self.is_at_indicator(b':'));
            if breaks == 0 || self.is_over() || is_outside || is_stopped || self.peek(0) == b'#' {
                self.go_back(spot);
                return Ok(text);
            }
            let piece = self.plain_line(in_flow);
            if piece.is_empty() {
                self.go_back(spot);
                return Ok(text);
            }
            let out = text.to_mut();
            fold(out, breaks);
            out.push_str(piece);
        }
    }

    /// The part of a plain scalar that stands on this line.
    fn plain_line(&mut self, in_flow: bool) -> &'t str {
        let start = self.at();
        let mut end = start;
        loop {
            let (byte, next) = (self.peek(0), self.peek(1));
            match byte {
                b'\n' | 0 => break,
                b' ' | b'\t' => {
                    self.skip(1);
                    continue;
                }
                b':' if is_blank_or_end(next) || in_flow && is_flow_indicator(next) => break,
                b'#' if self.at() > end => break,
                _ if in_flow && (is_flow_indicator(byte) || byte == b'?') => break,
                _ => {}
            }
            self.step();
            end = self.at();
        }
        &self.text[start..end]
    }

    /// A scalar in single or double quotes.
    fn quoted(&mut self) -> Reading<Cow<'t, str>> {
        let (mark, quote) = (self.mark(), self.peek(0));
        self.skip(1);
        let start = self.at();
        let rest = &self.text.as_bytes()[start..];
        let end = rest.iter().position(|&byte| byte == quote || byte == b'\n' || byte == b'\\' && quote == b'"');
        if let Some(length) = end
            && rest[length] == quote
            && (quote == b'"' || rest.get(length + 1) != Some(&b'\''))
        {
            self.skip(length + 1);
            return Ok(Cow::Borrowed(&self.text[start..start + length]));
        }
        // What was escaped is not trimmed before a line break.
        let (mut out, mut kept) = (String::new(), 0);
        loop {
            match self.peek(0) {
                0 => break,
                byte if byte == quote => {
                    self.skip(1);
                    if quote == b'"' || self.peek(0) != b'\'' {
                        return Ok(Cow::Owned(out));
                    }
                    out.push('\'');
                    self.skip(1);
                    kept = out.len();
                }
                b'\\' if quote == b'"' => {
                    self.skip(1);
                    if self.peek(0) == b'\n' {
                        let breaks = self.skip_breaks();
                        fold(&mut out, if breaks == 1 { 0 } else { breaks });
                    } else {
                        out.push(self.escape()?);
                    }
                    kept = out.len();
                }
                b'\n' => {
                    while out.len() > kept && out.ends_with([' ', '\t']) {
                        out.pop();
                    }
                    let breaks = self.skip_breaks();
                    fold(&mut out, breaks);
                    kept = out.len();
                }
                _ => {
                    let from = self.at();
                    self.step();
                    out.push_str(&self.text[from..self.at()]);
                }
            }
            if self.is_at_marker() {
                break;
            }
        }
        self.fail_at(mark, "got text without an end, expected its closing quote: is it cut off?")
    }

    /// Goes over line breaks and the blanks behind them; how many there were.
    fn skip_breaks(&mut self) -> usize {
        let mut breaks = 0;
        while self.peek(0) == b'\n' {
            self.step();
            breaks += 1;
            if self.is_at_marker() {
                break;
            }
            self.skip_blanks();
        }
        breaks
    }

    /// What stands for one character behind a backslash.
    fn escape(&mut self) -> Reading<char> {
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
        let byte = self.peek(0);
        if let Some(&(_, character)) = ESCAPES.iter().find(|(name, _)| *name == byte) {
            self.skip(1);
            return Ok(character);
        }
        let digits = match byte {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => return self.fail("got an unknown escape, expected one of YAML's, such as \\n or \\u0041"),
        };
        let mut code = self.hexadecimal(digits)?;
        // JSON writes what is above U+FFFF as two halves.
        if digits == 4 && (0xd800..0xdc00).contains(&code) && self.peek(0) == b'\\' && self.peek(1) == b'u' {
            self.skip(1);
            let low = self.hexadecimal(4)?;
            code = match low {
                0xdc00..0xe000 => 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00),
                _ => code,
            };
        }
        match char::from_u32(code) {
            Some(character) => Ok(character),
            None => self.fail("got an escape that is no character, expected one of Unicode's"),
        }
    }

    /// So many hexadecimal digits behind the letter that the cursor is at.
    fn hexadecimal(&mut self, digits: usize) -> Reading<u32> {
        self.skip(1);
        let mut code = 0u32;
        for _ in 0..digits {
            match char::from(self.peek(0)).to_digit(16) {
                Some(digit) => code = code << 4 | digit,
                None => return self.fail("got too few digits of an escape, expected hexadecimal ones"),
            }
            self.skip(1);
        }
        Ok(code)
    }

    /// A literal (`|`) or folded (`>`) scalar, whose text stands right of the column `parent`. Ends at a line's start.
    pub(super) fn block_scalar(&mut self, parent: i32) -> Reading<String> {
        let is_folded = self.peek(0) == b'>';
        self.skip(1);
        let (mut chomping, mut indent) = (0, None);
        loop {
            match self.peek(0) {
                sign @ (b'+' | b'-') if chomping == 0 => chomping = sign,
                digit @ b'1'..=b'9' if indent.is_none() => indent = Some(parent.max(0) + i32::from(digit - b'0')),
                _ => break,
            }
            self.skip(1);
        }
        self.expect_line_end()?;
        self.skip_line();
        let mut breaks = 0;
        let indent = match indent {
            Some(indent) => indent,
            None => self.detect_indent(parent, &mut breaks)?,
        };
        let mut out = String::new();
        // The break behind the last line that had text, and whether that line began with a blank.
        let (mut is_broken, mut was_blank) = (false, false);
        loop {
            // Blank lines, and those that are all indentation.
            loop {
                while self.column() < indent && self.peek(0) == b' ' {
                    self.skip(1);
                }
                if self.peek(0) != b'\n' {
                    break;
                }
                self.step();
                breaks += 1;
            }
            if self.column() != indent || self.is_over() {
                break;
            }
            let is_blank = matches!(self.peek(0), b' ' | b'\t');
            if is_broken {
                let is_joined = is_folded && !was_blank && !is_blank;
                if !is_joined {
                    out.push('\n');
                } else if breaks == 0 {
                    out.push(' ');
                }
            }
            newlines(&mut out, breaks);
            (breaks, was_blank) = (0, is_blank);
            let start = self.at();
            while !matches!(self.peek(0), b'\n' | 0) {
                self.step();
            }
            out.push_str(&self.text[start..self.at()]);
            is_broken = self.peek(0) == b'\n';
            if is_broken {
                self.step();
            }
        }
        if chomping != b'-' && is_broken {
            out.push('\n');
        }
        if chomping == b'+' {
            newlines(&mut out, breaks);
        }
        Ok(out)
    }

    /// The indentation of a block scalar: that of its first line with text. Counts the blank lines before it.
    fn detect_indent(&mut self, parent: i32, breaks: &mut usize) -> Reading<i32> {
        let mut widest = 0;
        loop {
            self.skip_spaces();
            widest = widest.max(self.column());
            if self.peek(0) == b'\t' && self.column() <= parent {
                return self.fail("got a tab, expected spaces: YAML does not indent with tabs");
            }
            if self.peek(0) != b'\n' {
                break;
            }
            self.step();
            *breaks += 1;
        }
        // Not deeper than the text: the line belongs to what follows.
        Ok(widest.max(parent + 1).max(1))
    }
}
