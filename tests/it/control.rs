//! The plan at run time, and who may change it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Server, get, run};
use crate::lines::Json;

fn request(method: &str, target: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

fn send(server: &Server, method: &str, target: &str, body: &str) -> (u16, String) {
    let response = server.ask(request(method, target, "", body));
    (response.status, response.text())
}

#[test]
fn plans_are_replaced_added_to_and_removed() {
    let server = Server::start(&[("FAULTS", "health fail 40%")]);
    let list = |rules: &[&str]| rules.iter().map(|rule| format!("{rule}: tried 0, hit 0\n")).collect::<String>();
    for (method, target, body, status, want) in [
        ("GET", "/faults", "", 200, list(&["health fail 40%  # 1"])),
        (
            "POST",
            "/faults",
            "/a fail\n/b fail # x",
            200,
            list(&["health fail 40%  # 1", "/a fail  # 2", "/b fail  # 3"]),
        ),
        ("DELETE", "/faults/2", "", 200, list(&["health fail 40%  # 1", "/b fail  # 3"])),
        ("DELETE", "/faults/2", "", 404, "no rule has this number\n".to_owned()),
        ("DELETE", "/faults/x", "", 404, "no rule has this number\n".to_owned()),
        ("POST", "/faults", "/c fail", 200, list(&["health fail 40%  # 1", "/b fail  # 3", "/c fail  # 4"])),
        ("PUT", "/faults", "/d fail", 200, list(&["/d fail  # 1"])),
        ("POST", "/infect", "", 200, list(&["/d fail  # 1", "health fail  # 2", "live fail  # 3"])),
        ("POST", "/infect", "", 200, list(&["/d fail  # 1", "health fail  # 2", "live fail  # 3"])),
        ("POST", "/cure", "", 200, String::new()),
        ("PUT", "/faults", "/e fail", 200, list(&["/e fail  # 1"])),
        ("DELETE", "/faults", "", 200, String::new()),
    ] {
        assert_eq!(send(&server, method, target, body), (status, want), "{method} {target} {body}");
    }
}

#[test]
fn a_bad_plan_changes_nothing() {
    let server = Server::start(&[("FAULTS", "/a fail 418")]);
    let many = "/x fail\n".repeat(64);
    let long = format!("# {}", "x".repeat(17_000));
    for (method, body, status, want) in [
        (
            "PUT",
            "health fail; app fial",
            400,
            "line 1, column 18: got \"fial\", expected an effect for this target: fail, delay, hang, drop, reset, exit or crash; did you mean fail?\n",
        ),
        (
            "POST",
            "health",
            400,
            "line 1, column 7: got the end of the rule, expected an effect for this target: fail, delay, hang, drop, reset, exit or crash\n",
        ),
        (
            "PUT",
            "/a?b fail",
            400,
            "line 1, column 1: got \"/a?b\", expected a path of visible ASCII, as requests spell it, without a query\n",
        ),
        ("POST", "start delay 1s", 400, "start: this moment has passed; set FAULTS\n"),
        ("POST", many.as_str(), 400, "rules: at most 64, those that stand included\n"),
        ("PUT", long.as_str(), 413, "413 Content Too Large\n"),
        (
            "PUT",
            "/faults fail",
            400,
            "line 1, column 1: got \"/faults\", expected another path: a rule here would take away the cure\n",
        ),
    ] {
        assert_eq!(send(&server, method, "/faults", body), (status, want.to_owned()), "{method}");
    }
    assert_eq!(send(&server, "GET", "/faults", ""), (200, "/a fail 418  # 1: tried 0, hit 0\n".to_owned()));
    assert_eq!(server.get("/a").status, 418);
}

#[test]
fn the_list_is_a_plan_and_json_by_accept() {
    let server =
        Server::start(&[("SEED", "5"), ("FAULTS", "health fail 0.5% for 5s every 10s times 3; /a\"b drop pods x*")]);
    server.get("/healthz");
    let text = server.get("/faults").text();
    assert_eq!(
        text,
        "health fail 0.5% for 5s every 10s times 3  # 1: tried 1, hit 0\n/a\"b drop pods x*  # 2: tried 0, hit 0, not on this pod\n"
    );
    let again = send(&server, "PUT", "/faults", &text);
    assert_eq!(again, (200, text.replace("tried 1", "tried 0")));
    let json = server.ask("GET /faults HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
    assert_eq!(json.field("content-type"), Some("application/json"));
    assert_eq!(
        json.text(),
        "{\"seed\":5,\"rules\":[{\"number\":1,\"rule\":\"health fail 0.5% for 5s every 10s times 3\",\"tried\":0,\"hit\":0},{\"number\":2,\"rule\":\"/a\\\"b drop pods x*\",\"tried\":0,\"hit\":0}]}\n"
    );
    Json::parse(&json.text());
}

#[test]
fn methods_and_kill() {
    let server = Server::start(&[]);
    for (method, target, allow) in [
        ("PATCH", "/faults", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        ("GET", "/faults/1", "DELETE, OPTIONS"),
        ("GET", "/infect", "POST, OPTIONS"),
        ("GET", "/cure", "POST, OPTIONS"),
        ("GET", "/kill", "POST, OPTIONS"),
        ("PUT", "/crash", "GET, POST, OPTIONS"),
    ] {
        let response = server.ask(request(method, target, "", ""));
        assert_eq!((response.status, response.field("allow")), (405, Some(allow)), "{method} {target}");
    }
    server.connect().send(request("POST", "/kill", "", ""));
    server.assert_exits_with(1);
}

const GUARDED: [(&str, &str); 10] = [
    ("GET", "/faults"),
    ("PUT", "/faults"),
    ("POST", "/faults"),
    ("DELETE", "/faults"),
    ("DELETE", "/faults/1"),
    ("POST", "/infect"),
    ("POST", "/cure"),
    ("POST", "/kill"),
    ("GET", "/crash"),
    ("GET", "/cpu?for=1ms"),
];

#[test]
fn control_off_is_404_whatever_the_method() {
    let server = Server::start(&[("CONTROL", "off"), ("FAULTS", "/crash fail 418")]);
    for (_, target) in GUARDED {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"] {
            let mut client = server.connect();
            client.send(request(method, target, "", ""));
            let response = if method == "HEAD" { client.head_response() } else { client.response() };
            assert_eq!(response.status, 404, "{method} {target}");
        }
    }
}

#[test]
fn a_token_is_asked_for_before_rules_count() {
    let file = std::env::temp_dir().join(format!("probeserver-token-{}", std::process::id()));
    std::fs::write(&file, "s3cret\n").unwrap();
    let file = file.to_str().unwrap();
    for variables in [
        [("CONTROL", "token:s3cret"), ("FAULTS", "/kill fail")],
        [("CONTROL_TOKEN_FILE", file), ("FAULTS", "/kill fail")],
    ] {
        let server = Server::start(&[&variables[..], &[("LOG_REQUESTS", "all")]].concat());
        let ask = |method: &str, target: &str, fields: &str| server.ask(request(method, target, fields, ""));
        for (method, target) in &GUARDED[1..] {
            let response = ask(method, target, "");
            let path = target.split_once('?').map_or(*target, |(path, _)| path);
            server.wait_for_log(&format!("method={method} path={path} status=401"));
            assert_eq!(
                (response.status, response.field("www-authenticate")),
                (401, Some("Bearer")),
                "{method} {target}"
            );
            for wrong in ["Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret"] {
                assert_eq!(
                    ask(method, target, &format!("Authorization: {wrong}\r\n")).status,
                    403,
                    "{method} {target} {wrong}"
                );
            }
        }
        assert_eq!(ask("GET", "/faults", "").text(), "/kill fail  # 1: tried 0, hit 0\n", "looking needs no token");
        assert_eq!(
            ask("POST", "/kill", "Authorization: Bearer s3cret\r\n").status,
            500,
            "the rule, once the guard has let it pass"
        );
        assert_eq!(ask("GET", "/mem?size=1Ki&for=1ms", "Authorization: bearer s3cret\r\n").status, 200);
        assert!(!server.log().iter().any(|line| line.contains("s3cret")), "{server}");
    }
    std::fs::write(file, "").unwrap();
    for variables in [
        &[("CONTROL_TOKEN_FILE", file)][..],
        &[("CONTROL", "token:a"), ("CONTROL_TOKEN_FILE", file)],
        &[("CONTROL", "token:")],
        &[("CONTROL", "token:s3cret\n\n")],
        &[("CONTROL", "Token:s3cret")],
        &[("CONTROL", "maybe")],
    ] {
        let ended = run(&[], variables);
        assert_eq!(ended.code, Some(2), "{variables:?}");
        assert!(!ended.stderr.contains("s3cret"), "{variables:?}: {}", ended.stderr);
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_page_of_another_origin_never_gets_through() {
    let server = Server::start(&[]);
    for (method, target, fields, status) in [
        ("GET", "/faults", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("GET", "/cpu?for=1ms", "Sec-Fetch-Site: same-site\r\n", 403),
        ("GET", "/cpu?for=1ms", "Sec-Fetch-Site: same-origin\r\n", 200),
        ("GET", "/cpu?for=1ms", "Sec-Fetch-Site: none\r\nOrigin: http://a\r\n", 200),
        ("POST", "/infect", "Origin: http://a\r\n", 403),
        ("POST", "/infect", "Origin: null\r\nProbe-Control: 0\r\n", 403),
        ("PUT", "/faults", "Origin: http://a\r\n", 403),
        ("DELETE", "/faults", "Origin: http://a\r\n", 403),
        ("POST", "/infect", "Origin: http://a\r\nProbe-Control: 1\r\n", 200),
        ("POST", "/infect", "Origin: http://a\r\nProbe-Control: 1\r\nSec-Fetch-Site: cross-site\r\n", 403),
        ("POST", "/echo", "Origin: http://a\r\nSec-Fetch-Site: cross-site\r\n", 200),
        ("GET", "/resolve?service=a:0", "Sec-Fetch-Site: cross-site\r\n", 403),
        ("GET", "/resolve?service=a:0", "Sec-Fetch-Site: same-site\r\n", 403),
        ("GET", "/resolve?service=a:0", "Sec-Fetch-Site: same-origin\r\n", 400),
        ("POST", "/resolve?service=a:0", "Origin: http://a\r\n", 403),
        ("POST", "/resolve?service=a:0", "Origin: http://a\r\nProbe-Control: 1\r\n", 405),
    ] {
        assert_eq!(server.ask(request(method, target, fields, "")).status, status, "{method} {target} {fields:?}");
    }
}

/// What one probeserver may not be told by a page, it may not be told by another one that the page has told to ask.
#[test]
fn a_control_call_through_a_probeserver_needs_the_token() {
    const HOPS: &str = "Probe-Hops: 1\r\n";
    const TOKEN: &str = "Probe-Hops: 1\r\nAuthorization: Bearer s3cret\r\n";
    const OTHER: &str = "Probe-Hops: 1\r\nAuthorization: Bearer other\r\n";
    let open = Server::start(&[]);
    let guarded = Server::start(&[("CONTROL", "token:s3cret")]);
    for (method, target) in [
        ("GET", "/crash"),
        ("GET", "/cpu?for=1ms"),
        ("GET", "/mem?size=1&for=1ms"),
        ("GET", "/faults"),
        ("POST", "/infect"),
        ("POST", "/kill"),
        ("DELETE", "/faults/1"),
    ] {
        for (server, fields) in [(&open, HOPS), (&open, TOKEN), (&guarded, HOPS), (&guarded, OTHER)] {
            let response = server.ask(request(method, target, fields, ""));
            assert_eq!(response.status, 403, "{method} {target} {fields:?}: {response:?}");
        }
    }
    assert_eq!(guarded.ask(request("GET", "/cpu?for=1ms", TOKEN, "")).status, 200);
    assert_eq!(guarded.ask(request("GET", "/whoami", HOPS, "")).status, 200, "what is not guarded is not refused");
    let between = Server::start(&[("RESOLVE_ALLOW", "127.0.0.0/8")]);
    let text = between.get(&format!("/resolve?service=127.0.0.1:{}/crash", open.port())).text();
    assert!(text.contains("Service status = 403 Forbidden\n"), "{text}");
    assert_eq!(open.get("/").status, 200, "it is still there");
}

#[test]
fn rules_come_before_methods_and_head_counts_like_get() {
    let server = Server::start(&[("FAULTS", "/a fail; / fail 418 times 2")]);
    assert_eq!(server.ask(request("DELETE", "/", "", "")).status, 418);
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head_response().status, 418);
    assert_eq!(server.ask(request("DELETE", "/", "", "")).status, 405);
    assert!(server.get("/faults").text().contains("# 2: tried 2, hit 2"));
}

#[test]
fn ten_thousand_replacements_under_load_and_every_answer_is_of_one_plan() {
    let server = Server::start(&[("LOG_REQUESTS", "none"), ("FAULTS", "/x fail 411; /y fail 411")]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = server.connect();
                while !is_over.load(Ordering::Relaxed) {
                    let response = client.ask(get("/x"));
                    assert!(matches!(response.status, 411 | 412), "{response:#?}");
                }
            });
        }
        let mut client = server.connect();
        for n in 0..10_000 {
            let status = 411 + n % 2;
            let plan = format!("/x fail {status}; /y fail {status}");
            let response = client.ask(request("PUT", "/faults", "", &plan));
            assert_eq!(response.status, 200, "{response:#?}");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Newlines that were lost on the way (`curl -d @plan`, a folded YAML scalar) make one comment of a plan.
#[test]
fn a_plan_without_a_rule_changes_nothing_and_is_told_of() {
    let server = Server::start(&[("FAULTS", "health fail 40%")]);
    let before = server.get("/faults").text();
    for method in ["PUT", "POST"] {
        for body in ["# x health fail 40%", "#", ";", "\n"] {
            let (status, text) = send(&server, method, "/faults", body);
            assert!(status == 400 && text.contains("no rule in it"), "{method} {body:?}: {status} {text}");
            assert_eq!(server.get("/faults").text(), before, "{method} {body:?}");
        }
    }
    assert_eq!(send(&server, "POST", "/faults", "").0, 200, "nothing is nothing");
    assert_eq!(send(&server, "PUT", "/faults", ""), (200, String::new()));

    let plan = "# ill: health fail 40%";
    let server = Server::start(&[("FAULTS", plan)]);
    server.wait_for_log("FAULTS: no rule in it");
    for ended in [run(&["check-faults", plan], &[]), run(&["check-faults"], &[("FAULTS", plan)])] {
        assert!(ended.code == Some(0) && ended.stdout.contains("no rule in it"), "{ended:?}");
    }
    let ended = run(&["check-faults", ""], &[("FAULTS", plan)]);
    assert!(!ended.stdout.contains("warning"), "{ended:?}");
}

/// Not on stderr, not in the log, not in the termination message, by no subcommand.
#[test]
fn a_secret_is_shown_nowhere() {
    let message = std::env::temp_dir().join(format!("probeserver-secret-{}", std::process::id()));
    std::fs::write(&message, "").unwrap();
    let path = message.to_str().unwrap();
    for value in ["token=hunter2", "hunter2", "token:hunter2 x", "token:hunter2\r\n"] {
        for arguments in [&[][..], &["check-faults", "app fail"], &["healthcheck"], &["resolve", "a"]] {
            let ended = run(arguments, &[("CONTROL", value), ("TERMINATION_MESSAGE_PATH", path)]);
            assert_eq!(ended.code, Some(2), "{ended:?}");
            let told = std::fs::read_to_string(&message).unwrap();
            assert!(ended.stderr.contains("CONTROL: expected open, off or token:SECRET"), "{ended:?}");
            assert!(told.starts_with("CONTROL: expected open"), "{told}");
            assert!(![ended.stdout, ended.stderr, told].concat().contains("hunter"), "{value:?} {arguments:?}");
        }
    }
    for value in ["token:hunter2", "token:hunter2\n"] {
        let server = Server::start(&[("CONTROL", value), ("LOG_REQUESTS", "all"), ("LOG_FORMAT", "json")]);
        let with_token = |target| request("GET", target, "Authorization: Bearer hunter2\r\n", "");
        assert_eq!(server.ask(with_token("/cpu?for=1ms")).status, 200, "a final newline is no part of it");
        assert_eq!(server.ask(request("GET", "/cpu?for=1ms", "Authorization: Bearer hunter3\r\n", "")).status, 403);
        for target in ["/whoami", "/metrics", "/faults"] {
            assert!(!server.get(target).text().contains("hunter"), "{target}");
        }
        server.signal(libc::SIGTERM);
        server.assert_exits_with(0);
        assert!(!server.log().concat().contains("hunter"), "{server}");
    }
    std::fs::remove_file(message).unwrap();
}
