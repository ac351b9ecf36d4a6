//! `forecast`: reads plan and manifests, lets the cores play, and tells.

use std::sync::{Arc, Condvar, PoisonError};

use super::{complain, print};
use crate::forecast::asked::{Asked, COMMAND};
use crate::forecast::manifest::MAX_INPUT;
use crate::forecast::play::{Inquiry, Play};
use crate::forecast::tally::Tally;
use crate::forecast::tell;
use crate::process::ending::{FAILED, USAGE};
use crate::sync::Lock;
use crate::{sys, text};

/// The stack of a thread that plays.
const STACK: usize = 256 * 1024;

const HELP: &str = "What Kubernetes will do with pods that behave so, and when.

  probeserver forecast [PLAN] [-f FILE or -]... [OPTION]...

  PLAN                   how the program behaves, as in FAULTS: \"start delay 45s; /ready fail for 20s\"
                         none: as its environment says where the image is probeserver, else healthy
  -f FILE                a manifest as kubectl, kustomize or helm print it; - is standard input; may be repeated
  --only [KIND/]NAME     of several workloads, this one
  --probe KIND:...       without a manifest, a probe: liveness:period=10,timeout=1,failures=3,delay=0,path=/livez
  --container NAME=PLAN  how another container behaves; an init container is done when its start rules let it
  --pods N               pods to play, 1000
  --for D                how long, 15m, at most 24h
  --delete-at D          when each pod is deleted; the end
  --seed N               of all dice, 1
  --kubernetes 1.N       the cluster's version, 1.29 to 1.36; 1.34
  --format text or json  text
  --fail-on LIST         of never-ready,restarts,lost-calls,rollout-failed: exit 1 where one of them comes true

Times are median and 5th to 95th percentile, after the creation of the first pod. Exit status 0, however bad it looks;
1 by --fail-on; 2 for a bad option, plan or manifest.

  kubectl get deployment shop -o json | probeserver forecast -f - \"start delay 45s; /live hang after 10m 30%\"
  kubectl kustomize k8s/base | probeserver forecast -f -
  probeserver forecast \"live fail after 5m\" --probe liveness:period=10,timeout=1,failures=3
";

/// What can be read from the command line beside the question itself.
struct Options<'w> {
    asked: Asked,
    files: Vec<&'w str>,
    is_json: bool,
    fail_on: &'w str,
}

/// Runs the command.
#[inline(never)]
pub(super) fn run(words: &[&str]) -> i32 {
    if words.iter().any(|word| matches!(*word, "--help" | "-h")) {
        print(&[HELP]);
        return 0;
    }
    match options(words).and_then(answer) {
        Ok(status) => status,
        Err(line) => {
            complain(&["forecast: ", &line, "\n"]);
            USAGE
        }
    }
}

fn options<'w>(words: &[&'w str]) -> Result<Options<'w>, String> {
    let mut options = Options { asked: Asked::new(COMMAND), files: Vec::new(), is_json: false, fail_on: "" };
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else {
            options.asked.set("plan", word)?;
            continue;
        };
        let name = name.strip_prefix('-').unwrap_or(name);
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, words.next().copied()),
        };
        match (name, value) {
            ("format", Some("text" | "json")) => options.is_json = value == Some("json"),
            ("format", _) => return Err("--format: expected text or json".to_owned()),
            ("plan", _) => return Err(unknown(word)),
            (_, None) => return Err(text::joined(&[word, ": expected a value"])),
            ("f" | "filename", Some(file)) => options.files.push(file),
            ("fail-on", Some(list)) => {
                for outcome in list.split(',') {
                    if !OUTCOMES.split(", ").any(|known| known == outcome) {
                        let words = ["--fail-on: got \"", outcome, "\", expected ", OUTCOMES];
                        return Err(text::joined(&words));
                    }
                }
                options.fail_on = list;
            }
            (name, Some(value)) => match options.asked.set(name, value) {
                Ok(true) => {}
                Ok(false) => return Err(unknown(word)),
                Err(line) => return Err(text::joined(&["--", &line])),
            },
        }
    }
    Ok(options)
}

const OUTCOMES: &str = "never-ready, restarts, lost-calls, rollout-failed";

fn unknown(word: &str) -> String {
    text::joined(&["got \"", word, "\", expected an option of forecast --help"])
}

fn answer(options: Options<'_>) -> Result<i32, String> {
    let mut contents = Vec::new();
    for file in &options.files {
        contents.push(read(file).map_err(|error| text::joined(&[file, ": ", &sys::error_text(&error)]))?);
    }
    let mut inputs = Vec::new();
    for (file, content) in options.files.iter().zip(&contents) {
        inputs.push((if *file == "-" { "standard input" } else { *file }, content.as_slice()));
    }
    let mut status = 0;
    for inquiry in options.asked.inquiries(&inputs)? {
        let shared = played(inquiry);
        let play = Play::new(&shared.inquiry);
        let forecast = play.told(std::mem::take(&mut shared.progress.lock().tally));
        let mut out = Vec::new();
        tell::write(&mut out, &forecast, options.is_json);
        sys::write_all(1, &out);
        if options.fail_on.split(',').any(|outcome| forecast.comes_to(outcome)) {
            status = FAILED;
        }
    }
    Ok(status)
}

/// A manifest, and a little more than it may have.
fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file == "-" { sys::read_input(MAX_INPUT + 1) } else { sys::read_file(file, MAX_INPUT + 1) }
}

/// A play that several threads have a part in.
struct Shared {
    inquiry: Inquiry,
    parts: u64,
    progress: Lock<Progress>,
    finished: Condvar,
}

struct Progress {
    tally: Tally,
    /// Parts that somebody has begun with, and that are done.
    begun: u64,
    done: u64,
}

/// Plays on all cores. What they bring is added up, so it does not matter who played what.
fn played(inquiry: Inquiry) -> Arc<Shared> {
    let parts = sys::cpu_count().clamp(1, 64) as u64;
    let tally = Play::new(&inquiry).run(0..0);
    let progress = Lock::new(Progress { tally, begun: 0, done: 0 });
    let shared = Arc::new(Shared { inquiry, parts, progress, finished: Condvar::new() });
    for _ in 1..parts {
        let theirs = Arc::clone(&shared);
        // Without a thread the others have more to do.
        let _ = sys::spawn("play", STACK, move || theirs.work());
    }
    shared.work();
    let mut progress = shared.progress.lock();
    while progress.done < parts {
        progress = shared.finished.wait(progress).unwrap_or_else(PoisonError::into_inner);
    }
    drop(progress);
    shared
}

impl Shared {
    /// Plays one part after the other until none is left.
    fn work(&self) {
        let play = Play::new(&self.inquiry);
        let groups = play.groups();
        loop {
            let part = {
                let mut progress = self.progress.lock();
                progress.begun += 1;
                progress.begun - 1
            };
            if part >= self.parts {
                return;
            }
            let tally = play.run(groups * part / self.parts..groups * (part + 1) / self.parts);
            let mut progress = self.progress.lock();
            progress.tally.merge(&tally);
            progress.done += 1;
            self.finished.notify_one();
        }
    }
}
