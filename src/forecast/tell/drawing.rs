//! Lives of single pods, drawn in characters: the best, the median one and the worst of a sample.

use crate::forecast::life::{Life, Shade};
use crate::forecast::tally::Tally;
use crate::forecast::{Forecast, Millis};
use crate::{quantity, text};

/// Characters of a line, and of the name before it.
const WIDTH: u64 = 80;
/// As above.
const NAME: usize = 8;

/// Appends a line for each of three pods, and one for the time.
pub(super) fn write(out: &mut Vec<u8>, forecast: &Forecast<'_>) {
    let (play, end) = (forecast.play, forecast.play.end);
    for (name, number) in typical(&forecast.tally) {
        text::put(out, name.as_bytes());
        out.resize(out.len() + NAME - name.len(), b' ');
        let life = play.life(number, 0, true);
        let line: Vec<u8> = (0..WIDTH).map(|at| shown(&life, end * at / WIDTH, end * (at + 1) / WIDTH)).collect();
        text::put(out, line.trim_ascii_end());
        out.push(b'\n');
    }
    out.resize(out.len() + NAME, b' ');
    for mark in 0..4 {
        let start = out.len();
        out.push(b'|');
        let at = end * mark / 4;
        // Whole seconds are enough for orientation.
        quantity::write_duration(
            out,
            std::time::Duration::from_millis(if end < 60_000 { at } else { at / 1000 * 1000 }),
        );
        out.resize(start + WIDTH as usize / 4, b' ');
    }
    quantity::write_duration(out, std::time::Duration::from_millis(end));
    text::put(out, b"\n  = Ready   - running   ~ ending   . down, the kubelet waits   ! a container ended\n");
}

/// The pods of the sample that were Ready longest, at the median, and shortest.
fn typical(tally: &Tally) -> Vec<(&'static str, u64)> {
    let sample = &tally.sample;
    // The one that so many are before: few enough to be counted, where a sort would be a kilobyte of code.
    let pick = |percent: usize| {
        let before = (sample.len().max(1) - 1) * percent / 100;
        let is_it = |pod: &&(Millis, u64)| sample.iter().filter(|other| other < pod).count() == before;
        sample.iter().find(is_it).map(|(_, number)| *number)
    };
    let places = [("best", 5), ("median", 50), ("worst", 95)];
    let few = [("pod", 0)];
    let places = if sample.len() > 1 { &places[..] } else { &few };
    places.iter().filter_map(|(name, percent)| Some((*name, pick(*percent)?))).collect()
}

/// What a life was for most of a stretch of time.
fn shown(life: &Life, from: Millis, to: Millis) -> u8 {
    let shades = life.shades.as_deref().unwrap_or_default();
    let mut lasted = [0; 5];
    let first = shades.partition_point(|(at, _)| *at <= from).saturating_sub(1);
    let mut ended = false;
    for (at, (since, shade)) in shades.iter().enumerate().skip(first) {
        if *since >= to {
            break;
        }
        let until = shades.get(at + 1).map_or(to, |(next, _)| (*next).min(to));
        lasted[*shade as usize] += until.saturating_sub((*since).max(from));
        ended |= *since >= from && matches!(shade, Shade::Waiting);
    }
    let (most, _) = lasted.iter().enumerate().rev().max_by_key(|(_, lasted)| **lasted).unwrap_or((0, &0));
    if ended { b'!' } else { b" -=~."[most] }
}
