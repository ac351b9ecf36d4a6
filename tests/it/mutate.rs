//! A small mutational fuzzer: entries of `tests/corpus` are changed a little, over and over, from a seeded generator.
//! Inputs that come to something new are kept and changed further.
//!
//! FUZZ_SECONDS says how long for each target (where it is not set it is so many changes, the same ones each time;
//! `scripts/test --long` takes 300), FUZZ_SEED with which seed. A failure prints the input as one line of escapes: put it into the corpus with the fix.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::client::show;

/// Longest input: more than any limit of a parser.
const LONGEST: usize = 20 * 1024;
/// Changes tried where no time is given.
const RUNS: u64 = 2000;
/// Most inputs kept besides the corpus.
const KEPT: usize = 2000;

/// The files of a folder of the corpus, by name.
#[track_caller]
pub(crate) fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("a folder can be read").path();
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("a file can be read"))
        })
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{folder}: {} files", files.len());
    files
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}: {value:?} is no number")))
}

/// Feeds a target everything in its folder and then mutations of it, until the time is over. The target says what an
/// input came to, in few words: what is new there is worth going on from.
#[track_caller]
pub(crate) fn fuzz(folder: &str, target: impl Fn(&[u8]) -> String) {
    let mut pool: Vec<Vec<u8>> = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, input) in corpus(folder) {
        seen.insert(watched(&name, 0, &input, &target));
        pool.push(input);
    }
    let seed = from_environment("FUZZ_SEED").unwrap_or(1);
    let time = from_environment("FUZZ_SECONDS").map(Duration::from_secs);
    let (mut dice, began, entries) = (Rng::with_seed(seed), Instant::now(), pool.len());
    let (mut runs, mut slowest) = (0u64, (Duration::ZERO, Vec::new()));
    while time.map_or(runs < RUNS, |time| began.elapsed() < time) {
        let input = mutated(&mut dice, &pool);
        let start = Instant::now();
        let is_new = seen.insert(watched("mutation", seed, &input, &target));
        if start.elapsed() > slowest.0 {
            slowest = (start.elapsed(), input.clone());
        }
        if is_new && pool.len() < entries + KEPT {
            pool.push(input);
        }
        runs += 1;
    }
    let (longest, input) = slowest;
    assert!(runs > 10, "{folder}: only {runs} inputs, {longest:?} for {}", show(&input));
    let outcomes = seen.len();
    #[allow(clippy::print_stdout, reason = "seen with --nocapture, as scripts/test --long asks for")]
    {
        println!(
            "{folder}: {entries} entries, {runs} mutations, {outcomes} outcomes, seed {seed}, longest {longest:?}"
        );
    }
}

/// Runs the target; when that panics, says with what.
fn watched(name: &str, seed: u64, input: &[u8], target: &impl Fn(&[u8]) -> String) -> String {
    catch_unwind(AssertUnwindSafe(|| target(input))).unwrap_or_else(|_| {
        panic!("{name} (seed {seed}), {} bytes: b\"{}\"", input.len(), input.escape_ascii());
    })
}

/// Some entry with a few changes.
pub(crate) fn mutated(dice: &mut Rng, pool: &[Vec<u8>]) -> Vec<u8> {
    let mut input = pool[dice.usize(..pool.len())].clone();
    for _ in 0..1 << dice.u32(0..4) {
        change(dice, &mut input, pool);
    }
    input.truncate(LONGEST);
    input
}

/// A place in the input and one not before it.
fn span(dice: &mut Rng, length: usize) -> std::ops::Range<usize> {
    let start = dice.usize(..=length);
    let most = if dice.bool() { 8 } else { 200 };
    start..dice.usize(start..=length.min(start + most))
}

fn change(dice: &mut Rng, input: &mut Vec<u8>, pool: &[Vec<u8>]) {
    const TELLING: &[u8] = b"\0\t\n\r \"#%*+,-./0159:;<=>?AFGZ[\\]_af{}~\x7f\x80\xc0\xff";
    const WORDS: [&[u8]; 10] = [
        b"\r\n",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"\n\n",
        b"00",
        b"65535",
        b"18446744073709551616",
        b"\xc0\x0c",
        b"  ",
        b", ",
    ];
    let range = span(dice, input.len());
    let at = range.start;
    match dice.u32(0..10) {
        0 if at < input.len() => input[at] ^= 1 << dice.u32(0..8),
        1 if at < input.len() => input[at] = TELLING[dice.usize(..TELLING.len())],
        2 if at < input.len() => input[at] = dice.u8(..),
        3 => input.insert(at, TELLING[dice.usize(..TELLING.len())]),
        4 => drop(input.splice(at..at, WORDS[dice.usize(..WORDS.len())].iter().copied())),
        5 => drop(input.drain(range)),
        6 => input.truncate(at),
        // The same again, sometimes often: limits are reached so.
        7 => {
            let times = if dice.u32(0..8) == 0 { 1 << dice.u32(0..12) } else { 1 };
            let piece = input[range].repeat(times);
            let room = LONGEST.saturating_sub(input.len()).min(piece.len());
            input.splice(at..at, piece[..room].iter().copied());
        }
        // A piece of itself, or of another entry.
        _ => {
            let other = if dice.u32(0..4) == 0 { input.clone() } else { pool[dice.usize(..pool.len())].clone() };
            let piece = span(dice, other.len());
            let to = if dice.bool() { at..at } else { range };
            input.splice(to, other[piece].iter().copied());
        }
    }
}
