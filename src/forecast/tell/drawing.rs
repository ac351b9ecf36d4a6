//! Lives of single pods, drawn in characters: the best, the median one and the worst of a sample.

use crate::forecast::life::{Life, Shade};
use crate::forecast::{Forecast, Millis};
use crate::{quantity, text};

/// Characters of a line, and of the name before it.
const WIDTH: u64 = 80;
/// As above.
const NAME: usize = 8;

/// Appends a line for each of three pods, and one for the time.
#[inline(never)]
pub(super) fn write(out: &mut Vec<u8>, forecast: &Forecast<'_>) {
    let (play, end, sample) = (forecast.play, forecast.play.end, &forecast.tally.sample);
    let last = sample.len().saturating_sub(1);
    // Those that were Ready longest, at the median, and shortest: 5, 50 and 95 % are before them.
    let (names, count) = if last > 0 { ("best median worst", 3) } else { ("pod", 1) };
    for at in 0..count {
        let name = text::word(names, at);
        let before = last * (5 + 45 * at) / 100;
        // Few enough to be counted, where a sort would be a kilobyte of code.
        let is_it = |pod: &&(Millis, u64)| sample.iter().filter(|other| other < pod).count() == before;
        let Some((_, number)) = sample.iter().find(is_it) else { continue };
        text::put(out, name.as_bytes());
        out.resize(out.len() + NAME - name.len(), b' ');
        let (life, start) = (play.life(*number, 0, true), out.len());
        for at in 0..WIDTH {
            out.push(shown(&life, end * at / WIDTH, end * (at + 1) / WIDTH));
        }
        while out.len() > start && out.last() == Some(&b' ') {
            out.pop();
        }
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

/// What a life was for most of a stretch of time.
fn shown(life: &Life, from: Millis, to: Millis) -> u8 {
    let shades = life.shades.as_deref().unwrap_or_default();
    let (mut lasted, mut ended) = ([0; 5], false);
    for (at, &(since, shade)) in shades.iter().enumerate() {
        let until = shades.get(at + 1).map_or(to, |next| next.0.min(to));
        lasted[shade as usize] += until.saturating_sub(since.max(from));
        ended |= since >= from && since < to && matches!(shade, Shade::Waiting);
    }
    let mut most = 0;
    for at in 1..lasted.len() {
        if lasted[at] > lasted[most] {
            most = at;
        }
    }
    if ended { b'!' } else { b" -=~."[most] }
}
