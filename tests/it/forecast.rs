//! What Kubernetes will do: the command line, the route, and that one seed has one forecast.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

use std::fs;
use std::path::Path;

use probeserver::forecast::asked::{Asked, COMMAND};
use probeserver::forecast::play::{Inquiry, Play, Terms};
use probeserver::forecast::tell;
use probeserver::forecast::yaml::{Document, Documents, Node, Value, prepare};

use crate::harness::{Server, run};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The output of a forecast that is told, and its exit status.
fn forecast(arguments: &[&str]) -> (Option<i32>, String, String) {
    let ended = run(&[&["forecast"], arguments].concat(), &[]);
    (ended.code, ended.stdout, ended.stderr)
}

/// The keys of every object in a JSON text, as paths.
fn keys(json: &str) -> Vec<String> {
    fn walk(document: &Document, node: Node, path: &str, keys: &mut Vec<String>) {
        for child in document.children(node) {
            let path = match document.value(node) {
                Value::Mapping => format!("{path}.{}", document.key(child)),
                _ => String::from(path),
            };
            if !keys.contains(&path) {
                keys.push(path.clone());
            }
            walk(document, child, &path, keys);
        }
    }
    let text = prepare(json.as_bytes()).unwrap();
    let mut documents = Documents::new(&text);
    let document = documents.next_document().unwrap().unwrap();
    let mut keys = Vec::new();
    walk(document, Node::ROOT, "", &mut keys);
    keys
}

fn inquiry(options: &[(&str, &str)], manifest: Option<&str>) -> Inquiry {
    let mut asked = Asked::new(COMMAND, probeserver::routes::answers_well);
    for (name, value) in options {
        let is_known = asked.set(name, value).unwrap_or_else(|line| panic!("{line}"));
        assert!(is_known, "{name}");
    }
    let inputs: Vec<(&str, &[u8])> = manifest.iter().map(|text| ("m", text.as_bytes())).collect();
    asked.inquiries(&inputs).unwrap_or_else(|line| panic!("{line}")).remove(0)
}

fn json(inquiry: &Inquiry, parts: u64) -> String {
    told_in(inquiry, parts, true)
}

fn text(inquiry: &Inquiry) -> String {
    told_in(inquiry, 1, false)
}

/// What is told of a play in so many parts.
fn told_in(inquiry: &Inquiry, parts: u64, is_json: bool) -> String {
    let play = Play::new(inquiry);
    let groups = play.groups();
    let mut sum = play.run(0..groups / parts);
    for part in 1..parts {
        sum.merge(&play.run(groups * part / parts..groups * (part + 1) / parts));
    }
    let mut out = Vec::new();
    tell::write(&mut out, &play.told(sum), is_json);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_readme_shows_what_it_prints() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, example) = readme.split_once("    probeserver forecast \"start delay 45s\" --probe").expect("the example");
    let mut lines = example.split("\n\n").next().unwrap().lines();
    let probes: Vec<&str> = lines.next().unwrap().split_whitespace().filter(|word| *word != "--probe").collect();
    let (code, stdout, _) = forecast(&["start delay 45s", "--probe", probes[0], "--probe", probes[1]]);
    assert_eq!(code, Some(0));
    let mut printed = stdout.lines();
    for line in lines.map(|line| &line[4..]) {
        assert!(printed.any(|printed| printed == line), "not printed, or not there: {line:?} of\n{stdout}");
    }
}

#[test]
fn every_bad_input_is_one_line_and_exit_2() {
    let empty = root().join("target/empty.yaml");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let base = root().join("k8s/base/deployment.yaml");
    let base = base.to_str().unwrap();
    let base_text = fs::read_to_string(base).unwrap();
    let damaged = |name: &str, text: &str| {
        let path = root().join("target").join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cut = damaged("cut.yaml", "{\"apiVersion\": \"apps/v1\",\n \"kind\": [");
    let tab = damaged("tab.yaml", &base_text.replacen("\n  ", "\n\t", 1));
    let two = damaged("two.yaml", &base_text.replacen("httpGet:", "tcpSocket: {port: 80}\n          httpGet:", 1));
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: {name}, image: probeserver, env: [{{name: PORT, value: {name}}}]}}]}}\n"
        )
    };
    let pods = damaged("pods.yaml", &[pod("a"), pod("b")].join("---\n"));
    let log_format = damaged("log.yaml", &pod("a").replace("PORT, value: a", "LOG_FORMAT, value: xml"));
    let old = damaged("old.yaml", &base_text.replacen("apps/v1", "v1", 1));
    let config = damaged("config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
    for (arguments, want) in [
        (&["-f", &cut][..], "cut.yaml:2:10: got a collection without an end"),
        (&["-f", &tab], ":1: got a tab, expected spaces"),
        (&["-f", &two], "Probe: got httpGet and tcpSocket, expected one handler"),
        (&["-f", &pods], "container a: PORT: got \"a\", expected a port"),
        (&["-f", &log_format], "container a: LOG_FORMAT: got \"xml\", expected text or json"),
        (
            &["-f", &old],
            "got Deployment/probeserver, expected a Deployment, StatefulSet, DaemonSet, ReplicaSet (apps/v1) or Pod",
        ),
        (&["-f", &config], "got ConfigMap/c, expected a Deployment"),
        (&["app fial"], "plan: line 1, column 5: got \"fial\", expected an effect"),
        (&["app fail", "app fail"], "container app: got two plans, expected one"),
        (&["--container", "app=live fail", "--container", "app=ready fail"], "container app: got two plans"),
        (&["live fail", "--container", "app=ready fail"], "container app: got two plans, expected one"),
        (&["# start delay 45s; live fail"], "expected more than a comment"),
        (&["--pods", "0"], "--pods: got \"0\", expected a number, 1 to 1000000"),
        (&["--for", "25h"], "--for: got \"25h\", expected a duration such as 15m, 1s to 24h"),
        (&["--for", "0s"], "--for: got \"0s\""),
        (&["--seed", "x"], "--seed: got \"x\", expected a whole number below 2^64"),
        (&["--kubernetes", "1.20"], "--kubernetes: got \"1.20\", expected 1.29 to 1.36"),
        (&["--probe", "live"], "--probe: got \"live\", expected liveness, readiness or startup"),
        // The pod of such a probe is a manifest that nobody has written: its lines and columns name nothing.
        (
            &["--probe", "liveness:successes=2"],
            "--probe: got \"liveness:successes=2\", expected liveness, readiness or startup, and :",
        ),
        (&["--probe", "readiness:grace=5"], "; more successes than 1 for readiness alone, grace for the others"),
        (&["--probe", "startup:grace=x"], "--probe: got \"startup:grace=x\", expected "),
        (&["--probe", "liveness", "--probe", "liveness:tcp"], "expected one probe of each kind"),
        (&["--delete-at", "20m"], "delete-at: expected a time before the end of the play"),
        (&["--container", "x"], "--container: got \"x\", expected NAME=PLAN"),
        (&["--container", "x=app fail"], "--container: got \"x\", expected one of app"),
        (&["--format", "xml"], "--format: got \"xml\", expected text or json"),
        (
            &["--fail-on", "rain"],
            "--fail-on: got \"rain\", expected some of never-ready restarts lost-calls rollout-failed",
        ),
        (&["--nonsense", "x"], "got \"--nonsense\", expected an option of forecast --help"),
        (&["--pods"], "--pods: got \"\", expected a number"),
        (&["--only"], "--only: got \"\", expected a name"),
        (&["--nope"], "got \"--nope\", expected an option"),
        (&["-f", "no-such-file"], "no-such-file: "),
        (
            &["-f", empty],
            "got no workload, expected a Deployment, StatefulSet, DaemonSet, ReplicaSet (apps/v1) or Pod (v1)",
        ),
        (&["-f", base, "--only", "x"], "only: got \"x\", expected one of Deployment/probeserver"),
        (&["-f", base, "--probe", "liveness"], "probe: a manifest has probes of its own"),
    ] {
        let (code, stdout, stderr) = forecast(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.starts_with("forecast: ") && stderr.contains(want), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    }
    let (code, help, _) = forecast(&["--help"]);
    assert_eq!(code, Some(0));
    let options = ["--probe", "--container", "--pods", "--for", "--seed", "--delete-at", "--kubernetes", "--fail-on"];
    assert!(options.iter().all(|option| help.contains(option)), "{help}");
}

#[test]
fn what_is_to_be_avoided_is_exit_1() {
    for (plan, outcome, want) in [
        ("ready fail", "never-ready", 1),
        ("ready fail for 20s", "never-ready", 0),
        ("process exit 1 after 5m", "restarts", 1),
        ("", "restarts,never-ready", 0),
        ("app fail 10%", "lost-calls", 1),
    ] {
        let arguments = [plan, "--probe", "readiness", "--pods", "30", "--fail-on", outcome];
        assert_eq!(forecast(&arguments).0, Some(want), "{plan} {outcome}");
    }
    let base = root().join("k8s/base/deployment.yaml");
    let arguments = ["ready fail", "-f", base.to_str().unwrap(), "--pods", "30", "--fail-on", "rollout-failed"];
    assert_eq!(forecast(&arguments).0, Some(1));
}

/// What is told of a pod of these containers, with these fields of its spec beside them.
fn told(containers: &str, spec: &str) -> String {
    let manifest =
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{{spec} containers: [{containers}]}}}}");
    text(&inquiry(&[("pods", "50")], Some(&manifest)))
}

/// Each row: containers, fields of the spec, what is told of them, and what is not.
#[test]
fn a_container_is_taken_for_what_its_manifest_says() {
    const TCP: &str = "livenessProbe: {tcpSocket: {port: 80}}";
    for (containers, spec, tells, tells_not) in [
        // Only what does nothing else but sleep ends when that is over, and nobody answers there.
        ("{name: a, image: busybox, command: [sleep, '60']}", "", "a container ends  ", "listening"),
        ("{name: a, image: busybox, command: [sh, -c, 'exec sleep 60']}", "", "a container ends  ", "listening"),
        (
            "{name: a, image: busybox, command: [sh, -c, 'touch /a; sleep 9; rm /a; sleep 9']}",
            "",
            "listening",
            "ends  ",
        ),
        (
            "{name: a, image: b, command: [sh, -c, 'while true; do date; sleep 1; done']}",
            "",
            "listening",
            "a container ends",
        ),
        ("{name: a, image: b, command: [sh, -c, sleep 5 && exec app]}", "", "listening", "a container ends"),
        (
            &format!("{{name: a, image: b, command: [sleep, '900'], {TCP}}}"),
            "",
            "killed by the liveness probe",
            "listening",
        ),
        // Without PORT this program listens on 80, or on 8080.
        (&format!("{{name: a, image: probeserver, {TCP}}}"), "", "Ready  ", "killed"),
        (
            "{name: a, image: probeserver, livenessProbe: {httpGet: {port: 9090}}}",
            "",
            "killed by the liveness",
            "0 % in 1",
        ),
        (
            "{name: a, image: probeserver, env: [{name: PORT, valueFrom: {fieldRef: {fieldPath: x}}}], \
             livenessProbe: {tcpSocket: {port: 9090}}}",
            "",
            "PORT is not known from the manifest",
            "killed",
        ),
        ("{name: a, image: probeserver, command: [/probeserver, resolve, b]}", "", "done at once", "listening"),
        // Arguments without a command are those of the image's entry point.
        ("{name: a, image: 'localhost/probeserver:1', args: [healthcheck, /]}", "", "done at once", "listening"),
        ("{name: a, image: 'localhost/probeserver:1', args: [serve]}", "", "  listening  ", "done at once"),
        ("{name: a, image: probeserver, command: [/probeserver, sleep, '3000']}", "", "status 137 Error", "listening"),
        // A value that refers to another is not known.
        (
            "{name: a, image: probeserver, env: [{name: W, value: '45'}, {name: START_WAIT_SECS, value: $(W)}]}",
            "",
            "START_WAIT_SECS is not known",
            "got",
        ),
        // Callers reach this program, wherever it stands, else what has ports.
        (
            "{name: a, image: b, ports: [{containerPort: 1}]}, \
             {name: c, image: probeserver, env: [{name: FAULTS, value: app fail}]}",
            "",
            "100 % are lost",
            " 0 % are lost",
        ),
        // A path without its slash is asked for with it.
        (
            "{name: a, image: probeserver, env: [{name: FAULTS, value: ready fail}], \
             readinessProbe: {httpGet: {path: readyz, port: 80}}}",
            "",
            "readinessProbe: what the program answers",
            "in the Service   ",
        ),
        // What this program answers at a path it knows itself, query and all; a rule may answer anything there.
        (
            "{name: a, image: probeserver, readinessProbe: {httpGet: {path: '/ready?verbose', port: 80}}}",
            "",
            "no good answer at /ready?verbose that its readiness probe asks for",
            "in the Service   ",
        ),
        (
            "{name: a, image: probeserver, livenessProbe: {exec: {command: [/probeserver, healthcheck, /live]}}}",
            "",
            "killed by the liveness probe",
            "no good answer",
        ),
        (
            "{name: a, image: probeserver, env: [{name: FAULTS, value: /ready fail 200}], \
             readinessProbe: {httpGet: {path: /ready, port: 80}}}",
            "",
            "in the Service   ",
            "never Ready",
        ),
        ("{name: a, image: other, readinessProbe: {httpGet: {path: /ready, port: 80}}}", "", "Service   ", "no good"),
        // Its environment is read as it reads it.
        (
            "{name: a, image: probeserver, env: [{name: BIND, value: 127.0.0.1}, {name: FAULTS, value: '# a'}], \
             livenessProbe: {tcpSocket: {port: 80}}}",
            "",
            "nothing from outside the pod reaches its BIND; FAULTS: no rule in it",
            "0 % in 1",
        ),
        (
            "{name: a, image: probeserver, env: [{name: CONTROL_TOKEN_FILE, value: /nowhere}]}",
            "",
            "listening",
            "nowhere",
        ),
        // Memory beyond the limit.
        (
            "{name: a, image: probeserver, env: [{name: FAULTS, value: process mem 64Mi after 5s}], \
             resources: {limits: {memory: 64Mi}}}",
            "",
            "137 OOMKilled",
            "Error",
        ),
        (
            "{name: a, image: probeserver, env: [{name: FAULTS, value: process mem 32Mi after 5s}], \
             resources: {limits: {memory: 64Mi}}}",
            "",
            "in the Service   ",
            "a container ends",
        ),
        // A probe that has no result, and a hook that the kubelet does not have.
        (
            "{name: a, image: b, livenessProbe: {tcpSocket: {port: nope}}}",
            "",
            "no port has the name that its liveness probe asks",
            "killed",
        ),
        (
            "{name: a, image: b, lifecycle: {postStart: {tcpSocket: {port: 80}}}}",
            "",
            "postStart 100 %",
            "in the Service   ",
        ),
        // What services another program knows nobody else does; this one knows no such service.
        ("{name: a, image: b, livenessProbe: {grpc: {port: 80, service: shop.Cart}}}", "", "Ready  ", "killed"),
        (
            "{name: a, image: probeserver, livenessProbe: {exec: {command: [/probeserver, healthcheck, --grpc, shop]}}}",
            "",
            "killed by the liveness probe",
            "no field",
        ),
        // Of containers that are bad the first by its name is shown, and no other of it than that.
        (
            "{name: z, image: probeserver, env: [{name: FAULTS, value: process exit 1 after 1s}]}, \
             {name: c, image: probeserver, env: [{name: FAULTS, value: process exit 0 after 2s}]}",
            "restartPolicy: Never,",
            "at 10 s     Completed 100 %",
            "Error 100 %",
        ),
        // What is known and not played is told.
        (
            "{name: a, image: b}",
            "activeDeadlineSeconds: 9,",
            "p, line 1: not played: spec.activeDeadlineSeconds",
            "no field",
        ),
        (
            "{name: a, image: b}",
            "readinessGates: [{conditionType: a.b/c}],",
            "nobody sets the conditions",
            "in the Service   ",
        ),
        // What kills the one container of a pod that restarts nothing is told, and that nothing is restarted.
        (
            "{name: a, image: probeserver, livenessProbe: {tcpSocket: {port: 9}}}",
            "restartPolicy: Never,",
            "killed by the liveness probe",
            "will be restarted",
        ),
        // A liveness probe that never passes is itself at fault.
        (
            "{name: a, image: probeserver, livenessProbe: {tcpSocket: {port: 9}}}",
            "",
            "containers[a].livenessProbe: what the program answers\n    it never passes",
            "none",
        ),
        // A neighbour that does not heed SIGTERM is killed anyhow, so nothing waits for it.
        (
            "{name: a, image: probeserver, env: [{name: DRAIN_SECS, value: '20'}]}, {name: b, image: c, command: [sleep, infinity]}",
            "terminationGracePeriodSeconds: 10,",
            "terminationGracePeriodSeconds: 25\n",
            "36",
        ),
    ] {
        let told = told(containers, spec);
        assert!(told.contains(tells) && !told.contains(tells_not), "{containers} {spec}\n{told}");
    }
}

#[test]
fn crash_oom_without_a_limit_is_refused_as_the_program_does() {
    let mut asked = Asked::new(COMMAND, probeserver::routes::answers_well);
    let manifest = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a, image: probeserver, \
                    env: [{name: FAULTS, value: process crash oom after 10s}]}]}}";
    let line = asked.inquiries(&[("m", manifest.as_bytes())]).unwrap_err();
    assert!(line.starts_with("container a: crash oom needs a memory limit"), "{line}");
    // A plan that is given is tried out, wherever.
    assert!(asked.set("plan", "process crash oom after 10s").unwrap());
    assert!(asked.inquiries(&[]).is_ok());
}

/// What a rollout that stops saves is not known, so equal numbers are no proof of it; Recreate saves nobody.
#[test]
fn a_longer_look_at_new_pods_is_advised_where_it_helps() {
    let advice = |strategy: &str| {
        let manifest = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: d}}, spec: {{{strategy} selector: {{matchLabels: {{a: b}}}}, \
             template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: a, image: probeserver, \
             env: [{{name: FAULTS, value: process exit 1 after 20s}}]}}]}}}}}}}}"
        );
        text(&inquiry(&[("pods", "100")], Some(&manifest)))
    };
    let rolling = advice("");
    assert!(rolling.contains("minReadySeconds: 3") && rolling.contains("old ones by then\n"), "{rolling}");
    let recreate = advice("strategy: {type: Recreate},");
    assert!(recreate.contains("what to change") && !recreate.contains("minReadySeconds"), "{recreate}");
    let paused = advice("paused: true,");
    assert!(paused.contains("  paused, so no pod of this template is made") && !paused.contains("rollout"), "{paused}");
}

#[test]
fn a_seed_has_one_forecast_however_the_pods_are_shared_out() {
    let base = fs::read_to_string(root().join("k8s/base/deployment.yaml")).unwrap();
    let options = [("plan", "start delay 1s..9s; live fail after 1m 20%; process exit 3 5% every 30s"), ("pods", "99")];
    let known = inquiry(&options, Some(&base));
    assert_eq!(json(&known, 1), json(&known, 3));
    let other = Inquiry { terms: Terms { seed: 2, ..known.terms }, ..known.clone() };
    assert_ne!(json(&known, 1), json(&other, 1));
}

#[test]
fn the_json_has_the_fields_that_the_reference_names() {
    let reference = fs::read_to_string(root().join("docs/reference.md")).unwrap();
    let section = reference.split("\n## Forecast\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let base = fs::read_to_string(root().join("k8s/base/deployment.yaml")).unwrap();
    let options = [("plan", "start delay 70s; live fail after 1m; term ignore"), ("pods", "30")];
    let found = keys(&json(&inquiry(&options, Some(&base)), 1));
    for key in &found {
        let last = key.rsplit('.').next().unwrap();
        let is_word = key.starts_with(".status.") || ["p5", "p50", "p95"].contains(&last);
        assert!(is_word || section.contains(&format!("`{last}`")), "{key} is not in the reference");
    }
    let top = [
        "seed",
        "pods",
        "for",
        "kubernetes",
        "assumed",
        "workload",
        "events",
        "restarts",
        "status",
        "steady",
        "service",
        "rollout",
        "deletion",
        "advice",
        "left_out",
    ];
    let tops: Vec<&str> =
        found.iter().filter_map(|key| key.strip_prefix('.')).filter(|key| !key.contains('.')).collect();
    assert_eq!(tops, top, "and in this order");
}

#[test]
fn a_play_without_end_is_cut_and_says_so() {
    let known = inquiry(&[("plan", "listen close for 1ms every 2ms"), ("pods", "2"), ("for", "2h")], None);
    let told = json(&Inquiry { terms: Terms { max_events: 20_000, ..known.terms }, ..known }, 1);
    assert!(told.contains("the rest of 2 pods that did more than a play may"), "{told}");
}

fn post(server: &Server, query: &str, fields: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let head = format!("POST /forecast{query} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {length}\r\n\r\n");
    let response = server.ask(head + body);
    (response.status, response.text())
}

#[test]
fn forecasts_are_made_over_http_too() {
    let server = Server::start(&[]);
    let base = fs::read_to_string(root().join("k8s/base/deployment.yaml")).unwrap();
    let (status, told) = post(&server, "?plan=start+delay+45s&pods=30", "Accept: application/json\r\n", &base);
    assert_eq!(status, 200, "{told}");
    let known = inquiry(&[("plan", "start delay 45s"), ("pods", "30")], Some(&base));
    assert_eq!(told, json(&known, 1), "the same as on the command line");
    let (status, told) = post(&server, "?probe=liveness:period=5&plan=live%20fail&pods=10", "", "");
    assert!(status == 200 && told.contains("killed by the liveness probe"), "{status} {told}");
    for (query, body, status, want) in [
        ("?pods=1001", "", 400, "pods: got \"1001\", expected a number, 1 to 1000\n"),
        ("?for=2h", "", 400, "for: got \"2h\", expected a duration such as 15m, 1s to 1h\n"),
        ("?rain=1", "", 400, "query: got \"rain\", expected one of plan, container"),
        ("?format=xml", "", 400, "format: got \"xml\", expected text or json\n"),
        ("?plan=%ff", "", 400, "query: expected UTF-8\n"),
        (
            "",
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n",
            400,
            "content: got ConfigMap/a, expected a Deployment",
        ),
        ("", "a:\n\tb: c\n", 400, "content:2:1: "),
    ] {
        let (got, line) = post(&server, query, "", body);
        assert!(got == status && line.starts_with(want) && line.lines().count() == 1, "{query} {body}: {got} {line}");
    }
    assert_eq!(post(&server, "", "", &" ".repeat(256 * 1024 + 1)).0, 413);
    assert_eq!(server.get("/forecast").status, 405);
    let closed = Server::start(&[("CONTROL", "off")]);
    assert_eq!(post(&closed, "", "", "").0, 404);
}
