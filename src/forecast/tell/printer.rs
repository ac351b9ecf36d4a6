//! Facts and the templates that they are put into, as text for people or as JSON.

use std::time::Duration;

use crate::forecast::Millis;
use crate::forecast::spread::Spread;
use crate::forecast::tally::share;
use crate::{quantity, text};

/// Something that a forecast says.
#[derive(Clone, Copy)]
#[repr(u8)] // A byte says which it is: facts are put together in hundreds of places.
pub(super) enum Fact<'f> {
    /// A word, or several.
    Word(&'f str),
    /// A count.
    Number(u64),
    /// Thousandths of anything, with as many decimals as that needs.
    Thousandths(u64),
    /// A time: exact in JSON, in text as exact as anybody can use.
    Time(Millis),
    /// A part of a whole: neither none nor all unless it is so exactly.
    Share(u64, u64),
    /// How times are spread. In JSON the members `p5`, `p50` and `p95`; in text `5 % .. 95 %`, or with a capital letter in
    /// the template the median. Nothing when there are no times.
    Spread(&'f Spread),
}

/// What writes.
pub(super) struct Printer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) is_json: bool,
}

impl Printer<'_> {
    /// Appends a template, of which text has what stands before a `~` and JSON what stands behind it; without one they
    /// have the same. The facts come in place of `$a`, `$b` and so on. In text two or more blanks fill the line up to the
    /// column in which they end in the template, with one at least. In JSON a comma before the end of an object or array
    /// goes away, so that members and items can all end with one.
    pub(super) fn say(&mut self, template: &str, facts: &[Fact<'_>]) {
        let (text, json) = template.split_once('~').unwrap_or((template, template));
        let template = if self.is_json { json } else { text }.as_bytes();
        let (mut at, mut column, mut line) = (0, 0, self.out.len());
        while let Some(&byte) = template.get(at) {
            at += 1;
            match byte {
                b'$' => {
                    let letter = template[at];
                    self.fact(facts[usize::from(letter.to_ascii_lowercase() - b'a')], letter < b'a');
                    at += 1;
                    continue;
                }
                b' ' if !self.is_json && template.get(at) == Some(&b' ') => {
                    while template.get(at) == Some(&b' ') {
                        at += 1;
                    }
                    self.out.resize((line + at - column).max(self.out.len() + 1), b' ');
                    continue;
                }
                b'}' | b']' if self.is_json && self.out.last() == Some(&b',') => drop(self.out.pop()),
                _ => {}
            }
            self.out.push(byte);
            if byte == b'\n' {
                (column, line) = (at, self.out.len());
            }
        }
    }

    fn fact(&mut self, fact: Fact<'_>, is_median: bool) {
        match fact {
            Fact::Word(word) if self.is_json => text::json_escaped(self.out, word.as_bytes()),
            Fact::Word(word) => text::put(self.out, word.as_bytes()),
            Fact::Number(number) if self.is_json => text::json_number(self.out, number),
            Fact::Number(number) => text::decimal(self.out, number),
            Fact::Thousandths(number) => text::thousandths(self.out, number),
            Fact::Time(time) => self.time(time),
            Fact::Share(part, whole) if self.is_json => text::thousandths(self.out, share(part, whole)),
            Fact::Share(part, whole) => {
                text::thousandths(self.out, share(part, whole) * 100);
                text::put(self.out, b" %");
            }
            Fact::Spread(spread) => self.spread(spread, is_median),
        }
    }

    fn time(&mut self, time: Millis) {
        if self.is_json {
            text::thousandths(self.out, time);
        } else if time >= 120_000 {
            quantity::write_duration(self.out, Duration::from_secs((time + 500) / 1000));
        } else {
            let step = if time < 9_995 { 10 } else { 100 };
            text::thousandths(self.out, (time + step / 2) / step * step);
            text::put(self.out, b" s");
        }
    }

    fn spread(&mut self, spread: &Spread, is_median: bool) {
        for &percent in &[5, 50, 95] {
            let Some(time) = spread.percentile(percent) else { return };
            if self.is_json {
                self.say("\"p$a\":$b,", &[Fact::Number(percent), Fact::Time(time)]);
            } else if is_median == (percent == 50) {
                self.say(if percent == 95 { " .. $a" } else { "$a" }, &[Fact::Time(time)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(is_json: bool, template: &str, facts: &[Fact<'_>]) -> String {
        text::written(|out| Printer { out, is_json }.say(template, facts))
    }

    #[test]
    fn facts_stand_where_the_template_has_them() {
        let mut spread = Spread::default();
        (1..=100).for_each(|seconds| spread.add(seconds * 10));
        let facts = [Fact::Word("a\"b"), Fact::Share(1, 3), Fact::Spread(&spread), Fact::Time(61_234)];
        let text = "head\n  $a    $C  ($c)  $b\n$d";
        let want = "head\n  a\"b   0.5 s (0.05 s .. 0.95 s) 33.3 %\n61.2 s";
        assert_eq!(said(false, text, &facts), want);
        let json = r#"{"a":"$a","b":$b,$c},{$d,},[]"#;
        let want = r#"{"a":"a\"b","b":0.333,"p5":0.05,"p50":0.5,"p95":0.95},{61.234},[]"#;
        assert_eq!(said(true, json, &facts), want);
        assert_eq!(said(true, "{$a}", &[Fact::Spread(&Spread::default())]), "{}");
        assert_eq!([false, true].map(|is_json| said(is_json, "$d ~{$d}", &facts)), ["61.2 s ", "{61.234}"]);
    }
}
