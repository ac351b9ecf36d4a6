//! Every route but `/resolve` and those of the fault language: what it answers, and what it refuses.

use std::time::{Duration, Instant};

use crate::harness::{Server, eventually, get, post};
use crate::lines::{Json, is_rfc_3339_utc};
use crate::table::line;

const CHECKS: [&str; 9] = [
    "/healthz",
    "/health",
    "/livez",
    "/health/live",
    "/health/alive",
    "/readyz",
    "/health/ready",
    "/startupz",
    "/healthz?x=y",
];

#[test]
fn every_check_and_alias_is_ok() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for path in CHECKS {
        let response = client.ask(get(path));
        response.expect(200, "{ \"status\": \"ok\" }\n");
        assert_eq!(response.field("content-type"), Some("application/json"), "{path}");
    }
}

#[test]
fn verbose_checks_name_the_deciding_rule() {
    let server = Server::start(&[("HEALTH_STATUS_FACTOR", "100")]);
    server.get("/livez?verbose").expect(200, "{ \"status\": \"ok\", \"rule\": null }\n");
    server.get("/healthz?verbose").expect(500, "{ \"status\": \"error\", \"rule\": \"health fail 100%\" }\n");
    server.get("/healthz?x&verbose").expect(500, "{ \"status\": \"error\", \"rule\": \"health fail 100%\" }\n");
    server.get("/healthz?verbosely").expect(500, "{ \"status\": \"error\" }\n");
}

#[test]
fn whoami_is_json_with_its_keys_in_order() {
    let variables = [
        ("POD_NAME", "web-0"),
        ("POD_NAMESPACE", "team \"a\""),
        ("NODE_NAME", "node-1"),
        ("ZONE", "eu-1a"),
        ("IP_ADDRESS", "10.0.0.7"),
        ("APP_VERSION", "1.2.3"),
        ("HEALTH_STATUS_FACTOR", "100"),
    ];
    let server = Server::start(&variables);
    server.get("/healthz");
    server.get("/readyz");
    let mut client = server.connect();
    let response = client.ask(get("/whoami"));
    assert!(response.status == 200 && response.closes(), "{response:#?}");
    assert!(response.field("content-type").is_some_and(|kind| kind.starts_with("application/json")), "{response:#?}");
    let (local, peer) = (client.stream.peer_addr(), client.stream.local_addr());
    client.expect_end();

    let json = Json::parse(&response.text());
    let keys = [
        "pod",
        "namespace",
        "node",
        "zone",
        "ip",
        "version",
        "started",
        "uptime_seconds",
        "requests",
        "connection",
        "checks",
        "faults",
    ];
    assert_eq!(json.keys(), keys);
    for (key, value) in [
        ("pod", "web-0"),
        ("namespace", "team \"a\""),
        ("node", "node-1"),
        ("zone", "eu-1a"),
        ("ip", "10.0.0.7"),
        ("version", "1.2.3"),
    ] {
        assert_eq!(json.get(key), &Json::text(value), "{key}");
    }
    assert!(matches!(json.get("started"), Json::Text(time) if is_rfc_3339_utc(time)), "{json:?}");
    assert!((0.0..60.0).contains(&json.get("uptime_seconds").number()), "{json:?}");
    assert!((2.0..=3.0).contains(&json.get("requests").number()), "{json:?}");
    assert_eq!(json.get("connection").keys(), ["peer", "local"]);
    assert_eq!(json.get("connection").get("peer"), &Json::Text(peer.expect("it was connected").to_string()));
    assert_eq!(json.get("connection").get("local"), &Json::Text(local.expect("it was connected").to_string()));
    let checks = json.get("checks");
    assert_eq!(checks.keys(), ["health", "live", "ready", "startup"]);
    let answers = ["health", "live", "ready", "startup"].map(|check| checks.get(check).clone());
    assert_eq!(answers, [Json::Number("500".into()), Json::Null, Json::Number("200".into()), Json::Null]);
    assert_eq!(json.get("faults"), &Json::List(vec![Json::text("health fail 100%")]));
}

#[test]
fn whoami_has_null_for_what_nobody_said() {
    let server = Server::start(&[("HOSTNAME", "h"), ("IP_ADDRESS", "10.0.0.8")]);
    let json = Json::parse(&server.get("/whoami").text());
    let said = ["pod", "namespace", "node", "zone"].map(|key| json.get(key).clone());
    assert_eq!(said, [Json::text("h"), Json::Null, Json::Null, Json::Null]);
    assert_eq!(json.get("faults"), &Json::List(Vec::new()));
}

#[test]
fn single_values_are_one_line_each() {
    let server =
        Server::start(&[("HOSTNAME", "h"), ("IP_ADDRESS", "10.0.0.9"), ("APP_VERSION", "2.0"), ("POD_NAME", "p")]);
    server.get("/hostname").expect(200, "h\n");
    server.get("/ip").expect(200, "10.0.0.9\n");
    server.get("/version").expect(200, "2.0\n");
    Server::start(&[]).get("/version").expect(200, concat!(env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn probe_fields_say_who_answered_on_every_reply() {
    let identity = [("POD_NAME", "web-0"), ("NODE_NAME", "node-1"), ("ZONE", "eu-1a"), ("APP_VERSION", "1.2 beta")];
    let server = Server::start(&identity);
    for request in [
        get("/"),
        get("/nowhere"),
        get("/status/204"),
        post("/", ""),
        line("BAD"),
        get("/healthz"),
        line("OPTIONS * HTTP/1.1"),
    ] {
        let response = server.ask(&request);
        let fields = ["probe-pod", "probe-node", "probe-zone", "probe-version"].map(|name| response.field(name));
        assert_eq!(
            fields,
            [Some("web-0"), Some("node-1"), Some("eu-1a"), Some("1.2 beta")],
            "{request:?}: {response:#?}"
        );
    }
    let response = Server::start(&[("HOSTNAME", "h")]).get("/");
    let fields = ["probe-pod", "probe-node", "probe-zone"].map(|name| response.field(name));
    assert_eq!(fields, [Some("h"), None, None], "{response:#?}");
}

#[test]
fn content_type_is_that_of_the_index_alone() {
    let server = Server::start(&[("CONTENT", "<p>x</p>"), ("CONTENT_TYPE", "text/html; charset=utf-8")]);
    assert_eq!(server.get("/").field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(server.get("/hostname").field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(server.get("/nowhere").field("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn cpu_burns_as_long_as_asked() {
    let server = Server::start(&[]);
    for request in [get("/cpu?for=50ms"), post("/cpu?for=50ms", "")] {
        let began = Instant::now();
        let response = server.ask(request);
        assert!(began.elapsed() >= Duration::from_millis(50), "{response:#?}");
        assert!(response.status == 200 && response.text().contains(|c: char| c.is_ascii_digit()), "{response:#?}");
    }
    for query in ["for=61s", "for=x", "for=-1s", "for=", "for=2"] {
        server.get(&format!("/cpu?{query}")).expect_refusal(400);
    }
}

#[test]
fn mem_holds_what_is_asked_up_to_its_bound() {
    let server = Server::start(&[("MEM_MAX", "8Mi")]);
    for target in
        ["/mem?size=1Mi&for=10ms", "/mem?for=10ms&size=8Mi", "/mem?size=1000&for=1ms", "/mem?size=8388608&for=1ms"]
    {
        let response = server.get(target);
        assert_eq!(response.status, 200, "{target}: {response:#?}");
    }
    assert_eq!(server.ask(post("/mem?size=1Mi&for=1ms", "")).status, 200);
    assert_eq!(server.get("/mem?size=8388609&for=1ms").status, 503);
    for query in ["size=lots&for=1ms", "size=1Mi&for=x", "size=-1&for=1ms", "size=1.5Mi&for=1ms"] {
        server.get(&format!("/mem?{query}")).expect_refusal(400);
    }
    // The bound is on the sum: what one call holds another cannot have. (A new server: glibc's allocator, unlike that of the
    // static binary, keeps some of what was given back.)
    let server = Server::start(&[("MEM_MAX", "8Mi")]);
    let before = server.resident_kilobytes();
    let mut holder = server.connect();
    holder.send(get("/mem?size=6Mi&for=5s"));
    eventually("6 MiB are held", &server, || server.resident_kilobytes() > before + (5 << 10));
    assert_eq!(server.get("/mem?size=4Mi&for=1ms").status, 503);
    assert_eq!(server.get("/mem?size=1Mi&for=1ms").status, 200);
    assert_eq!(holder.response().status, 200);
    assert_eq!(server.get("/mem?size=4Mi&for=1ms").status, 200);
}

/// What a forecast goes by is what the server does.
#[test]
fn which_paths_have_a_good_answer_is_known_beforehand() {
    let server = Server::start(&[]);
    for target in [
        "/",
        "/healthz",
        "/livez",
        "/ready",
        "/readyz",
        "/readyz/",
        "/startupz",
        "/whoami",
        "/metrics",
        "/ui",
        "/faults",
        "/faults/1",
        "/infect",
        "/cure",
        "/kill",
        "/forecast",
        "/ip",
        "/hostname",
        "/version",
        "/status/200",
        "/status/399",
        "/status/400",
        "/status/x",
        "/status/",
        "/status",
        "/bytes/5",
        "/headers",
        "/echo",
        "/nowhere",
        "*",
        "/cpu?for=1ms",
    ] {
        let path = target.split('?').next().unwrap_or_default();
        let status = server.get(target).status;
        assert_eq!(
            probeserver::routes::answers_well(path.as_bytes()),
            (200..400).contains(&status),
            "{path}: {status}"
        );
    }
}

#[test]
fn status_answers_any_final_status() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for status in (200..600).filter(|status| !matches!(status, 204 | 205 | 304)) {
        let response = client.ask(get(&format!("/status/{status}")));
        assert!(response.status == status && response.text().starts_with(&status.to_string()), "{response:#?}");
    }
    for status in [204, 205, 304] {
        let response = client.ask(get(&format!("/status/{status}"))); // the client checks that there is no length
        assert!(response.status == status && response.body.is_empty(), "{response:#?}");
    }
    for bad in ["199", "600", "100", "0", "-200", "2000", "abc", "200x", "+200"] {
        server.get(&format!("/status/{bad}")).expect_refusal(400);
    }
}

#[test]
fn delay_answers_when_due() {
    let server = Server::start(&[]);
    for (delay, least) in [("100ms", 100), ("0.1", 100), ("0.1s", 100), ("0", 0), ("1", 1000)] {
        let began = Instant::now();
        let response = server.get(&format!("/delay/{delay}"));
        assert!(response.status == 200 && began.elapsed() >= Duration::from_millis(least), "{delay}: {response:#?}");
    }
    for bad in ["61", "61s", "2m", "x", "-1", "1 s", "1d", "ms"] {
        let response = server.ask(get(&format!("/delay/{bad}")));
        assert_eq!(response.status, 400, "{bad}: {response:#?}");
    }
}

#[test]
fn bytes_answers_that_many() {
    let server = Server::start(&[]);
    for count in [0, 1, 1000, 100_000, 10 << 20] {
        let response = server.get(&format!("/bytes/{count}"));
        assert!(response.status == 200 && response.body.len() == count, "{count}: {} bytes", response.body.len());
        assert_eq!(response.field("content-type"), Some("application/octet-stream"));
    }
    for bad in ["10485761", "-1", "x", "1k", "99999999999999999999"] {
        server.get(&format!("/bytes/{bad}")).expect_refusal(400);
    }
}

#[test]
fn headers_shows_the_head_as_received_whatever_the_method() {
    let server = Server::start(&[]);
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let head =
            format!("{method} /headers?a=%41 HTTP/1.1\r\nHost: a\r\nx-MiXed:  spaced \t\r\nContent-Length: 5\r\n\r\n");
        let response = server.ask(format!("{head}hello"));
        let text = response.text();
        let shown: Vec<&str> = text.lines().collect();
        assert_eq!(response.status, 200, "{response:#?}");
        assert_eq!(shown.first(), Some(&format!("{method} /headers?a=%41 HTTP/1.1").as_str()), "{text}");
        assert!(shown.iter().any(|line| line.trim_end() == "x-MiXed:  spaced"), "{text}");
        assert_eq!(response.field("x-content-type-options"), Some("nosniff"), "{response:#?}");
        assert_eq!(response.field("content-type"), Some("text/plain; charset=utf-8"), "{response:#?}");
    }
    assert_eq!(server.ask(line("HEAD /headers HTTP/1.1")).status, 200);
}

#[test]
fn echo_gives_the_content_back_as_text() {
    let server = Server::start(&[]);
    let response = server.ask(post("/echo", "<b>hello</b>"));
    response.expect(200, "<b>hello</b>");
    assert_eq!(response.field("content-type"), Some("text/plain; charset=utf-8"), "{response:#?}");
    assert_eq!(response.field("x-content-type-options"), Some("nosniff"), "{response:#?}");
    server.ask(post("/echo", "")).expect(200, "");
    server.ask("POST /echo HTTP/1.1\r\nHost: a\r\n\r\n").expect(200, "");
    let binary: Vec<u8> = (0..=255).collect();
    let request = [b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 256\r\n\r\n", binary.as_slice()].concat();
    assert_eq!(server.ask(request).body, binary);
}

#[test]
fn head_goes_wherever_get_goes_but_to_what_does_something() {
    let server = Server::start(&[]);
    for path in CHECKS.into_iter().chain([
        "/",
        "/whoami",
        "/ip",
        "/hostname",
        "/version",
        "/status/418",
        "/delay/0",
        "/bytes/10",
        "/headers",
    ]) {
        let response = server.ask(line(&format!("HEAD {path} HTTP/1.1")));
        assert!(response.status == 200 || path == "/status/418", "{path}: {response:#?}");
    }
    for path in ["/crash", "/cpu", "/mem"] {
        let response = server.ask(line(&format!("HEAD {path} HTTP/1.1")));
        assert_eq!(response.status, 405, "{path}: {response:#?}");
    }
    server.get("/version");
}

/// RFC 9110 section 15: what whoever sends a status must send with it, whether a client or a rule asked for the status.
#[test]
fn a_status_comes_with_the_fields_it_must_have() {
    type Fields = &'static [(&'static str, &'static str)];
    let must: [(u16, Fields, bool); 17] = [
        (204, &[], false),
        (205, &[("content-length", "0")], false),
        (206, &[("content-range", "bytes 0-")], true),
        (300, &[("location", "/")], true),
        (301, &[("location", "/")], true),
        (302, &[("location", "/")], true),
        (303, &[("location", "/")], true),
        (304, &[], false),
        (307, &[("location", "/")], true),
        (308, &[("location", "/")], true),
        (401, &[("www-authenticate", "Bearer")], true),
        (405, &[("allow", "GET, HEAD, OPTIONS")], true),
        (407, &[("proxy-authenticate", "Basic realm=")], true),
        (416, &[("content-range", "bytes */0")], true),
        (426, &[("upgrade", "HTTP/2.0"), ("connection", "upgrade")], true),
        (451, &[], true),
        (511, &[], true),
    ];
    for (status, fields, has_content) in must {
        let plan = format!("health fail {status}; /version fail {status}; /echo fail {status}");
        let server = Server::start(&[("FAULTS", &plan)]);
        let mut client = server.connect();
        for request in
            [get(&format!("/status/{status}")), get("/healthz"), get("/version"), line("OPTIONS /health HTTP/1.1")]
        {
            let response = client.ask(&request);
            assert_eq!(response.status, status, "{request}");
            for (name, value) in fields {
                let is_there = response.field(name).is_some_and(|found| found.starts_with(value));
                assert!(is_there || request.starts_with("OPTIONS"), "{request}: {name}: {value} {response:#?}");
                assert!(response.field(name).is_some(), "{request}: {response:#?}");
            }
            let wants_content = has_content && !request.starts_with("OPTIONS");
            assert_eq!(response.body.is_empty(), !wants_content, "{request}: {response:#?}");
            if status == 206 && wants_content {
                let length = response.body.len();
                let range = format!("bytes 0-{}/{length}", length - 1);
                assert_eq!(response.field("content-range"), Some(range.as_str()));
            }
        }
        let closed = server.ask(format!("GET /status/{status} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        let options = closed.field("connection").unwrap_or_default();
        assert!(options.split(", ").any(|option| option == "close"), "{closed:#?}");
        if status == 405 {
            assert_eq!(server.ask(post("/echo", "")).field("allow"), Some("POST, OPTIONS"));
        }
    }
}

/// A redirect on purpose ends somewhere: a kubelet follows it, and a circle would be a failure.
#[test]
fn a_redirect_by_a_rule_leads_out_of_its_reach() {
    let server = Server::start(&[("FAULTS", "app fail 302")]);
    let place = server.get("/").field("location").map(str::to_owned).unwrap_or_default();
    assert_eq!(server.get(&place).status, 200, "{place}");
    let server = Server::start(&[("FAULTS", "health fail 307; live fail 307; ready fail 307")]);
    for path in CHECKS {
        let place = server.get(path).field("location").map(str::to_owned).unwrap_or_else(|| "/".to_owned());
        assert_eq!(server.get(&place).status, 200, "{path} {place}");
    }
}

/// The registry's phrases, as far as their statuses can be asked for.
#[test]
fn registered_statuses_have_their_phrases() {
    let registered = [
        (203, "Non-Authoritative Information"),
        (207, "Multi-Status"),
        (226, "IM Used"),
        (305, "Use Proxy"),
        (402, "Payment Required"),
        (411, "Length Required"),
        (412, "Precondition Failed"),
        (423, "Locked"),
        (424, "Failed Dependency"),
        (428, "Precondition Required"),
        (451, "Unavailable For Legal Reasons"),
        (506, "Variant Also Negotiates"),
        (510, "Not Extended"),
        (511, "Network Authentication Required"),
    ];
    let server = Server::start(&[]);
    let mut client = server.connect();
    for (status, phrase) in registered {
        let response = client.ask(get(&format!("/status/{status}")));
        assert_eq!(response.reason, phrase, "{status}");
        response.expect_error(status);
    }
    client.ask(get("/status/599")).expect(599, "599\n");
}

/// HAProxy's `option httpchk` asks `OPTIONS / HTTP/1.0` without Host, and takes 200 to 399 for health.
#[test]
fn options_has_the_status_of_get_where_balancers_check() {
    let server = Server::start(&[("FAULTS", "ready fail; live fail 418 times 2; /ip fail 503"), ("CONTENT", "hello")]);
    for (path, status) in
        [("/", 200), ("/healthz", 200), ("/health", 200), ("/startupz", 200), ("/readyz", 503), ("/health/ready", 503)]
    {
        for request in [
            format!("OPTIONS {path} HTTP/1.0\r\n\r\n"),
            format!("OPTIONS {path}?verbose HTTP/1.1\r\nHost: a\r\n\r\n"),
            format!("OPTIONS {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
        ] {
            let response = server.ask(&request);
            assert_eq!(response.status, status, "{request}");
            assert_eq!(response.field("allow"), Some("GET, HEAD, OPTIONS"), "{request}");
            assert!(response.body.is_empty() && response.field("content-type").is_none(), "{response:#?}");
        }
    }
    // Rules and their counts do not care which method asks, and an answer to it is the check's last one.
    let statuses =
        ["OPTIONS", "GET", "OPTIONS"].map(|method| server.ask(line(&format!("{method} /livez HTTP/1.1"))).status);
    assert_eq!(statuses, [418, 418, 200]);
    let list = server.get("/faults").text();
    assert!(list.contains("live fail 418 times 2  # 2: tried 2, hit 2"), "{list}");
    let checks = Json::parse(&server.get("/whoami").text()).get("checks").get("live").number();
    assert_eq!(checks, 200.0);
}

#[test]
fn options_elsewhere_names_the_methods() {
    let server = Server::start(&[("FAULTS", "/ip fail 503")]);
    for (path, status, allow) in [
        ("/whoami", 204, Some("GET, HEAD, OPTIONS")),
        ("/metrics", 204, Some("GET, HEAD, OPTIONS")),
        ("/status/404", 204, Some("GET, HEAD, OPTIONS")),
        ("/status/none", 204, Some("GET, HEAD, OPTIONS")),
        ("/crash", 204, Some("GET, POST, OPTIONS")),
        ("/kill", 204, Some("POST, OPTIONS")),
        ("/echo", 204, Some("POST, OPTIONS")),
        ("/faults", 204, Some("GET, HEAD, POST, PUT, DELETE, OPTIONS")),
        ("/faults/1", 204, Some("DELETE, OPTIONS")),
        ("/resolve", 204, Some("GET, HEAD, OPTIONS")),
        ("/ip", 503, Some("GET, HEAD, OPTIONS")),
        ("/nowhere", 404, None),
        ("*", 204, Some("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, TRACE")),
    ] {
        let response = server.ask(line(&format!("OPTIONS {path} HTTP/1.1")));
        assert_eq!((response.status, response.field("allow")), (status, allow), "{path}: {response:#?}");
        assert!(response.body.is_empty() || path == "/nowhere", "{response:#?}");
    }
    // It gets past no guard.
    let off = Server::start(&[("CONTROL", "off")]);
    assert_eq!(off.ask(line("OPTIONS /crash HTTP/1.1")).status, 404);
}
