//! `forecast`: reads plan and manifests, lets the cores play, and tells.

use std::sync::{Arc, Condvar, PoisonError};

use super::{complain, print};
use crate::forecast::asked::{Asked, COMMAND};
use crate::forecast::manifest::MAX_INPUT;
use crate::forecast::play::{Inquiry, Play};
use crate::forecast::tally::Tally;
use crate::forecast::{OUTCOMES, tell};
use crate::process::ending::{FAILED, USAGE};
use crate::sync::Lock;
use crate::text::Value;
use crate::{routes, sys, text};

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

/// What can be read from the command line.
struct Options<'w> {
    asked: Asked,
    /// Manifests by the names of their files.
    files: Vec<(&'w str, &'w [u8])>,
    /// A bit for each of [`OUTCOMES`].
    fail_on: u8,
}

/// Runs the command.
#[inline(never)]
pub(super) fn run(words: &[&str]) -> i32 {
    if words.iter().any(|word| text::place("--help -h", word.as_bytes()).is_some()) {
        print(HELP, &[]);
        return 0;
    }
    let mut options = Options { asked: Asked::new(COMMAND, routes::answers_well), files: Vec::new(), fail_on: 0 };
    let status = options.read(words).and_then(|()| options.answer());
    status.unwrap_or_else(|line| complain("forecast: ~\n", &[Value::Text(&line)], USAGE))
}

impl<'w> Options<'w> {
    fn read(&mut self, words: &[&'w str]) -> Result<(), String> {
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let option = word.strip_prefix("--").or(word.strip_prefix("-")).unwrap_or_default();
            let (name, value) = match option.split_once('=') {
                _ if option.is_empty() => ("plan", Some(word)),
                Some((name, value)) => (name, Some(value)),
                None => (option, words.next().copied()),
            };
            // Every option needs one, and says so.
            let value = value.unwrap_or_default();
            let is_known = match text::place("f filename fail-on plan", name.as_bytes()) {
                Some(0 | 1) => self.file(value),
                Some(2) => self.outcomes(value),
                Some(_) if !option.is_empty() => Ok(false),
                _ => self.asked.set(name, value),
            };
            if !is_known.map_err(|line| text::joined(&[if option.is_empty() { "" } else { "--" }, &line]))? {
                return Err(text::filled("got \"~\", expected an option of forecast --help", &[Value::Text(word)]));
            }
        }
        Ok(())
    }

    /// Reads a manifest, and a little more than it may have.
    fn file(&mut self, file: &'w str) -> Result<bool, String> {
        let (name, content) = match file {
            "-" => ("standard input", sys::read_input(MAX_INPUT + 1)),
            file => (file, sys::read_file(file, MAX_INPUT + 1)),
        };
        match content {
            // They are needed until the process ends.
            Ok(content) => self.files.push((name, content.leak())),
            Err(error) => return Err(text::joined(&["filename: ", file, ": ", &sys::error_text(&error)])),
        }
        Ok(true)
    }

    fn outcomes(&mut self, list: &str) -> Result<bool, String> {
        for outcome in list.split(',') {
            let Some(at) = text::place(OUTCOMES, outcome.as_bytes()) else {
                let values = [Value::Text(outcome), Value::Text(OUTCOMES)];
                return Err(text::filled("fail-on: got \"~\", expected some of ~", &values));
            };
            self.fail_on |= 1 << at;
        }
        Ok(true)
    }

    fn answer(&self) -> Result<i32, String> {
        let mut status = 0;
        for inquiry in self.asked.inquiries(&self.files)? {
            let shared = played(inquiry);
            let play = Play::new(&shared.inquiry);
            let forecast = play.told(std::mem::replace(&mut shared.progress.lock().tally, Tally::new(0, 0)));
            let mut out = Vec::new();
            tell::write(&mut out, &forecast, self.asked.is_json);
            if !sys::write_all(1, &out) || forecast.outcomes() & self.fail_on != 0 {
                status = FAILED;
            }
        }
        Ok(status)
    }
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
