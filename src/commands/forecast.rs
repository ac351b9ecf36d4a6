//! `forecast`: reads plan and manifests, lets the cores play, and tells.

use super::{complain, print};
use crate::forecast::Forecast;
use crate::forecast::asked::{Asked, COMMAND};
use crate::forecast::manifest::MAX_INPUT;
use crate::forecast::play::{Inquiry, Play};
use crate::forecast::tally::Tally;
use crate::forecast::tell::{self, json};
use crate::process::ending::{FAILED, USAGE};
use crate::{sys, text};

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
struct Options {
    asked: Asked,
    files: Vec<String>,
    is_json: bool,
    fail_on: Vec<String>,
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

fn options(words: &[&str]) -> Result<Options, String> {
    let mut options = Options { asked: Asked::new(COMMAND), files: Vec::new(), is_json: false, fail_on: Vec::new() };
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else {
            options.asked.set("plan", word).unwrap_or(Ok(()))?;
            continue;
        };
        let (name, inline) = match name.strip_prefix('-').unwrap_or(name).split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name.strip_prefix('-').unwrap_or(name), None),
        };
        let mut value = || inline.or_else(|| words.next().copied());
        let needed =
            |value: Option<&str>| value.map(str::to_owned).ok_or_else(|| text::joined(&[word, ": expected a value"]));
        match name {
            "f" | "filename" => options.files.push(needed(value())?),
            "format" => {
                options.is_json = match value() {
                    Some("json") => true,
                    Some("text") => false,
                    _ => return Err("--format: expected text or json".to_owned()),
                }
            }
            "fail-on" => {
                for outcome in needed(value())?.split(',') {
                    if !OUTCOMES.contains(&outcome) {
                        return Err(text::joined(&[
                            "--fail-on: got \"",
                            outcome,
                            "\", expected ",
                            &OUTCOMES.join(", "),
                        ]));
                    }
                    options.fail_on.push(outcome.to_owned());
                }
            }
            "plan" => return Err(unknown(word)),
            name => {
                let value = needed(value())?;
                let result = options.asked.set(name, &value).unwrap_or_else(|| Err(unknown(word)));
                result.map_err(|line| if line.starts_with(name) { text::joined(&["--", &line]) } else { line })?;
            }
        }
    }
    Ok(options)
}

const OUTCOMES: [&str; 4] = ["never-ready", "restarts", "lost-calls", "rollout-failed"];

fn unknown(word: &str) -> String {
    text::joined(&["got \"", word, "\", expected an option of forecast --help"])
}

fn answer(options: Options) -> Result<i32, String> {
    let mut inputs = Vec::new();
    for file in &options.files {
        let content = read(file).map_err(|error| text::joined(&[file, ": ", &sys::error_text(&error)]))?;
        inputs.push((if file == "-" { "standard input" } else { file.as_str() }, content));
    }
    let inputs: Vec<(&str, &[u8])> = inputs.iter().map(|(name, content)| (*name, content.as_slice())).collect();
    let mut is_met = false;
    for inquiry in options.asked.inquiries(&inputs)? {
        let forecast = forecast(&inquiry);
        let mut out = Vec::new();
        if options.is_json {
            json::write(&mut out, &forecast)
        } else {
            tell::text::write(&mut out, &forecast)
        }
        sys::write_all(1, &out);
        is_met |= options.fail_on.iter().any(|outcome| forecast.comes_to(outcome));
    }
    Ok(if is_met { FAILED } else { 0 })
}

/// A manifest, and a little more than it may have.
fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file == "-" { sys::read_input(MAX_INPUT + 1) } else { sys::read_file(file, MAX_INPUT + 1) }
}

/// Plays on all cores. What they bring is added up, so it does not matter who played what.
fn forecast(inquiry: &Inquiry) -> Forecast {
    let play = Play::new(inquiry);
    let (groups, cores) = (play.groups(), sys::cpu_count().clamp(1, 64) as u64);
    let part = move |core: u64| groups * core / cores..groups * (core + 1) / cores;
    let mut tally: Option<Tally> = None;
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores)
            .map(|core| {
                let play = &play;
                scope.spawn(move || play.run(part(core)))
            })
            .collect();
        let mut sum = play.run(part(0));
        for other in others {
            // Cannot fail: a panic ends the process.
            sum.merge(&other.join().unwrap_or_default());
        }
        tally = Some(sum);
    });
    play.told(tally.unwrap_or_default())
}
