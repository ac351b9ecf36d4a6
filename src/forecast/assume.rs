//! What a container's program is taken to do: what its plan says, else what its environment says where the image is
//! this program, else nothing but good.

use super::behaviour::{Answers, Program, without_query};
use super::play::Inquiry;
use super::pod::{Kind, sleep_in};
use super::workload::{Container, Controller, Handler};
use super::{Millis, millis};
use crate::config::{self, Config, ConfigError, SEEDED_START, has_seeded_start};
use crate::faults::plan;
use crate::faults::rule::{NEEDS_MEMORY_LIMIT, Rule};
use crate::text::{self, Value, put, put_all};

/// A program of which nothing is known ends so soon at SIGTERM.
const ENDS: Millis = 100;

/// Whether a variable changes what a probeserver does: those of any text are only shown.
fn is_read(name: &str) -> bool {
    config::variable(name).is_some_and(|known| !matches!(known.form, "text" | "visible ASCII and single spaces"))
}

/// What every container of an inquiry does, and what was assumed for that. `plans` are for the containers that they
/// name; that without a name is for the container that callers reach.
pub(super) fn programs(inquiry: &mut Inquiry, plans: &[(String, String)], answers: Answers) -> Result<(), String> {
    let pod = &inquiry.workload.pod;
    for (name, _) in plans {
        if !name.is_empty() && !pod.has(name) {
            let mut names = Vec::new();
            for container in &pod.containers {
                names.push(container.name.clone());
            }
            let values = [Value::Text(name), Value::Text(&text::list(&names, ", "))];
            return Err(text::filled("--container: got \"~\", expected one of ~", &values));
        }
    }
    let main = pod.front();
    let is_daemon = matches!(inquiry.workload.controller, Controller::DaemonSet { .. });
    let is_paused = matches!(inquiry.workload.controller, Controller::Deployment { is_paused: true, .. });
    for (is_so, line) in [
        (pod.is_gated, "nobody sets the conditions of readinessGates, so no pod becomes Ready"),
        (inquiry.workload.replicas == 0, "with 0 replicas there is no pod; this is what one would do"),
        (is_paused, "paused, so no pod of this template is made; this is what one would do"),
        (is_daemon, "one node, so one pod of the DaemonSet"),
    ] {
        if is_so {
            inquiry.assumed.push(line.to_owned());
        }
    }
    for (at, container) in pod.containers.iter().enumerate() {
        let mut plan = None;
        for (named, own) in plans {
            if *named == container.name || at == main && named.is_empty() {
                if plan.is_some() {
                    return Err(text::filled(
                        "container ~: got two plans, expected one",
                        &[Value::Text(&container.name)],
                    ));
                }
                plan = Some(own.as_str());
            }
        }
        let is_brief = at < pod.inits && !container.is_sidecar;
        inquiry.programs.push(Program::default());
        if container.is_own {
            inquiry.programs[at].answers = answers;
        }
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
        if container.memory.is_none() && config.rules.iter().any(Rule::needs_memory_limit) {
            let values = [Value::Text(&container.name), Value::Text(NEEDS_MEMORY_LIMIT)];
            return Err(text::filled("container ~: crash oom ~", &values));
        }
        program.is_local = config.bind.is_some_and(|address| address.is_loopback());
        program.drain = millis(config.drain);
        program.seed = config.seed;
        let is_known = container.environment.iter().all(|(name, value)| value.is_some() || name != "PORT");
        program.ports = match config.port {
            Some(port) => [port; 2],
            // The second where the first is forbidden.
            None if is_known && !container.has_environment_from => [80, 8080],
            None => [0; 2],
        };
        program.memory = container.memory.unwrap_or(program.memory);
        program.rules = std::mem::take(&mut config.rules);
        put(out, b"a probeserver with its environment");
        if program.is_local {
            put(out, b"; nothing from outside the pod reaches its BIND");
        }
        for warning in &config.warnings {
            put_all(out, &["; ", warning]);
        }
    } else if let Some(length) = sleep_in(&container.command, !is_own && !is_brief) {
        program.ends = Some(length);
        // A program without a handler, as PID 1.
        program.ignores_stop = true;
        put(out, b"sleeps, and does not heed SIGTERM");
    } else if is_brief || is_own {
        program.ends = Some(ENDS);
        put(out, b"done at once");
    } else {
        put(out, b"healthy at once; ends with status 0 on SIGTERM");
    }
    if let Some(plan) = plan {
        if is_brief {
            program.ends = program.ends.or(Some(ENDS));
        }
        // A plan at run time replaces that of the environment.
        program.rules = plan::parse(plan.as_bytes()).unwrap_or_default(); // It has been read before.
        put(out, b"; behaves by the plan given");
    }
    if plan.is_some() && program.seed.is_some() && has_seeded_start(&program.rules) {
        put_all(out, &["; ", SEEDED_START]);
    }
    for (kind, probe) in container.probes.iter().enumerate() {
        let (lacks, what) = match probe.as_ref().map(|probe| &probe.handler) {
            Some(Handler::Http { port: None, .. } | Handler::Tcp { port: None }) => ("port has the name", ""),
            Some(Handler::Http { path, .. }) if !(program.answers)(without_query(path)) => {
                ("good answer at ", path.as_str())
            }
            _ => continue,
        };
        put_all(out, &["; no ", lacks, what, " that its ", text::word(Kind::NAMES, kind), " probe asks for"]);
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
        // The file is the container's, and not ours.
        value.filter(|_| name != "CONTROL_TOKEN_FILE").map(|value| value.as_bytes().to_vec())
    };
    Config::from_lookup(&lookup).map_err(|ConfigError(lines)| {
        let values = [Value::Text(&container.name), Value::Text(&text::list(&lines, "; "))];
        text::filled("container ~: ~", &values)
    })
}
