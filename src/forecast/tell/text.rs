//! The forecast as text.

use super::drawing;
use crate::forecast::advice::{Advice, Measure};
use crate::forecast::life::{What, Word};
use crate::forecast::pod::Kind;
use crate::forecast::spread::Spread;
use crate::forecast::tally::{most_common, share};
use crate::forecast::{Forecast, Millis, asked};
use crate::text::{self, put, put_all};
use crate::{quantity, text::to_decimal};

/// The width of the first column.
const FIRST: usize = 32;

/// Fills the line up to a column.
fn pad(out: &mut Vec<u8>, start: usize, column: usize) {
    let column = (start + column).max(out.len() + 1);
    out.resize(column, b' ');
}

/// `12.3 s`, `1m 30s`: as exact as anybody can use.
fn time(time: Millis) -> String {
    if time >= 120_000 {
        let seconds = std::time::Duration::from_secs((time + 500) / 1000);
        return text::written(|out| quantity::write_duration(out, seconds));
    }
    let step = if time < 9_995 { 10 } else { 100 };
    text::joined(&[&text::written(|out| text::thousandths(out, (time + step / 2) / step * step)), " s"])
}

/// `5 %`, `0.1 %`.
fn percent(part: u64, whole: u64) -> String {
    percent_of(share(part, whole))
}

fn percent_of(thousandths: u64) -> String {
    text::written(|out| {
        text::thousandths(out, thousandths * 100);
        put(out, b" %");
    })
}

/// Median, and 5th and 95th percentile.
fn spread(out: &mut Vec<u8>, start: usize, column: usize, spread: &Spread) {
    let at = |percent| spread.percentile(percent).map(time).unwrap_or_default();
    pad(out, start, column);
    put(out, at(50).as_bytes());
    pad(out, start, column + 10);
    put_all(out, &[&at(5), " .. ", &at(95)]);
}

fn sentence(what: usize) -> &'static str {
    const SENTENCES: [&str; What::COUNT] = [
        "created",
        "container started",
        "listening",
        "first startup probe",
        "first liveness probe",
        "first readiness probe",
        "started",
        "Ready",
        "in the Service",
        "startup fails after a success",
        "liveness fails",
        "readiness fails",
        "killed by the startup probe",
        "killed by the liveness probe",
        "a container ends",
        "restarted",
        "CrashLoopBackOff",
        "not Ready",
        "out of the Service",
        "Succeeded",
        "Failed",
    ];
    SENTENCES[what]
}

/// Appends the whole forecast.
pub fn write(out: &mut Vec<u8>, forecast: &Forecast) {
    let (inquiry, tally) = (&forecast.inquiry, &forecast.tally);
    let workload = &inquiry.workload;
    put_all(out, &[&asked::name(workload), ", replicas ", &to_decimal(workload.replicas.into()), ": "]);
    put_all(out, &[&to_decimal(tally.pods), " pods played for ", &time(inquiry.length)]);
    put_all(out, &[", seed ", &to_decimal(inquiry.seed), ", Kubernetes 1.", &to_decimal(inquiry.minor), "\n"]);
    for line in &inquiry.assumed {
        put_all(out, &["  ", line, "\n"]);
    }
    if workload.services.is_empty() {
        put(out, b"  no Service selects these pods: one is assumed, on the container that has a port\n");
    }
    events(out, forecast);
    restarts(out, forecast);
    status(out, forecast);
    service(out, forecast);
    rollout(out, forecast);
    deletion(out, forecast);
    put(out, b"\nlives\n");
    drawing::write(out, forecast);
    if !forecast.advice.is_empty() {
        put(out, b"\nwhat to change\n");
    }
    for advice in &forecast.advice {
        advise(out, advice);
    }
    put_all(out, &["\nleft out: ", &forecast.left_out().join("; "), "\n"]);
}

fn events(out: &mut Vec<u8>, forecast: &Forecast) {
    let tally = &forecast.tally;
    let start = out.len() + 1;
    put(out, b"\nfirst time of");
    pad(out, start, FIRST);
    put(out, b"median");
    pad(out, start, FIRST + 10);
    put(out, b"5 % .. 95 %");
    pad(out, start, FIRST + 32);
    put(out, b"pods\n");
    for (what, times) in tally.first.iter().enumerate().filter(|(_, times)| times.total() > 0) {
        let start = out.len();
        put_all(out, &["  ", sentence(what)]);
        spread(out, start, FIRST, times);
        pad(out, start, FIRST + 32);
        put_all(out, &[&percent(times.total(), tally.pods), "\n"]);
        let kind = match what {
            what if what == What::KilledStartup as usize => Kind::Startup,
            what if what == What::KilledLiveness as usize => Kind::Liveness,
            _ => continue,
        };
        put_all(out, &["    the event says: Container failed ", kind.name(), " probe, will be restarted\n"]);
    }
}

fn restarts(out: &mut Vec<u8>, forecast: &Forecast) {
    let (tally, names) = (&forecast.tally, forecast.inquiry.containers());
    for (name, known) in names.iter().zip(&tally.restarts).filter(|(_, known)| !known.is_empty()) {
        put_all(out, &["\nrestarts of ", name]);
        put(
            out,
            b"          at        after running for             pause                         because of   pods\n",
        );
        for (n, restart) in (1..).zip(known) {
            let start = out.len();
            put_all(out, &["  ", &to_decimal(n)]);
            pad(out, start, 6);
            let at = restart.at.percentile(50).map(time).unwrap_or_default();
            put(out, at.as_bytes());
            spread(out, start, 16, &restart.life);
            spread(out, start, 45, &restart.pause);
            pad(out, start, 74);
            if let Some((exit, by)) = most_common(&restart.ends) {
                put_all(out, &[&to_decimal(exit.code.into()), " ", exit.reason(), ", ", by.name()]);
            }
            pad(out, start, 94);
            put_all(out, &[&percent(restart.at.total(), tally.pods), "\n"]);
        }
    }
    if tally.late_restarts > 0 || forecast.tally.first[What::NotReady as usize].total() > 0 {
        let (half, hours) = forecast.late();
        let rate = (u128::from(tally.late_restarts) * 3_600_000_000 / u128::from(hours)) as u64;
        let rate = text::written(|out| text::thousandths(out, (rate + 50) / 100 * 100));
        put_all(out, &["  from ", &time(half), " on: ", &rate, " restarts an hour, Ready "]);
        put_all(out, &[&percent(tally.late_ready, hours), " of the time\n"]);
    }
}

fn status(out: &mut Vec<u8>, forecast: &Forecast) {
    let tally = &forecast.tally;
    put(out, b"\nSTATUS\n");
    for (at, words) in forecast.moments.iter().zip(&tally.words) {
        // At its end the pods are being deleted, which says nothing.
        if words[Word::Terminating as usize] == tally.pods {
            continue;
        }
        let start = out.len();
        put_all(out, &["  at ", &time(*at)]);
        pad(out, start, 14);
        let (mut left, mut comma) = (*words, "");
        while let Some((word, count)) = left.iter().copied().enumerate().rev().max_by_key(|(_, count)| *count)
            && count > 0
        {
            left[word] = 0;
            put_all(out, &[comma, Word::NAMES[word], " ", &percent(count, tally.pods)]);
            comma = ", ";
        }
        out.push(b'\n');
    }
}

fn service(out: &mut Vec<u8>, forecast: &Forecast) {
    let [served, unanswered, failing] = forecast.tally.service;
    put_all(
        out,
        &[
            "\nService: a pod is in it ",
            &percent(served, forecast.played()),
            " of the time; of the calls that it is sent then ",
        ],
    );
    put_all(out, &[&percent(unanswered + failing, served), " are lost"]);
    if unanswered + failing > 0 {
        put_all(
            out,
            &[" (", &percent(unanswered, served), " find nobody, ", &percent(failing, served), " fail by a rule)"],
        );
    }
    out.push(b'\n');
}

fn rollout(out: &mut Vec<u8>, forecast: &Forecast) {
    let tally = &forecast.tally;
    if tally.rollouts == 0 {
        return;
    }
    put(out, b"rollout of such pods over good ones: ");
    if tally.complete.total() > 0 {
        let at = |percent| tally.complete.percentile(percent).map(time).unwrap_or_default();
        put_all(out, &["complete after ", &at(50), " (", &at(5), " .. ", &at(95), ") in "]);
        put(out, percent(tally.complete.total(), tally.rollouts).as_bytes());
    } else {
        put(out, b"never complete");
    }
    if let Some(at) = tally.failed.percentile(50) {
        put_all(out, &["; called failed after ", &time(at), " in ", &percent(tally.failed.total(), tally.rollouts)]);
    }
    let fewest = tally.fewest.percentile(50).unwrap_or(0);
    put_all(out, &["; fewest available: ", &to_decimal(fewest), "\n"]);
}

fn deletion(out: &mut Vec<u8>, forecast: &Forecast) {
    let tally = &forecast.tally;
    let Some((median, (low, high))) =
        tally.gone.percentile(50).zip(tally.gone.percentile(5).zip(tally.gone.percentile(95)))
    else {
        return;
    };
    put_all(out, &["deletion: gone after ", &time(median), " (", &time(low), " .. ", &time(high), ")"]);
    if let Some((exit, _)) = most_common(&tally.exits) {
        put_all(out, &[", exit status ", &to_decimal(exit.code.into()), " ", exit.reason()]);
    }
    if let Some(lost) = tally.unanswered.percentile(50) {
        let share = percent(tally.unanswered.total(), tally.served);
        put_all(out, &["; calls are lost for ", &time(lost), " in ", &share]);
    } else if tally.served > 0 {
        put(out, b"; no call is lost");
    }
    out.push(b'\n');
}

fn advise(out: &mut Vec<u8>, advice: &Advice) {
    put_all(out, &["  ", &advice.field, ": ", &advice.set, "\n    ", &advice.why, "; "]);
    let at = advice.measure;
    let shown = |value: u64| match at {
        Measure::ReadyAt => time(value),
        Measure::Fewest => to_decimal(value / 1000),
        _ => percent_of(value),
    };
    let what = match at {
        Measure::Ready => "ever Ready",
        Measure::ReadyAt => "Ready after",
        Measure::Restarted => "restarted",
        Measure::NotReady => "not Ready for a time",
        Measure::Lost => "calls lost",
        Measure::Killed => "killed at deletion",
        Measure::Unanswered => "losing calls at deletion",
        Measure::RolloutFailed => "rollouts called failed",
        Measure::Fewest => "fewest available in a rollout",
    };
    put_all(out, &[what, " ", &shown(advice.now.get(at)), " now, ", &shown(advice.then.get(at)), " then\n"]);
}
