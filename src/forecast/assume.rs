//! What a container's program is taken to do: what its plan says, else what its environment says where the image is
//! this program, else nothing but good.

use super::behaviour::{Program, Work};
use super::play::Inquiry;
use super::pod::sleep_in;
use super::workload::Container;
use super::{Millis, millis};
use crate::config::{Config, ConfigError, has_seeded_start};
use crate::faults::plan::{self, MAX_PLAN};
use crate::faults::rule::Rule;
use crate::text::{self, Value, put, put_all};

/// The variables that say how a probeserver behaves; no other is read, and none of them names a file.
const READ: &str = "PORT START_WAIT_SECS START_WAIT_SECONDS CRASH_FACTOR CRASH_EXIT_CODE HEALTH_STATUS_FACTOR \
    STARTUP_WAIT_SECS READY_WAIT_SECS ERROR_FACTOR RESPONSE_DELAY FAULTS SEED DRAIN_SECS SHUTDOWN_SECS";
/// A program of which nothing is known ends so soon at SIGTERM.
const ENDS: Millis = 100;

/// Reads a plan, as `--container` and the argument give it.
pub fn rules(plan: &str) -> Result<Vec<Rule>, String> {
    if plan.len() > MAX_PLAN {
        return Err("a plan of at most 16 KiB was expected".to_owned());
    }
    plan::parse(plan.as_bytes())
}

fn is_read(name: &str) -> bool {
    text::place(READ, name.as_bytes()).is_some()
}

/// What every container of an inquiry does, and what was assumed for that. `plans` are for the containers that they
/// name; that without a name is for the container that callers reach.
pub(super) fn programs(inquiry: &mut Inquiry, plans: &[(String, String)]) -> Result<(), String> {
    let pod = &inquiry.workload.pod;
    for (name, _) in plans {
        if !name.is_empty() && !pod.has(name) {
            let mut names = Vec::new();
            while let Some(container) = pod.container(names.len()) {
                names.push(container.name.clone());
            }
            let values = [Value::Text(name), Value::Text(&text::list(&names, ", "))];
            return Err(text::filled("--container: got \"~\", expected one of ~", &values));
        }
    }
    let main = pod.init.len() + pod.containers.iter().position(|container| container.is_own).unwrap_or(0);
    while let Some(container) = pod.container(inquiry.programs.len()) {
        let at = inquiry.programs.len();
        let mut plan = None;
        for (named, own) in plans {
            if *named == container.name || at == main && named.is_empty() && plan.is_none() {
                plan = Some(own.as_str());
            }
        }
        let is_brief = at < pod.init.len() && !container.is_sidecar;
        inquiry.programs.push(Program::default());
        program(&mut inquiry.programs[at], &mut inquiry.assumed, container, plan, is_brief)?;
    }
    Ok(())
}

/// What one container does; one that is `brief` comes to an end. A sentence on where that comes from is appended.
fn program(
    program: &mut Program,
    assumed: &mut Vec<String>,
    container: &Container,
    plan: Option<&str>,
    is_brief: bool,
) -> Result<(), String> {
    let is_own = container.is_own;
    program.is_own = is_own;
    let serves = container.command.get(1).is_none_or(|word| word == "serve");
    let mut source = Vec::new();
    let out = &mut source;
    put_all(out, &["container ", &container.name, ": "]);
    if is_own && serves {
        let mut config = environment(container)?;
        program.drain = millis(config.drain);
        program.seed = config.seed;
        program.port = config.port.filter(|port| *port != 0);
        program.ignores_stop = container.has_strange_stop;
        program.rules = std::mem::take(&mut config.rules);
        put(out, b"a probeserver with its environment");
    } else if let Some(length) = sleep_in(&container.command) {
        program.work = Work::End(length);
        // A program without a handler, as PID 1.
        program.ignores_stop = !is_own;
        put(out, b"sleeps, and does not heed SIGTERM");
    } else if is_brief {
        program.work = Work::End(ENDS);
        put(out, b"done at once");
    } else {
        put(out, b"healthy at once; ends with status 0 on SIGTERM");
    }
    if let Some(plan) = plan {
        if is_brief && program.work == Work::Serve {
            program.work = Work::End(ENDS);
        }
        // A plan at run time replaces that of the environment.
        program.rules = rules(plan).unwrap_or_default(); // It has been read before.
        put(out, b"; behaves by the plan given");
    }
    if program.seed.is_some() && has_seeded_start(&program.rules) {
        put(out, b"; SEED is set, so chances at start come out the same each time");
    }
    for (name, value) in &container.environment {
        if value.is_none() && is_read(name) {
            put_all(out, &["; ", name, " is not known from the manifest, and taken as unset"]);
        }
    }
    if is_own && container.has_environment_from {
        put(out, b"; what envFrom brings is not known");
    }
    assumed.push(text::into_string(source));
    Ok(())
}

fn environment(container: &Container) -> Result<Box<Config>, String> {
    let lookup = |name: &str| {
        let found = container.environment.iter().rev().find(|(known, _)| known == name);
        let value = found.and_then(|(_, value)| value.as_ref());
        value.filter(|_| is_read(name)).map(|value| value.as_bytes().to_vec())
    };
    Config::from_lookup(&lookup).map_err(|ConfigError(lines)| {
        let values = [Value::Text(&container.name), Value::Text(&text::list(&lines, "; "))];
        text::filled("container ~: ~", &values)
    })
}
