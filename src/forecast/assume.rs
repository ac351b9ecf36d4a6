//! What a container's program is taken to do: what its plan says, else what its environment says where the image is
//! this program, else nothing but good.

use std::time::Duration;

use super::behaviour::{Program, Work};
use super::pod::sleep_in;
use super::workload::{Container, Workload};
use super::{Behaviour, Millis, NEVER, millis};
use crate::config::{Config, ConfigError};
use crate::faults::plan::{self, MAX_PLAN};
use crate::faults::rule::{Rule, Target};
use crate::text;

/// The variables that say how a probeserver behaves; no other is read, and none of them names a file.
const READ: [&str; 14] = [
    "PORT",
    "START_WAIT_SECS",
    "START_WAIT_SECONDS",
    "CRASH_FACTOR",
    "CRASH_EXIT_CODE",
    "HEALTH_STATUS_FACTOR",
    "STARTUP_WAIT_SECS",
    "READY_WAIT_SECS",
    "ERROR_FACTOR",
    "RESPONSE_DELAY",
    "FAULTS",
    "SEED",
    "DRAIN_SECS",
    "SHUTDOWN_SECS",
];
/// A program of which nothing is known ends so soon at SIGTERM.
const ENDS: Millis = 100;

/// Reads a plan, as `--container` and the argument give it.
pub fn rules(plan: &str) -> Result<Vec<Rule>, String> {
    if plan.len() > MAX_PLAN {
        return Err("a plan of at most 16 KiB was expected".to_owned());
    }
    plan::parse(plan.as_bytes()).map_err(|error| error.line())
}

/// Whether an image is this program's.
fn is_own(container: &Container) -> bool {
    let image = container.image.split(['@']).next().unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
    name == "probeserver" || container.command.first().is_some_and(|command| command.ends_with("/probeserver"))
}

/// What every container does, init containers first. `plan` is for the container that callers reach, `plans` for those
/// that it names.
pub fn behaviours(
    workload: &Workload,
    plan: Option<Vec<Rule>>,
    plans: Vec<(String, Vec<Rule>)>,
) -> Result<Vec<Behaviour>, String> {
    let (inits, regular) = (&workload.pod.init, &workload.pod.containers);
    let all = || inits.iter().chain(regular);
    for (name, _) in &plans {
        if !all().any(|container| container.name == *name) {
            let names: Vec<&str> = all().map(|container| container.name.as_str()).collect();
            return Err(text::joined(&["--container: got \"", name, "\", expected one of ", &names.join(", ")]));
        }
    }
    let mut given: Vec<Option<Vec<Rule>>> = vec![None; inits.len() + regular.len()];
    let main = inits.len() + regular.iter().position(is_own).unwrap_or(0);
    given[main] = plan;
    for (name, rules) in plans {
        for (slot, _) in given.iter_mut().zip(all()).filter(|(_, container)| container.name == name) {
            *slot = Some(rules.clone());
        }
    }
    let mut behaviours = Vec::new();
    for (container, rules) in all().zip(given) {
        behaviours.push(behaviour(container, rules, behaviours.len() < inits.len())?);
    }
    Ok(behaviours)
}

/// What one container does.
fn behaviour(container: &Container, rules: Option<Vec<Rule>>, is_init: bool) -> Result<Behaviour, String> {
    let (name, is_own) = (&container.name, is_own(container));
    let mut program = Program { is_own, ..Program::default() };
    let serves = container.command.get(1).is_none_or(|word| word == "serve");
    let mut source = text::joined(&["container ", name, ": "]);
    if is_own && serves {
        let config = environment(container)?;
        program.drain = millis(config.drain);
        program.seed = config.seed;
        program.port = config.port.filter(|port| *port != 0);
        program.ignores_stop =
            container.stop_signal.as_ref().is_some_and(|signal| !["SIGTERM", "SIGINT", "SIGQUIT"].contains(&&**signal));
        program.rules = config.rules;
        source.push_str("a probeserver with its environment");
    } else if let Some(length) = sleep_in(&container.command) {
        program.work = Work::End(length);
        // A program without a handler, as PID 1.
        program.ignores_stop = !is_own;
        source.push_str("sleeps, and does not heed SIGTERM");
    } else if is_init && !container.is_sidecar {
        program.work = Work::End(ENDS);
        source.push_str("done at once");
    } else {
        source.push_str("healthy at once; ends with status 0 on SIGTERM");
    }
    if let Some(rules) = rules {
        if is_init && !container.is_sidecar && program.work == Work::Serve {
            program.work = Work::End(ENDS);
        }
        // A plan at run time replaces that of the environment.
        program.rules = rules;
        source.push_str("; behaves by the plan given");
    }
    if program.rules.iter().any(|rule| rule.target == Target::Start && rule.chance.is_some()) && program.seed.is_some()
    {
        source.push_str("; SEED is set, so chances at start come out the same each time");
    }
    let unknown = container.environment.iter().filter(|(name, value)| value.is_none() && READ.contains(&&**name));
    for (name, _) in unknown {
        source.push_str(&text::joined(&["; ", name, " is not known from the manifest, and taken as unset"]));
    }
    if is_own && container.has_environment_from {
        source.push_str("; what envFrom brings is not known");
    }
    Ok(Behaviour { program, source })
}

fn environment(container: &Container) -> Result<Box<Config>, String> {
    let lookup = |name: &str| {
        let found = container.environment.iter().rev().find(|(known, _)| known == name);
        let value = found.and_then(|(_, value)| value.as_ref());
        value.filter(|_| READ.contains(&name)).map(|value| value.as_bytes().to_vec())
    };
    Config::from_lookup(&lookup)
        .map_err(|ConfigError(lines)| text::joined(&["container ", &container.name, ": ", &lines.join("; ")]))
}

/// The longest play.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Whether a time never comes.
pub fn is_never(time: Millis) -> bool {
    time >= NEVER
}
