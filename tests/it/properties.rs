//! Parsers hold for any bytes, however they are cut.

use std::mem::MaybeUninit;

use probeserver::faults::plan;
use probeserver::faults::rule::Rule;
use probeserver::http::body::BodyReader;
use probeserver::http::head::{self, Framing};
use probeserver::http::{MAX_FIELDS, RequestError, upstream};
use probeserver::resolve::Service;
use probeserver::resolve::policy::Allow;
use probeserver::{quantity, text};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a head comes to, comparable: its status, or what it says.
fn parsed(input: &[u8]) -> Result<Option<String>, RequestError> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    head::parse(input, &mut slots).map(|head| head.map(|head| format!("{head:?}")))
}

/// The first verdict when the bytes come one by one.
fn parsed_bytewise(input: &[u8]) -> Result<Option<String>, RequestError> {
    (0..=input.len()).map(|end| parsed(&input[..end])).find(|verdict| *verdict != Ok(None)).unwrap_or(Ok(None))
}

/// Pieces that heads are made of, right and wrong.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&'static [u8]> = vec![
        b"GET ",
        b"POST ",
        b"get ",
        b"/",
        b"/a?b=c",
        b"*",
        b"http://h/",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b" HTTP/2.0\r\n",
        b"Host: a\r\n",
        b"Host: a:80\r\n",
        b"Host:\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: +5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"%00",
        b"%41",
        b"#",
        b"\xff",
        b"\0",
    ];
    prop_oneof![8 => proptest::sample::select(known).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..4)]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let start = proptest::sample::select(vec![&b"GET / HTTP/1.1\r\n"[..], b"GET /a HTTP/1.0\r\nHost: a\r\n", b""]);
    (start, vec(piece(), 0..12)).prop_map(|(start, pieces)| [start, &pieces.concat()].concat())
}

/// Words that plans are made of, mostly where they may stand.
fn fault_rule() -> impl Strategy<Value = String> {
    let pick = |words: &'static [&'static str]| proptest::sample::select(words);
    let requests = pick(&["health", "live", "ready", "startup", "app", "/", "/a/b", "/api*", "/*"]);
    let effects = pick(&[
        "fail",
        "fail 503",
        "fail 200",
        "delay 50ms",
        "delay 1s..2m30s",
        "hang",
        "drop",
        "reset",
        "exit 0",
        "exit 255",
        "crash oom",
    ]);
    let others = pick(&[
        "start delay 1.5s",
        "start exit 3",
        "start crash trap",
        "listen close",
        "listen hang",
        "process cpu 150%",
        "process mem 64Mi",
        "process exit 1",
        "process crash segv",
        "term ignore",
        "term delay 5s..6s",
        "term exit 9",
        "nonsense",
        "health",
        "app close",
    ]);
    let rule = prop_oneof![2 => (requests, effects).prop_map(|(target, effect)| [target, effect].join(" ")), 1 => others.prop_map(str::to_owned)];
    let qualifier = pick(&[
        "40%",
        "0.125%",
        "0%",
        "100%",
        "after 5m",
        "after 0s",
        "for 1s",
        "for 0.5ms",
        "every 10s",
        "every 1h",
        "times 3",
        "pods 33.3%",
        "pods *-0",
        "pods web",
        "101%",
        "for",
        "times x",
    ]);
    (rule, vec(qualifier, 0..4)).prop_map(|(rule, qualifiers)| [rule, qualifiers.join(" ")].join(" "))
}

/// How many cases a property is tried with: PROPTEST_CASES where it is set (scripts/test --long), else 2000.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2000);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_plan_survives_being_spelled_out(rules in vec(fault_rule(), 0..6), separator in prop_oneof![Just("; "), Just("\n"), Just(" # x\r\n")]) {
        let text = rules.join(separator);
        if let Ok(rules) = plan::parse(text.as_bytes()) {
            let spelled = rules.iter().map(Rule::spelled).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(plan::parse(spelled.as_bytes()), Ok(rules), "{:?} -> {:?}", text, spelled);
        }
    }

    #[test]
    fn no_bytes_panic_the_plan_parser(bytes in vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"health fail;\n#/*%5s"[..])], 0..200)) {
        if let Err(error) = plan::parse(&bytes) {
            prop_assert!(error.starts_with("line ") && error.contains(", expected "), "{}", error);
        }
    }

    #[test]
    fn a_head_means_the_same_however_it_is_cut(bytes in request()) {
        let whole = parsed(&bytes);
        // A head that is whole stays what it was when more follows it.
        prop_assert_eq!(parsed_bytewise(&bytes), whole);
    }

    #[test]
    fn no_bytes_panic_a_parser(bytes in vec(any::<u8>(), 0..300)) {
        let _ = parsed(&bytes);
        let _ = upstream::parse(&bytes);
        let _ = Service::parse(&bytes);
        let _ = Allow::parse(&bytes);
        let _ = quantity::parse_duration(&bytes);
        let _ = quantity::parse_seconds(&bytes);
        let _ = quantity::parse_size(&bytes);
        let _ = quantity::Percent::parse(&bytes);
        let mut out = Vec::new();
        text::json_string(&mut out, &bytes);
        prop_assert!(std::str::from_utf8(&out).is_ok());
        prop_assert!(!out[1..out.len() - 1].iter().any(|byte| byte.is_ascii_control()));
        let mut reader = BodyReader::new(Framing::Chunked, 1000).expect("chunks have no length to refuse");
        let _ = reader.feed(&bytes, &mut Vec::new());
    }

    #[test]
    fn chunks_come_out_as_they_went_in(
        chunks in vec(vec(any::<u8>(), 1..50), 0..10),
        extension in prop_oneof![Just(""), Just(";a"), Just(";a=b;c=\"d\\\"e\"")],
        cuts in vec(1usize..40, 0..30),
    ) {
        let mut wire = Vec::new();
        for chunk in &chunks {
            wire.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"0\r\nTrailer: x\r\n\r\nNEXT");
        let mut reader = BodyReader::new(Framing::Chunked, 1 << 20).expect("chunks have no length to refuse");
        let (mut out, mut at, mut cuts) = (Vec::new(), 0, cuts.into_iter());
        while !reader.is_done() {
            let end = wire.len().min(at + cuts.next().unwrap_or(wire.len()));
            at += reader.feed(&wire[at..end], &mut out).expect("well-formed");
        }
        prop_assert_eq!(out, chunks.concat());
        prop_assert_eq!(&wire[at..], b"NEXT");
    }

    #[test]
    fn durations_and_sizes_survive_being_written(microseconds in 0u64..2_592_000_000_000, bytes in any::<u32>()) {
        let duration = std::time::Duration::from_micros(microseconds);
        let written = text::written(|out| quantity::write_duration(out, duration));
        prop_assert_eq!(quantity::parse_duration(written.as_bytes()), Some(duration), "{}", written);
        let written = text::written(|out| quantity::write_size(out, bytes.into()));
        prop_assert_eq!(quantity::parse_size(written.as_bytes()), Some(u64::from(bytes)), "{}", written);
    }
}
