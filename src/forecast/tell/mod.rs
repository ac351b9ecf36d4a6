//! A forecast, told: each fact once, with the words for it in text and in JSON. The shape of the JSON is documented in
//! docs/reference.md and does not change.

mod drawing;
mod printer;

use super::Forecast;
use super::NEVER;
use super::advice::{Advice, Measure, Outcome};
use super::behaviour::Exit;
use super::life::{By, Sum, What, Word};
use super::tally::Figure;
use super::workload::RestartPolicy;
use crate::text::{nth, word};
use printer::{Fact, Printer};

/// What no play has.
const LEFT_OUT: &str = "image pulls and scheduling (add their time to the start);\
    nodes that are busy, full, drained or lost;\
    evictions and disruption budgets;\
    autoscaling;\
    admission and quotas;\
    network policies, ingresses, meshes and a Service's targetPort;\
    kubelet restarts;\
    redirects of probes;\
    calls do not use up counts of rules";

/// A name in a list of JSON.
const NAME: &str = r#"~"$a","#;

/// Appends the whole forecast, and in JSON a newline.
pub fn write(out: &mut Vec<u8>, forecast: &Forecast<'_>, is_json: bool) {
    let (inquiry, tally) = (forecast.play.inquiry, &forecast.tally);
    let (workload, pod) = (&inquiry.workload, &inquiry.workload.pod);
    let to = &mut Printer { out, is_json };
    let facts = [
        Fact::Number(inquiry.terms.seed),
        Fact::Number(tally.sum(Sum::Pods)),
        Fact::Time(inquiry.terms.length),
        Fact::Number(inquiry.terms.minor),
        Fact::Word(workload.controller.kind()),
        Fact::Word(&workload.name),
        Fact::Word(&workload.namespace),
        Fact::Number(workload.replicas.into()),
        Fact::Number(workload.min_ready.into()),
    ];
    to.say(
        concat!(
            "$e/$f, replicas $h: $b pods played for $c, seed $a, Kubernetes 1.$d\n",
            r#"~{"seed":$a,"pods":$b,"for":$c,"kubernetes":"1.$d","assumed":["#
        ),
        &facts,
    );
    for line in &inquiry.assumed {
        to.say("  $a\n~\"$a\",", &[Fact::Word(line)]);
    }
    to.say(
        r#"~],"workload":{"kind":"$e","name":"$f","namespace":"$g","replicas":$h,"min_ready_seconds":$i,"containers":["#,
        &facts,
    );
    for container in &pod.containers {
        to.say(NAME, &[Fact::Word(&container.name)]);
    }
    to.say(r#"~],"services":["#, &[]);
    for service in &workload.services {
        to.say(NAME, &[Fact::Word(&service.name)]);
    }
    if workload.services.is_empty() {
        to.say("  no Service selects these pods: one is assumed, on the container that callers reach\n~", &[]);
    }
    events(to, forecast);
    restarts(to, forecast);
    if !is_json {
        steady(to, forecast);
    }
    status(to, forecast);
    if is_json {
        steady(to, forecast);
    }
    service(to, forecast);
    rollout(to, forecast);
    deletion(to, forecast);
    if !is_json {
        to.say("\nlives\n", &[]);
        drawing::write(to.out, forecast);
    }
    if !forecast.advice.is_empty() {
        to.say("\nwhat to change\n~", &[]);
    }
    to.say(r#"~"advice":["#, &[]);
    let now = Outcome::of(tally);
    for advice in &forecast.advice {
        advise(to, advice, &now);
    }
    to.say(concat!("\nleft out: ", r#"~],"left_out":["#), &[]);
    let mut comma = "";
    for line in LEFT_OUT.split(';') {
        to.say("$b$a~\"$a\",", &[Fact::Word(line), Fact::Word(comma)]);
        comma = "; ";
    }
    if tally.sum(Sum::Cut) > 0 {
        to.say("; ~\"", &[]);
        to.say("the rest of $a pods that did more than a play may", &[Fact::Number(tally.sum(Sum::Cut))]);
        to.say("~\",", &[]);
    }
    to.say("\n~]}\n", &[]);
}

fn events(to: &mut Printer<'_>, forecast: &Forecast<'_>) {
    const NAMES: &str = "created container_started listening startup_probe liveness_probe readiness_probe started ready \
        in_service failing failing failing killed killed ended restarted crash_loop not_ready out_of_service succeeded \
        failed";
    const SENTENCES: &str = "created,container started,listening,first startup probe,first liveness probe,\
        first readiness probe,started,Ready,in the Service,startup fails after a success,liveness fails,\
        readiness fails,killed by the startup probe,killed by the liveness probe,a container ends,restarted,\
        CrashLoopBackOff,not Ready,out of the Service,Succeeded,Failed";
    const PROBES: &str = ",,,,,,,,,startup,liveness,readiness,startup,liveness";
    let tally = &forecast.tally;
    to.say(
        concat!("\nfirst time of                   median    5 % .. 95 %           pods\n", r#"~]},"events":["#),
        &[],
    );
    for (at, times) in tally.firsts().iter().enumerate() {
        let probe = nth(PROBES, b',', at);
        if times.total() == 0 {
            continue;
        }
        let facts = [
            Fact::Word(nth(SENTENCES, b',', at)),
            Fact::Word(word(NAMES, at)),
            Fact::Share(times.total(), tally.sum(Sum::Pods)),
            Fact::Spread(times),
            Fact::Word(probe),
        ];
        to.say(
            concat!("  $a                            $D        $d                    $c\n", r#"~{"what":"$b","#),
            &facts,
        );
        let is_kill = at == What::KilledStartup as usize || at == What::KilledLiveness as usize;
        if is_kill && forecast.play.plan.policy != RestartPolicy::Never {
            to.say("    the event says: Container failed $e probe, will be restarted\n~", &facts);
        }
        if !probe.is_empty() {
            to.say(r#"~"by":"$e","#, &facts);
        }
        to.say(r#"~"share":$c,$d},"#, &facts);
    }
}

fn restarts(to: &mut Printer<'_>, forecast: &Forecast<'_>) {
    let (tally, pod) = (&forecast.tally, &forecast.play.inquiry.workload.pod);
    to.say(r#"~],"restarts":["#, &[]);
    for (at, container) in pod.containers.iter().enumerate() {
        let mut n = 1;
        while let Some([when, life, pause]) = tally.restart(at, n) {
            let (exit, by) = tally.end(at, n).unwrap_or((Exit::KILLED, By::Itself));
            let facts = [
                Fact::Word(&container.name),
                Fact::Number(n as u64),
                Fact::Share(when.total(), tally.sum(Sum::Pods)),
                Fact::Spread(when),
                Fact::Spread(life),
                Fact::Spread(pause),
                Fact::Number(exit.code.into()),
                Fact::Word(exit.reason()),
                Fact::Word(by.name()),
            ];
            if n == 1 {
                to.say("\nrestarts of $a~", &facts);
                let columns = "          at        after running for             pause                         because of   pods\n~";
                to.say(columns, &[]);
            }
            to.say(
                concat!(
                    "  $b  $D        $E        $e                 $F        $f                 $g $h, $i           $c\n",
                    r#"~{"container":"$a","n":$b,"share":$c,"at":{$d},"life":{$e},"pause":{$f},"#,
                    r#""exit":$g,"reason":"$h","by":"$i"},"#
                ),
                &facts,
            );
            n += 1;
        }
    }
}

/// The second half of the play.
fn steady(to: &mut Printer<'_>, forecast: &Forecast<'_>) {
    let (tally, end) = (&forecast.tally, forecast.play.end);
    let hours = ((end - end / 2) * tally.sum(Sum::Pods)).max(1);
    // Each restart is a few moments, of which there are 8e9 at most: the product fits.
    let rate = tally.sum(Sum::LateRestarts) * 3_600_000_000 / hours;
    let rate = if to.is_json { rate } else { (rate + 50) / 100 * 100 };
    let facts = [Fact::Time(end / 2), Fact::Thousandths(rate), Fact::Share(tally.sum(Sum::LateReady), hours)];
    if tally.sum(Sum::LateRestarts) > 0 || tally.first(What::NotReady).total() > 0 {
        to.say("  from $a on: $b restarts an hour, Ready $c of the time\n~", &facts);
    }
    to.say(r#"~"steady":{"from":$a,"restarts_per_hour":$b,"ready":$c},"#, &facts);
}

fn status(to: &mut Printer<'_>, forecast: &Forecast<'_>) {
    let tally = &forecast.tally;
    to.say(concat!("\nSTATUS\n", r#"~],"status":["#), &[]);
    for (at, words) in forecast.play.moments.iter().zip(tally.words.chunks_exact(Word::COUNT)) {
        // At its end the pods are being deleted, which says nothing to people.
        if words[Word::Terminating as usize] == tally.sum(Sum::Pods) && !to.is_json {
            continue;
        }
        to.say("  at $a       ~{\"at\":$a,", &[Fact::Time(*at)]);
        let (mut left, mut comma) = ([0; Word::COUNT], "");
        left.copy_from_slice(words);
        loop {
            // In text the most common word first.
            let mut next = 0;
            for at in 0..left.len() {
                if left[at] > left[next] && !(to.is_json && left[next] > 0) {
                    next = at;
                }
            }
            let count = std::mem::take(&mut left[next]);
            if count == 0 {
                break;
            }
            let facts =
                [Fact::Word(comma), Fact::Word(word(Word::NAMES, next)), Fact::Share(count, tally.sum(Sum::Pods))];
            to.say("$a$b $c~\"$b\":$c,", &facts);
            comma = ", ";
        }
        to.say("\n~},", &[]);
    }
    to.say("~],", &[]);
}

fn service(to: &mut Printer<'_>, forecast: &Forecast<'_>) {
    let tally = &forecast.tally;
    let (served, unanswered) = (tally.sum(Sum::InService), tally.sum(Sum::Unanswered));
    let failing = tally.sum(Sum::Failing);
    let is_assumed = forecast.play.inquiry.workload.services.is_empty();
    let facts = [
        Fact::Word(if is_assumed { "true" } else { "false" }),
        Fact::Share(served, (forecast.play.end * tally.sum(Sum::Pods)).max(1)),
        Fact::Share(unanswered + failing, served),
        Fact::Share(unanswered, served),
        Fact::Share(failing, served),
    ];
    to.say(
        concat!(
            "\nService: a pod is in it $b of the time; of the calls that it is sent then $c are lost",
            r#"~"service":{"assumed":$a,"in_service":$b,"lost":$c,"unanswered":$d,"failing":$e},"#
        ),
        &facts,
    );
    if unanswered + failing > 0 {
        to.say(" ($d find nobody, $e fail by a rule)~", &facts);
    }
    to.say("\n~", &[]);
}

fn rollout(to: &mut Printer<'_>, forecast: &Forecast<'_>) {
    let tally = &forecast.tally;
    if tally.sum(Sum::Rollouts) == 0 {
        return;
    }
    let (complete, failed) = (tally.figure(Figure::Complete), tally.figure(Figure::Failed));
    let fewest = tally.figure(Figure::Fewest);
    let fewest = |percent| Fact::Number(fewest.percentile(percent).unwrap_or(0));
    let facts = [
        Fact::Number(tally.sum(Sum::Rollouts)),
        Fact::Share(complete.total(), tally.sum(Sum::Rollouts)),
        Fact::Spread(complete),
        Fact::Share(failed.total(), tally.sum(Sum::Rollouts)),
        Fact::Spread(failed),
        fewest(5),
        fewest(50),
        fewest(95),
    ];
    to.say(
        concat!(
            "rollout of such pods over good ones: ",
            r#"~"rollout":{"rollouts":$a,"complete":{"share":$b,$c},"failed":{"share":$d,$e},"#,
            r#""fewest_available":{"p5":$f,"p50":$g,"p95":$h}},"#
        ),
        &facts,
    );
    to.say(if complete.total() > 0 { "complete after $C ($c) in $b~" } else { "never complete~" }, &facts);
    if failed.total() > 0 {
        to.say("; called failed after $E in $d~", &facts);
    }
    to.say("; fewest available: $g\n~", &facts);
}

fn deletion(to: &mut Printer<'_>, forecast: &Forecast<'_>) {
    let tally = &forecast.tally;
    let (ended, gone) = (tally.figure(Figure::Ended), tally.figure(Figure::Gone));
    let lost = tally.figure(Figure::Unanswered);
    let exit = tally.exit();
    let facts = [
        Fact::Time(forecast.play.end),
        Fact::Spread(ended),
        Fact::Spread(gone),
        Fact::Number(exit.map_or(0, |exit| exit.code.into())),
        Fact::Word(exit.map_or("", Exit::reason)),
        Fact::Share(tally.sigkilled(), tally.sum(Sum::Pods)),
        Fact::Share(lost.total(), tally.sum(Sum::Served)),
        Fact::Spread(lost),
    ];
    // Without an end there is no text, nor an exit and calls to tell of.
    let has_end = gone.total() > 0;
    if has_end {
        to.say("deletion: gone after $C ($c)~", &facts);
    }
    to.say(r#"~"deletion":{"at":$a,"ended":{$b},"gone":{$c},"#, &facts);
    if exit.is_some() {
        to.say(concat!(", exit status $d $e", r#"~"exit":$d,"reason":"$e","#), &facts);
    }
    let calls = match (lost.total(), tally.sum(Sum::Served)) {
        (0, 0) => "~",
        (0, _) => "; no call is lost~",
        _ => "; calls are lost for $H in $g~",
    };
    to.say(calls, &facts);
    to.say(r#"~"killed":$f,"unanswered":{"share":$g,$h}},"#, &facts);
    if has_end {
        to.say("\n~", &[]);
    }
}

#[inline(never)]
fn advise(to: &mut Printer<'_>, advice: &Advice<'_>, now: &Outcome) {
    const MEASURES: &str = "ever Ready,Ready after,restarted,not Ready for a time,calls lost,killed at deletion,\
        losing calls at deletion,rollouts called failed,fewest available in a rollout";
    // What stops a rollout saves pods of which a forecast knows nothing.
    let measure = advice.measure.unwrap_or(Measure::Fewest);
    let shown = |outcome: &Outcome| match (measure, outcome.get(measure)) {
        (Measure::ReadyAt, time) => Fact::Time(time),
        (Measure::Fewest, pods) => Fact::Number(pods / 1000),
        (_, share) => Fact::Share(share, 1000),
    };
    let facts = [
        Fact::Word(advice.container),
        Fact::Number(advice.value),
        Fact::Number(advice.patience),
        Fact::Word(nth(MEASURES, b',', measure as usize)),
        shown(now),
        shown(&advice.then),
        Fact::Word(advice.probe),
    ];
    for at in 0..3 {
        let words = nth(advice.words, b'|', at);
        let before = match at {
            0 => r#"  ~{"field":""#,
            1 => r#": ~","set":""#,
            _ => concat!("\n    ", r#"~","why":""#),
        };
        to.say(before, &[]);
        to.say(words, &facts);
    }
    to.say(if advice.measure.is_some() { "; $d $e now, $f then~" } else { "~" }, &facts);
    to.say(concat!("\n", r#"~","now":{"#), &facts);
    outcome(to, now);
    to.say(r#"~},"then":{"#, &[]);
    outcome(to, &advice.then);
    to.say("~}},", &[]);
}

fn outcome(to: &mut Printer<'_>, outcome: &Outcome) {
    const NAMES: &str = "ready ready_at restarted not_ready lost killed_at_deletion unanswered_at_deletion \
        rollout_failed fewest_available";
    for (at, &value) in outcome.0.iter().enumerate() {
        if value < NEVER {
            to.say(r#"~"$a":$b,"#, &[Fact::Word(word(NAMES, at)), Fact::Thousandths(value)]);
        }
    }
}
