//! The life of the server: wait, listen, serve, drain, stop. This is the process's first thread, which watches the signals and
//! the clock; it serves only those who come before there are workers.

use std::time::{Duration, Instant, SystemTime};

use super::crew::Crew;
use super::drain::{Act, Drain};
use super::enforcer::{Enforcer, named};
use super::listener::{self, Listener};
use super::lot::Lot;
use super::reason::Reason;
use super::turned_away::Episodes;
use super::{Server, worker};
use crate::config::Config;
use crate::faults::clock::Termination;
use crate::faults::engine::Engine;
use crate::faults::rule::{Effect, NEEDS_MEMORY_LIMIT, Rule, Target};
use crate::identity::{Identity, OWN_VERSION};
use crate::observe::counts::Counts;
use crate::observe::log::Log;
use crate::process::ending::{self, Ending};
use crate::process::phase::Phase;
use crate::routes::State;
use crate::sys::{self, Signal};
use crate::text::Value::{Flag, Nothing, Number, Text, Thousandths};
use crate::{quantity, text};

/// Descriptors kept for other things than connections: our own, and those of outgoing calls and lookups.
const RESERVED_FILES: u64 = 48;

/// Serves until a signal or a rule ends it; returns the exit status.
#[inline(never)]
pub fn serve(config: &'static mut Config) -> i32 {
    let (started, started_at) = (Instant::now(), SystemTime::now());
    let rules = std::mem::take(&mut config.rules);
    sys::block_signals();
    // Unless a rule comes before it, listening is the first thing to do: from then on the kernel accepts for us.
    let open = |config: &Config| listener::open(config.port, config.bind);
    let has_start = rules.iter().any(|rule| matches!(rule.target, Target::Start));
    let config: &'static Config = config;
    let opened_early = (!has_start).then(|| open(config));
    ending::install_panic_hook();
    // In one piece, whose size is asked for anyway (text::LINES).
    let (log, identity): &'static (Log, Identity) =
        Box::leak(Box::new((Log::new(config.log_format), Identity::find(config))));
    if rules.iter().any(Rule::needs_memory_limit) && !sys::has_memory_limit() {
        return fail(log, ending::USAGE, &["FAULTS: crash oom ", NEEDS_MEMORY_LIMIT]);
    }
    let engine = Engine::new(config.seed.unwrap_or_else(random_seed), &identity.pod, rules, started);
    log_configuration(config, &engine, log);
    if let Some(status) = start_rules(&engine, log) {
        return finish(log, status);
    }
    let opened = match opened_early.unwrap_or_else(|| open(config)) {
        Ok(opened) => opened,
        Err(failed) => {
            let (address, error) = (text::socket_address(failed.address), sys::error_text(&failed.error));
            return fail(log, ending::FAILED, &["cannot listen on ", &address, ": ", &error]);
        }
    };
    // Before there are workers, which have what this thread has.
    sys::forget_low_ports();
    let mut enforcer = Enforcer::default();
    let begun = build(config, log, engine, identity, opened.listener, started, started_at).and_then(|server| {
        announce(server, opened.is_fallback);
        // Nobody gets in before the rules of this moment hold.
        enforcer.tick(server);
        server.listener.watch(server)?;
        worker::serve_the_first(server);
        if let Some(error) = server.crew.start(&|| worker::spawn(server))? {
            log.say("thread_failed error", &[Text(&sys::error_text(&error))]);
        }
        // What the first answer need not wait for.
        log.start();
        server.crew.set_cpus(sys::cpu_count());
        Ok(server)
    });
    match begun {
        Ok(server) => watch(server, enforcer),
        Err(error) => fail(log, ending::FAILED, &["cannot start: ", &sys::error_text(&error)]),
    }
}

fn random_seed() -> u64 {
    // Cannot fail on Linux once the kernel's pool is filled, and then the clock is as good as any seed.
    let seed = getrandom::u64().unwrap_or_else(|_| crate::http::date::since_epoch(SystemTime::now()).as_nanos() as u64);
    seed & ((1 << 53) - 1) // So that every reader of JSON has it exactly (RFC 8259 section 6).
}

/// Lets the log finish, and hands the status on.
fn finish(log: &'static Log, status: i32) -> i32 {
    log.flush();
    status
}

/// A failure: on stderr, for the kubelet, and as the exit status.
fn fail(log: &'static Log, status: i32, message: &[&str]) -> i32 {
    let message = text::joined(message);
    sys::write_all(2, text::joined(&["probeserver: ", &message, "\n"]).as_bytes());
    ending::write_termination_message(&message);
    finish(log, status)
}

#[inline(never)]
fn log_configuration(config: &Config, engine: &Engine, log: &Log) {
    let mut line = log.line("config version", &[Text(OWN_VERSION)]);
    for (name, value) in &config.given {
        line.add(name, Text(value));
    }
    log.write(line);
    log.say("seed seed", &[Number(engine.seed())]);
    for live in engine.rules().iter().filter(|live| live.rule.pods.is_some()) {
        log.say("pods rule this_pod", &[Text(&live.spelled), Flag(live.is_here)]);
    }
    for warning in &config.warnings {
        warn(log, warning);
    }
}

#[inline(never)]
fn warn(log: &Log, message: &str) {
    log.say("warning message", &[Text(message)]);
}

/// Walks the rules for the moment before listening. An exit status means that the process ends here.
#[inline(never)]
fn start_rules(engine: &Engine, log: &'static Log) -> Option<i32> {
    for live in engine.rules().iter().filter(|live| live.is_here && matches!(live.rule.target, Target::Start)) {
        log.start(); // This may take its time. Otherwise listening comes first.
        let result = live.attempt(engine.seed());
        if let Some(roll) = result.roll {
            let values = [Text(&live.spelled), Thousandths(roll.into()), Flag(result.is_hit)];
            log.say("start_roll rule roll hit", &values);
        }
        if !result.is_hit {
            continue;
        }
        match live.rule.effect {
            Effect::Delay(..) => {
                log.say("waiting seconds", &[Thousandths(result.delay.as_millis() as u64)]);
                if let Some(status) = wait(result.delay, engine, log) {
                    return Some(status);
                }
            }
            // Cannot fail: the parser lets no other effect stand on start.
            ref effect => {
                if let Some(ending) = Ending::of(effect) {
                    ending::end(log, ending, &named(live));
                }
            }
        }
    }
    None
}

/// Waits before listening; a signal ends the wait and the process, under the rules for SIGTERM.
#[inline(never)]
fn wait(duration: Duration, engine: &Engine, log: &'static Log) -> Option<i32> {
    let deadline = quantity::deadline_in(duration);
    while let Some(signal) = signal_until(deadline) {
        let termination = engine.terminate(Instant::now());
        if is_ignored(&termination, signal) {
            log_ignored(log, signal);
            continue;
        }
        let reason = text::joined(&[signal.name(), " while waiting"]);
        log.say("stopped reason", &[Text(&reason)]);
        stay(termination.delay, log);
        return Some(end_status(&termination));
    }
    None
}

/// Waits for a signal from outside; `None`: there was none until then.
fn signal_until(deadline: Instant) -> Option<Signal> {
    loop {
        let left = quantity::left_until(deadline);
        match sys::wait_signal(Some(left)) {
            Some(Signal::Wake) | None if left.is_zero() => return None,
            Some(Signal::Wake) | None => {}
            signal => return signal,
        }
    }
}

/// `term ignore` is about what a kubelet sends; SIGINT is a person's, who means it.
fn is_ignored(termination: &Termination, signal: Signal) -> bool {
    termination.is_ignored && signal != Signal::Interrupt
}

fn log_ignored(log: &Log, signal: Signal) {
    log.say("signal signal ignored", &[Text(signal.name()), Flag(true)]);
}

/// Stays so much longer than it has to, as `term delay` asks; only another signal ends it sooner.
fn stay(delay: Duration, log: &'static Log) {
    if let Some(signal) = signal_until(quantity::deadline_in(delay)) {
        ending::end_by_signal(log, signal);
    }
}

/// The status after a drain: 0, or what a rule asks for, which the kubelet is then told.
fn end_status(termination: &Termination) -> i32 {
    if let Some(code) = termination.exit {
        let code = text::to_decimal(code.into());
        ending::write_termination_message(&text::joined(&["SIGTERM: term exit ", &code]));
    }
    termination.exit.map_or(0, i32::from)
}

/// How many of so many connections may wait for an answer that is to come later, since nobody closes them to make room: the
/// rest is for checks, and for whoever lifts the rule.
fn may_be_delayed(connections: usize) -> u64 {
    (connections - connections.div_ceil(8)).max(1) as u64
}

#[inline(never)]
pub(super) fn build(
    config: &'static Config,
    log: &'static Log,
    engine: Engine,
    identity: &'static Identity,
    listener: Listener,
    started: Instant,
    started_at: SystemTime,
) -> std::io::Result<&'static Server> {
    engine.restart_clock(Instant::now());
    sys::make_dumpable();
    let files = sys::raise_file_limit().saturating_sub(RESERVED_FILES).max(1);
    let most = config.max_connections.min(usize::try_from(files).unwrap_or(usize::MAX));
    if most < config.max_connections {
        warn(log, &text::filled("MAX_CONNECTIONS: ~, as more files may not be open", &[Number(most as u64)]));
    }
    let state: &'static State = Box::leak(Box::new(State {
        config,
        identity,
        engine,
        phase: Default::default(),
        counts: Counts::default(),
        started,
        started_at,
        memory_held: Default::default(),
        calls: Default::default(),
    }));
    let crew = Crew::new(config.max_workers);
    let (delays, max_delays) = (Default::default(), may_be_delayed(most));
    let (lot, episodes) = (Lot::new(most, config.idle_timeout)?, Episodes::default());
    Ok(Box::leak(Box::new(Server { state, log, lot, listener, crew, delays, max_delays, episodes })))
}

#[inline(never)]
fn announce(server: &'static Server, is_fallback: bool) {
    let log = server.log;
    if is_fallback {
        warn(log, "port 80 is forbidden here, listening on 8080; set PORT to choose");
    }
    let address = server.listener.address().unwrap_or_default();
    server.state.phase.set(Phase::Listening);
    log.say("listening address pod", &[Text(&address), Text(&server.state.identity.pod)]);
}

/// Watches signals and the clock until the server is done.
#[inline(never)]
fn watch(server: &'static Server, mut enforcer: Enforcer) -> i32 {
    let (state, log) = (server.state, server.log);
    let mut draining: Option<(Drain, Termination)> = None;
    loop {
        let next = enforcer.tick(server);
        let until = match &draining {
            Some((drain, _)) => Some(next.map_or(drain.deadline(), |next| next.min(drain.deadline()))),
            None => next,
        };
        let left = until.map(quantity::left_until);
        match sys::wait_signal(left) {
            Some(Signal::Wake) | None => {}
            Some(signal) => {
                let answer = state.engine.terminate(Instant::now());
                if is_ignored(&answer, signal) {
                    log_ignored(log, signal);
                } else if draining.is_some() {
                    ending::end_by_signal(log, signal);
                } else {
                    let config = state.config;
                    state.phase.set(Phase::Draining);
                    draining = Some((Drain::new(Instant::now(), config.drain, config.shutdown, answer.delay), answer));
                    let drain = Thousandths(config.drain.as_millis() as u64);
                    log.say("draining signal seconds", &[Text(signal.name()), drain]);
                }
            }
        }
        let Some((drain, termination)) = &mut draining else { continue };
        while let Some(act) = drain.next(Instant::now(), unfinished(server)) {
            match act {
                Act::RefuseHandshakes => server.listener.refuse_new_handshakes(),
                Act::Close { idle_grace } => {
                    server.listener.close(server);
                    state.phase.set(Phase::Closing);
                    server.lot.start_closing(idle_grace);
                }
                Act::Stop { unfinished } => {
                    stop(server, unfinished);
                    return finish(log, end_status(termination));
                }
            }
        }
    }
}

/// Connections with something in progress. Those that only linger have their answer.
fn unfinished(server: &Server) -> u64 {
    let census = server.lot.census();
    census.iter().sum::<u64>() - census[Reason::Linger as usize]
}

#[inline(never)]
fn stop(server: &Server, unfinished: u64) {
    let counts = &server.state.counts;
    if unfinished > 0 {
        ending::write_termination_message("requests in progress were cut when SHUTDOWN_SECS were over");
    }
    let unfinished = if unfinished > 0 { Number(unfinished) } else { Nothing };
    let values = [Number(counts.requests()), Number(counts.requests_after_term()), unfinished];
    server.log.say("stopped requests requests_after_sigterm unfinished", &values);
}
