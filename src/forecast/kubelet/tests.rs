//! The model held against the figures of its calibration on a real cluster, and its rules one by one.

use super::{Terms, play};
use crate::faults::plan;
use crate::forecast::behaviour::Program;
use crate::forecast::life::{By, Life, What};
use crate::forecast::pod::Plan;
use crate::forecast::spread::Spread;
use crate::forecast::workload::{Handler, Pod, RestartPolicy};
use crate::forecast::{Behaviour, Millis, NEVER, sketch};

/// A pod with one container, put together for a test.
pub(super) struct Case {
    pub(super) pod: Pod,
    pub(super) program: Program,
    pub(super) end: Millis,
    pub(super) deleted_at: Millis,
}

impl Case {
    pub(super) fn new(rules: &str, probes: &[&str]) -> Self {
        let rules = plan::parse(rules.as_bytes()).unwrap_or_else(|error| panic!("{rules}: {}", error.line()));
        let probes = probes.iter().map(|probe| sketch::probe(probe).unwrap_or_else(|| panic!("{probe}"))).collect();
        let pod = sketch::workload(probes).pod;
        let program = Program { rules, is_own: true, ..Program::default() };
        Self { pod, program, end: 60_000, deleted_at: NEVER }
    }

    pub(super) fn until(mut self, seconds: u64) -> Self {
        self.end = seconds * 1000;
        self
    }

    pub(super) fn grace(mut self, seconds: u32) -> Self {
        self.pod.grace = seconds;
        self
    }

    pub(super) fn policy(mut self, policy: RestartPolicy) -> Self {
        self.pod.restart_policy = policy;
        self
    }

    pub(super) fn exec(mut self, command: &str) -> Self {
        let command = command.split(' ').map(str::to_owned).collect();
        if let Some(probe) = &mut self.pod.containers[0].liveness {
            probe.handler = Handler::Exec { command };
        }
        self
    }

    pub(super) fn pre_stop(mut self, seconds: u32) -> Self {
        self.pod.containers[0].pre_stop = Some(Handler::Sleep { seconds });
        self
    }

    pub(super) fn drain(mut self, drain: Millis) -> Self {
        self.program.drain = drain;
        self
    }

    pub(super) fn deleted(mut self, at: Millis) -> Self {
        (self.deleted_at, self.end) = (at, at);
        self
    }

    pub(super) fn lives(&self, pods: u64) -> Vec<Life> {
        let all = self.pod.init.len() + 1;
        let behaviours = vec![Behaviour { program: self.program.clone(), ..Behaviour::default() }; all];
        let plan = Plan::new(&self.pod, &behaviours, false, "/");
        let life = |number| {
            let (end, deleted_at) = (self.end, self.deleted_at);
            let terms = Terms { seed: 7, number, end, deleted_at, moments: &[], draws: false, max_events: 1_000_000 };
            play(&plan, "web-0", &terms)
        };
        (0..pods).map(life).collect()
    }
}

type Figure = Box<dyn Fn(&Life) -> Option<Millis>>;

fn from(what: What, since: What) -> Figure {
    Box::new(move |life| {
        let (at, since) = (life.first[what as usize], life.first[since as usize]);
        (at < NEVER).then(|| at.saturating_sub(since))
    })
}

fn pause(n: u32) -> Figure {
    Box::new(move |life| life.restarts.iter().find(|restart| restart.n == n).map(|restart| restart.pause))
}

fn life_of(n: u32) -> Figure {
    Box::new(move |life| life.restarts.iter().find(|restart| restart.n == n).map(|restart| restart.life))
}

fn gone() -> Figure {
    Box::new(|life| Some(life.deletion.gone - life.deletion.at))
}

fn seconds(time: Millis) -> f64 {
    time as f64 / 1000.0
}

/// Medians, 5th and 95th percentiles that were held against what a cluster showed. Rules and pauses are the research's, section
/// 12; what depends on how soon a first container starts is of scripts/calibrate, whose cluster was less busy.
#[test]
fn figures_are_those_of_the_calibrated_model() {
    let started = What::ContainerStarted;
    let crash = "process exit 1 after 1s";
    let flaky = || Case::new("live fail after 12s", &["liveness:period=3,failures=3", "readiness:period=5"]).until(300);
    let ignores = || Case::new("live fail; term ignore", &["liveness:period=2,failures=1"]).grace(6);
    let rows: Vec<(&str, Case, Figure, f64, f64, f64)> = vec![
        ("first readiness probe", Case::new("", &["readiness"]), from(What::ReadinessProbe, started), 0.53, 0.07, 1.0),
        ("first liveness probe", Case::new("", &["liveness"]), from(What::LivenessProbe, started), 9.5, 8.9, 9.8),
        (
            "startup success",
            Case::new("start delay 8s", &["startup:period=3,failures=10", "readiness"]),
            from(What::Started, started),
            8.77,
            8.41,
            8.91,
        ),
        (
            "readiness P=10 fails 25 s: Ready",
            Case::new("ready fail for 25s", &["readiness"]),
            from(What::Ready, started),
            31.5,
            31.1,
            33.0,
        ),
        (
            "first readiness, D=5 P=4",
            Case::new("", &["readiness:delay=5,period=4"]),
            from(What::ReadinessProbe, started),
            5.51,
            5.09,
            7.02,
        ),
        (
            "first liveness, D=6 P=3",
            Case::new("", &["liveness:delay=6,period=3"]),
            from(What::LivenessProbe, started),
            // Between two clusters of equal size, at 5.6 s and at 8.6 s.
            f64::NAN,
            5.33,
            8.70,
        ),
        ("live fail after 12 s: life 1", flaky(), life_of(1), 20.5, 20.0, 20.8),
        ("life 2", flaky(), life_of(2), 20.8, 20.5, 20.9),
        ("life 3", flaky(), life_of(3), 20.8, 20.5, 20.9),
        ("pause after kill 2", flaky(), pause(2), 0.21, 0.09, 0.52),
        ("pause after kill 5", flaky(), pause(5), 44.3, 41.0, 50.2),
        ("pause after kill 6", flaky(), pause(6), 86.1, 80.6, 93.7),
        ("crash, no probes: pause 1", Case::new(crash, &[]).until(240), pause(1), 0.73, 0.26, 1.31),
        ("pause 2", Case::new(crash, &[]).until(240), pause(2), 14.2, 11.9, 16.6),
        ("pause 3", Case::new(crash, &[]).until(240), pause(3), 26.9, 23.0, 30.2),
        ("pause 4", Case::new(crash, &[]).until(240), pause(4), 49.0, 40.9, 54.1),
        ("pause 5", Case::new(crash, &[]).until(240), pause(5), 88.8, 81.0, 93.7),
        ("readiness P=2: pause 2", Case::new(crash, &["readiness:period=2"]).until(240), pause(2), 16.3, 13.9, 18.4),
        ("pause 3, readiness", Case::new(crash, &["readiness:period=2"]).until(240), pause(3), 28.9, 25.7, 32.1),
        ("pause 4, readiness", Case::new(crash, &["readiness:period=2"]).until(240), pause(4), 44.0, 40.9, 53.9),
        ("pause 5, readiness", Case::new(crash, &["readiness:period=2"]).until(240), pause(5), 87.0, 81.0, 94.0),
        (
            "two probes P=10: pause 2",
            Case::new(crash, &["readiness", "liveness"]).until(120),
            pause(2),
            23.0,
            21.0,
            25.0,
        ),
        (
            "two probes P=10: pause 3",
            Case::new(crash, &["readiness", "liveness"]).until(120),
            pause(3),
            23.0,
            21.0,
            32.0,
        ),
        (
            "startup P=2 F=3 never passes: life",
            Case::new("startup fail", &["startup:period=2,failures=3"]),
            life_of(1),
            5.81,
            5.43,
            5.96,
        ),
        (
            "http hang, P=2 T=3 F=2: life",
            Case::new("live hang", &["liveness:period=2,timeout=3,failures=2"]),
            life_of(1),
            7.56,
            7.02,
            7.83,
        ),
        (
            "exec hang, P=3 T=1 F=2: life",
            Case::new("", &["liveness:period=3,timeout=1,failures=2"]).exec("/bin/probeserver sleep 60"),
            life_of(1),
            6.86,
            6.48,
            7.0,
        ),
        (
            "TERM ignored, grace 6: pause and kill, 1st",
            ignores(),
            Box::new(|life| life.restarts.first().map(|restart| restart.life + restart.pause)),
            8.01,
            7.71,
            8.31,
        ),
        (
            "deletion, preStop 5 and drain 3: gone",
            Case::new("", &["readiness"]).pre_stop(5).drain(3000).deleted(20_500),
            gone(),
            8.84,
            8.34,
            9.33,
        ),
        ("deletion, plain: gone", Case::new("", &["readiness"]).deleted(20_500), gone(), 0.84, 0.34, 1.33),
        (
            "preStop 10, grace 6, TERM ignored: end",
            Case::new("term ignore", &[]).pre_stop(10).grace(6).deleted(20_500),
            Box::new(|life| Some(life.deletion.ended - life.deletion.at)),
            8.22,
            8.14,
            8.39,
        ),
        (
            "listens after 3 s, P=5: Ready",
            Case::new("start delay 3s", &["readiness:period=5"]),
            from(What::Ready, What::Created),
            6.81,
            3.43,
            7.53,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, case, figure, median, p5, p95) in rows {
        let mut spread = Spread::default();
        case.lives(500).iter().filter_map(&figure).for_each(|time| spread.add(time));
        let got = [50, 5, 95].map(|percent| spread.percentile(percent).map_or(f64::NAN, seconds));
        let is_near = |got: f64, want: f64| want.is_nan() || (got - want).abs() <= (want * 0.06).max(0.25);
        let line =
            format!("{name:44} {:6.2} {:6.2}..{:<6.2} want {median:6.2} {p5:6.2}..{p95}", got[0], got[1], got[2]);
        if !(is_near(got[0], median) && is_near(got[1], p5) && is_near(got[2], p95)) {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The last of everything that is so in all lives.
fn all(case: &Case, is_so: impl Fn(&Life) -> bool) {
    let lives = case.lives(100);
    let differ: Vec<&Life> = lives.iter().filter(|life| !is_so(life)).collect();
    assert!(differ.is_empty(), "{} of {}, such as {:?}", differ.len(), lives.len(), differ[0]);
}

#[test]
fn a_pod_that_never_restarts_is_killed_as_a_whole_with_its_own_grace() {
    let probes = ["liveness:period=2,failures=1,grace=1"];
    let case = Case::new("live fail; term ignore", &probes).grace(5).policy(RestartPolicy::Never);
    all(&case, |life| {
        let lasted = life.first[What::Ended as usize] - life.first[What::LivenessProbe as usize];
        life.restarts.is_empty() && (5000..6200).contains(&lasted) && life.first[What::Failed as usize] < NEVER
    });
}

#[test]
fn with_on_failure_the_third_kill_of_a_program_that_drains_is_its_last() {
    let case = Case::new("live fail", &["liveness:period=3,failures=3"]).until(120);
    all(&case.policy(RestartPolicy::OnFailure), |life| {
        life.restarts.len() == 2 && life.first[What::Succeeded as usize] < NEVER
    });
}

#[test]
fn a_kill_by_a_probe_is_restarted_in_the_same_sync_and_the_first_two_cost_nothing() {
    let case = Case::new("live fail", &["liveness:period=3,failures=3"]);
    all(&case, |life| {
        life.restarts.len() >= 3
            && life.restarts[..2].iter().all(|restart| restart.pause < 2000 && restart.by == By::Liveness)
            && life.restarts[2].pause > 10_000
    });
}
