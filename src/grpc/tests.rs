//! The session as a client sees it: frames go in, in any pieces, and what comes out is told in words.

use std::time::{Duration, Instant};

use super::frame::{self, Frame};
use super::*;

/// Fields of a request, spelled out and not kept.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        for (first, text) in [(Some(0), name), (None, value)] {
            out.extend(first);
            assert!(text.len() < 127);
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put(&mut out, kind, flags, stream, payload);
    out
}

const GRPC: [(&str, &str); 5] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/grpc.health.v1.Health/Check"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
];
const WEB: [(&str, &str); 3] = [(":method", "GET"), (":scheme", "http"), (":path", "/")];

/// The fields of a call, of another method.
fn to(path: &'static str) -> Vec<(&'static str, &'static str)> {
    GRPC.iter().map(|&(name, value)| (name, if name == ":path" { path } else { value })).collect()
}

fn with(fields: &[(&'static str, &'static str)], more: &[(&'static str, &'static str)]) -> Vec<u8> {
    block(&[fields, more].concat())
}

fn settings() -> Vec<u8> {
    frame(frame::SETTINGS, 0, 0, b"")
}

fn headers(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(frame::HEADERS, flags | frame::END_HEADERS, stream, block)
}

fn data(stream: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    frame(frame::DATA, flags, stream, payload)
}

fn named(service: &str) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, service.len() as u8 + 2, 0x0a, service.len() as u8];
    out.extend_from_slice(service.as_bytes());
    out
}

/// A whole call of Check.
fn check(stream: u32, service: &str) -> Vec<u8> {
    [headers(stream, 0, &block(&GRPC)), data(stream, 1, &named(service))].concat()
}

fn number(kind: u8, stream: u32, number: u32) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_number(&mut out, kind, stream, number);
    out
}

fn window(stream: u32, more: u32) -> Vec<u8> {
    number(frame::WINDOW_UPDATE, stream, more)
}

fn setting(id: u8, value: u32) -> Vec<u8> {
    frame(frame::SETTINGS, 0, 0, &[&[0, id][..], &value.to_be_bytes()].concat())
}

/// What a server has said, frame by frame.
fn told(mut output: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut known = [(Vec::new(), "head"), (Vec::new(), "415"), (Vec::new(), "ok")];
    answer::head(&mut known[0].0, 0);
    answer::not_grpc(&mut known[1].0, 0);
    answer::trailers(&mut known[2].0, 0);
    while let Some(frame) = Frame::parse(output).expect("our frames are short") {
        output = &output[frame.length()..];
        let (id, payload) = (frame.stream, frame.payload);
        let four = || frame.number().expect("4 octets");
        words.push(match (frame.kind, frame.flags) {
            (frame::SETTINGS, 0) => "settings".to_owned(),
            (frame::SETTINGS, 1) if payload.is_empty() => "settings ack".to_owned(),
            (frame::PING, 1) => format!("pong {}", payload.escape_ascii()),
            (frame::RST_STREAM, 0) => format!("reset {id} {}", four()),
            (frame::WINDOW_UPDATE, 0) => format!("window {id} {}", four()),
            (frame::GOAWAY, 0) => format!("goaway {} {}", payload[3], payload[7]),
            (frame::DATA, 0) => format!("data {id} {}", payload.escape_ascii()),
            (frame::DATA, 1) => format!("data {id} {} end", payload.escape_ascii()),
            (frame::HEADERS, flags @ (4 | 5)) => {
                let is_it = |(known, _): &&(Vec<u8>, &str)| known[FRAME_HEAD..] == *payload && known[4] == flags;
                match known.iter().find(is_it) {
                    Some((_, word)) => format!("{word} {id}"),
                    None => format!("status {} on {id}", error_code(payload, flags)),
                }
            }
            other => panic!("unexpected {other:?}"),
        });
    }
    assert!(output.is_empty(), "half a frame");
    words
}

/// The code in the block of an error.
fn error_code(block: &[u8], flags: u8) -> String {
    let at =
        block.windows(10).position(|window| window == b"\0\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f").expect("grpc-status");
    assert_eq!(flags, 5, "an error ends the stream");
    assert!([0, 16].contains(&at), "a head or none in front of it");
    let (length, rest) = block[at + 10..].split_first().unwrap();
    let (code, message) = rest.split_at((*length).into());
    assert!(message.starts_with(b"\0\x89\x9a\xca\xc8\xb5\x25\x42\x07\x31\x7f"));
    assert_eq!(message.len(), 12 + usize::from(message[11]));
    assert!(message[12..].iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'%'));
    String::from_utf8(code.to_vec()).unwrap()
}

/// A session whose calls are answered at once: health and live serve, the others do not.
struct Peer {
    session: Session<u32>,
    now: Instant,
    refused: Vec<u16>,
    is_over: bool,
    /// Octets that no whole frame has been made of.
    rest: Vec<u8>,
    /// Calls that are left alone rather than answered.
    leaves: bool,
    calls: Vec<Call<u32>>,
}

impl Peer {
    fn new() -> Self {
        let now = Instant::now();
        let session = Session::new(now);
        Self { session, now, refused: Vec::new(), is_over: false, rest: Vec::new(), leaves: false, calls: Vec::new() }
    }

    /// One that has said SETTINGS.
    fn ready() -> Self {
        let mut peer = Self::new();
        assert_eq!(peer.says(&settings()), ["settings", "settings ack"]);
        peer
    }

    fn take(&mut self, next: Next<u32>) -> bool {
        match next {
            Next::More => return false,
            Next::Refused(status) => self.refused.push(status),
            Next::End => {
                self.is_over = true;
                return false;
            }
            Next::Call(call) if self.leaves => self.calls.push(call),
            Next::Call(call) => {
                let verdict = match (call.method, call.check) {
                    (Method::List, _) => {
                        Verdict::List([State::Serving, State::Serving, State::NotServing, State::NotServing])
                    }
                    (_, None) => Verdict::State(State::Unknown),
                    (_, Some(Check::Health | Check::Live)) => Verdict::State(State::Serving),
                    (_, Some(_)) => Verdict::State(State::NotServing),
                };
                self.session.answer(call.stream, verdict, self.now);
            }
        }
        true
    }

    /// Feeds octets; what the server says to them.
    fn says(&mut self, input: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(input);
        while !self.is_over {
            let (used, next) = self.session.receive(&self.rest, self.now);
            self.rest.drain(..used);
            if !self.take(next) {
                break;
            }
        }
        told(&std::mem::take(&mut self.session.output))
    }

    /// Lets time pass; what the server says then.
    fn after(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        while !self.is_over {
            let next = self.session.due(self.now);
            if !self.take(next) {
                break;
            }
        }
        told(&std::mem::take(&mut self.session.output))
    }
}

/// What a fresh session says to these frames behind the client's SETTINGS, the same however they are cut (long ones not everywhere).
#[track_caller]
fn answers(frames: &[Vec<u8>]) -> Vec<String> {
    let input = frames.concat();
    let mut peer = Peer::ready();
    let whole = peer.says(&input);
    for cut in (1..input.len()).filter(|cut| *cut < 300 || cut % 997 == 0 || cut + 20 > input.len()) {
        let mut other = Peer::ready();
        let mut pieces = other.says(&input[..cut]);
        if !other.is_over {
            pieces.extend(other.says(&input[cut..]));
        }
        assert_eq!(pieces, whole, "cut at {cut}");
        assert_eq!((&other.refused, other.is_over), (&peer.refused, peer.is_over), "cut at {cut}");
    }
    let is_over = whole.last().is_some_and(|last| last.starts_with("goaway"));
    assert_eq!(peer.is_over, is_over);
    whole
}

const SERVING: &str = r"\x00\x00\x00\x00\x02\x08\x01";
const NOT_SERVING: &str = r"\x00\x00\x00\x00\x02\x08\x02";
const UNKNOWN: &str = r"\x00\x00\x00\x00\x02\x08\x03";

#[test]
fn our_settings_come_first_and_unasked() {
    let peer = Peer::new();
    assert_eq!(peer.session.output, b"\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x06\0\0\x40\0");
}

/// Not only by our own words for them: octet by octet, as research on real clients has found them to be understood.
#[test]
fn an_answer_is_62_octets_in_three_frames() {
    let mut peer = Peer::ready();
    peer.rest = check(1, "");
    let (used, next) = peer.session.receive(&peer.rest, peer.now);
    assert_eq!(used, peer.rest.len());
    assert!(peer.take(next));
    let want = b"\0\0\x10\x01\x04\0\0\0\x01\x20\x88\x0f\x10\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x4d\x65\x64\
        \0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02\x08\x01\
        \0\0\x0c\x01\x05\0\0\0\x01\0\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x010";
    assert_eq!(peer.session.output, want);
    assert_eq!(want.len(), 62);
}

#[test]
fn names_are_the_four_checks_under_their_aliases() {
    for (service, want) in [
        ("", SERVING),
        ("health", SERVING),
        ("grpc.health.v1.Health", SERVING),
        ("live", SERVING),
        ("liveness", SERVING),
        ("ready", NOT_SERVING),
        ("readiness", NOT_SERVING),
        ("startup", NOT_SERVING),
    ] {
        let want = ["head 1".to_owned(), format!("data 1 {want}"), "ok 1".to_owned()];
        assert_eq!(answers(&[check(1, service)]), want, "{service}");
    }
    for service in ["Health", "HEALTH", "readyz", " ", "grpc.health.v1.health", "x"] {
        assert_eq!(answers(&[check(1, service)]), ["status 5 on 1"], "{service}");
    }
}

/// What clients are known to send, in the order they send it.
#[test]
fn openings_of_real_clients_are_understood() {
    let ack = frame(frame::SETTINGS, frame::ACK, 0, b"");
    let call = check(1, "readiness");
    let want = |more: &[&str]| [vec!["settings ack", "head 1"], more.to_vec()].concat().join(" | ");
    let answer = format!("data 1 {NOT_SERVING}");
    // The C core: windows at once, PRIORITY nowhere, settings that we do not know or that mean nothing to us.
    let many = [
        &[0, 4][..],
        &[0, 0x3f, 0, 0],
        &[0, 5, 0, 0x40, 0, 0],
        &[0xfe, 3, 0, 0, 0, 1],
        &[0, 3, 0, 0, 0, 0],
        &[0, 2, 0, 0, 0, 0],
    ]
    .concat();
    let core = [frame(frame::SETTINGS, 0, 0, &many), window(0, 4_128_769), call.clone(), ack.clone()];
    assert_eq!(answers(&core).join(" | "), want(&[&answer, "ok 1"]));
    // grpc-go: afterwards a window for what it has read, and a PING.
    let go = [settings(), ack.clone(), call.clone(), window(0, 7), frame(frame::PING, 0, 0, b"bdp ping")];
    assert_eq!(answers(&go).join(" | "), want(&[&answer, "ok 1", "pong bdp ping"]));
    // Windows and resets of streams that are over, and the end.
    let bye = frame(frame::GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\0client transport shutdown");
    let late = [settings(), call, window(1, 5), number(frame::RST_STREAM, 1, 8), bye];
    assert_eq!(answers(&late).join(" | "), want(&[&answer, "ok 1"]));
}

#[test]
fn a_list_has_all_four_names_and_unknown_methods_end_at_once() {
    let list = [headers(1, 0, &block(&to("/grpc.health.v1.Health/List"))), data(1, 1, b"\0\0\0\0\0")];
    let said = answers(&list);
    assert_eq!((said.len(), said[0].as_str(), said[2].as_str()), (3, "head 1", "ok 1"));
    for part in ["liveness", "readiness", "startup", r"data 1 \x00\x00\x00\x008\n\x06\n\x00\x12\x02\x08\x01\n"] {
        assert!(said[1].contains(part), "{said:?}");
    }
    for path in ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.health.v1.Health/check", "/"] {
        assert_eq!(answers(&[headers(1, 0, &block(&to(path)))]), ["status 12 on 1", "reset 1 0"], "{path}");
        assert_eq!(answers(&[headers(1, 1, &block(&to(path)))]), ["status 12 on 1"], "{path}");
    }
}

#[test]
fn what_is_not_grpc_is_415_with_a_text_at_its_end() {
    let text = format!("data 1 {} end", answer::NOT_GRPC_TEXT.escape_ascii());
    let post = [(":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check")];
    for request in [
        vec![headers(1, 1, &block(&WEB))],
        vec![headers(1, 0, &block(&WEB)), data(1, 1, b"some content")],
        vec![headers(1, 0, &block(&WEB)), data(1, 0, b"some"), headers(1, 1, &block(&[("x", "y")]))],
        vec![headers(1, 1, &block(&post))],
        vec![headers(1, 1, &with(&post, &[("content-type", "application/json")]))],
        vec![headers(1, 1, &with(&post, &[("content-type", "application/grpcx")]))],
        vec![headers(1, 1, &with(&WEB, &[("content-type", "application/grpc")]))],
    ] {
        assert_eq!(answers(&request), ["415 1", text.as_str()]);
    }
    // One that never ends is answered as well.
    let long = [headers(1, 0, &block(&WEB)), data(1, 0, &[b'x'; 3000])];
    assert_eq!(answers(&long), ["415 1", text.as_str(), "reset 1 0"]);
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
        let request = [headers(1, 0, &with(&post, &[("content-type", content_type)])), data(1, 1, &named(""))];
        assert_eq!(answers(&request)[0], "head 1", "{content_type}");
    }
}

#[test]
fn bad_messages_have_the_status_that_says_why() {
    let (head, end) = (headers(1, 0, &block(&GRPC)), |content: &[u8]| data(1, 1, content));
    for (frames, want) in [
        (vec![headers(1, 1, &block(&GRPC))], &["status 13 on 1"][..]),
        (vec![head.clone(), end(b"")], &["status 13 on 1"]),
        (vec![head.clone(), end(b"\0\0\0")], &["status 13 on 1"]),
        (vec![head.clone(), end(b"\0\0\0\0\x02\x0a")], &["status 13 on 1"]),
        (vec![head.clone(), end(&[named(""), named("")].concat())], &["status 13 on 1"]),
        (vec![head.clone(), data(1, 0, &[named(""), named("")].concat())], &["status 13 on 1", "reset 1 0"]),
        (vec![head.clone(), end(b"\x02\0\0\0\0")], &["status 13 on 1"]),
        (vec![head.clone(), end(b"\0\0\0\0\x02\x0a\x05")], &["status 13 on 1"]),
        (vec![head.clone(), end(b"\0\0\0\0\x03\x0a\x01\xff")], &["status 13 on 1"]),
        (vec![head.clone(), end(b"\x01\0\0\0\0")], &["status 12 on 1"]),
        (vec![head.clone(), data(1, 0, b"\0\0\0\x08\x01")], &["status 8 on 1", "reset 1 0"]),
        (vec![head.clone(), data(1, 0, &[0xff; 16_384])], &["status 13 on 1", "window 0 16384", "reset 1 0"]),
        (vec![headers(1, 0, &with(&GRPC, &[("grpc-encoding", "gzip")]))], &["status 12 on 1", "reset 1 0"]),
        // In pieces, empty ones among them, and with trailers in place of END_STREAM on the data.
        (
            vec![head.clone(), data(1, 0, b"\0\0"), data(1, 0, b""), data(1, 0, b"\0\0"), end(b"\0")],
            &["head 1", "data 1 ", "ok 1"],
        ),
        (vec![head.clone(), data(1, 0, &named("")), headers(1, 1, b"")], &["head 1", "data 1 ", "ok 1"]),
        (
            vec![headers(1, 0, &with(&GRPC, &[("grpc-encoding", "identity")])), end(&named(""))],
            &["head 1", "data 1 ", "ok 1"],
        ),
    ] {
        let said = answers(&frames);
        let mut sorted: Vec<&str> =
            said.iter().map(|word| if word.starts_with("data 1 ") { "data 1 " } else { word }).collect();
        let mut want = want.to_vec();
        sorted.sort_unstable();
        want.sort_unstable();
        assert_eq!(sorted, want);
    }
}

#[test]
fn malformed_requests_cost_their_stream_and_nothing_else() {
    let changed = |name: &str, value: Option<&'static str>| {
        let fields = GRPC.iter().filter(|(known, _)| value.is_some() || *known != name);
        fields.map(|&(known, old)| (known, if known == name { value.unwrap_or(old) } else { old })).collect::<Vec<_>>()
    };
    let reversed: Vec<_> = GRPC.iter().rev().copied().collect();
    for (fields, why) in [
        (changed(":method", None), "no method"),
        (changed(":scheme", None), "no scheme"),
        (changed(":path", None), "no path"),
        (changed(":path", Some("")), "an empty path"),
        ([&GRPC[..1], &GRPC[..]].concat(), "two methods"),
        ([&GRPC[1..2], &GRPC[..]].concat(), "two schemes"),
        ([&GRPC[2..3], &GRPC[..]].concat(), "two paths"),
        (reversed, "pseudo fields behind others"),
        ([&GRPC[..], &[(":authority", "late")]].concat(), "a late one"),
        ([&[(":unknown", "x")], &GRPC[..]].concat(), "an unknown one"),
        ([&[(":status", "200")], &GRPC[..]].concat(), "one of answers"),
        ([&GRPC[..], &[("X-Upper", "x")]].concat(), "upper case"),
        ([&GRPC[..], &[("a b", "x")]].concat(), "a name with a space"),
        ([&GRPC[..], &[("", "x")]].concat(), "no name"),
        ([&GRPC[..], &[("x", " y")]].concat(), "a space in front"),
        ([&GRPC[..], &[("x", "a\nb")]].concat(), "a line feed"),
        ([&GRPC[..], &[("connection", "close")]].concat(), "connection"),
        ([&GRPC[..], &[("keep-alive", "1")]].concat(), "keep-alive"),
        ([&GRPC[..], &[("proxy-connection", "close")]].concat(), "proxy-connection"),
        ([&GRPC[..], &[("transfer-encoding", "chunked")]].concat(), "transfer-encoding"),
        ([&GRPC[..], &[("upgrade", "h2c")]].concat(), "upgrade"),
        (changed("te", Some("gzip")), "te that is not trailers"),
        ([&GRPC[..], &[("content-length", "x")]].concat(), "a length that is none"),
        ([&GRPC[..], &[("content-length", "7"), ("content-length", "8")]].concat(), "two lengths"),
    ] {
        let said = answers(&[headers(1, 0, &block(&fields)), data(1, 1, &named("")), check(3, "")]);
        assert_eq!(said, ["reset 1 1", "head 3", &format!("data 3 {SERVING}"), "ok 3"], "{why}");
    }
    for (length, content, end) in [("8", named(""), 1), ("6", named(""), 0), ("6", named(""), 1), ("1", Vec::new(), 1)]
    {
        let head = headers(1, 0, &with(&GRPC, &[("content-length", length)]));
        assert_eq!(answers(&[head, data(1, end, &content)]), ["reset 1 1"], "{length}");
    }
    assert_eq!(answers(&[headers(1, 1, &with(&WEB, &[("content-length", "3")]))]), ["reset 1 1"]);
    let right = headers(1, 0, &with(&GRPC, &[("content-length", "7"), ("content-length", "7")]));
    assert_eq!(answers(&[right, data(1, 1, &named(""))]).last().unwrap(), "ok 1");
}

#[test]
fn frames_are_padded_have_priorities_and_come_in_pieces() {
    let block = block(&GRPC);
    let padded = |inner: &[u8]| [&[3][..], inner, &[0; 3]].concat();
    let prior = [&[0, 0, 0, 9, 16][..], &block].concat();
    for head in [
        vec![frame(frame::HEADERS, 4 | 8, 1, &padded(&block))],
        vec![frame(frame::HEADERS, 4 | 0x20, 1, &prior)],
        vec![frame(frame::HEADERS, 4 | 8 | 0x20, 1, &padded(&prior))],
        vec![
            frame(frame::HEADERS, 0, 1, &block[..9]),
            frame(frame::CONTINUATION, 0, 1, &block[9..40]),
            frame(frame::CONTINUATION, 0, 1, b""),
            frame(frame::CONTINUATION, 4, 1, &block[40..]),
        ],
        vec![frame(frame::HEADERS, 8, 1, &padded(&block)), frame(frame::CONTINUATION, 4, 1, b"")],
        vec![frame(frame::HEADERS, 0xd2 | 4, 0x8000_0001, &block)], // Flags and the bit that mean nothing.
    ] {
        for body in [
            data(1, 1, &named("")),
            data(1, 1 | 8, &padded(&named(""))),
            data(1, 1 | 8 | 0xf0, &[&[0][..], &named("")].concat()),
        ] {
            let said = answers(&[head.clone(), vec![body]].concat());
            assert_eq!(said, ["head 1", &format!("data 1 {SERVING}"), "ok 1"]);
        }
    }
}

#[test]
fn errors_of_the_connection_end_it_with_their_code() {
    let long = |kind, stream| [&[0, 0x40, 1, kind, 0, 0, 0, 0, stream][..], &[0; 20_000]].concat();
    let (web, grpc) = (block(&WEB), block(&GRPC));
    let open = headers(1, 0, &grpc);
    let closed = headers(1, 1, &web);
    let cases: &[(&str, Vec<Vec<u8>>, u8)] = &[
        ("a long frame", vec![long(frame::DATA, 1)], 6),
        ("a long frame of an unknown type", vec![long(0x99, 0)], 6),
        ("DATA on stream 0", vec![data(0, 0, b"")], 1),
        ("DATA on an idle stream", vec![data(1, 0, b"")], 1),
        ("DATA on one of our streams", vec![open.clone(), data(2, 0, b"")], 1),
        ("DATA with more padding than payload", vec![open.clone(), frame(frame::DATA, 8, 1, b"\x05abc")], 1),
        ("DATA with nothing but the flag of padding", vec![open.clone(), frame(frame::DATA, 8, 1, b"")], 6),
        ("HEADERS on stream 0", vec![headers(0, 1, &web)], 1),
        ("HEADERS on an even stream", vec![headers(2, 1, &web)], 1),
        ("HEADERS on a lower stream", vec![headers(5, 1, &web), headers(3, 1, &web)], 1),
        ("HEADERS on a closed stream", vec![closed.clone(), closed.clone()], 5),
        ("HEADERS with more padding than payload", vec![frame(frame::HEADERS, 4 | 8, 1, b"\x05abc")], 1),
        ("HEADERS too short for a priority", vec![frame(frame::HEADERS, 4 | 0x20, 1, b"\0\0\0\0")], 6),
        ("a block that is broken", vec![headers(1, 1, b"\x80")], 9),
        ("a block that ends in a field", vec![headers(1, 1, b"\x82\x40")], 9),
        ("trailers that are broken", vec![open.clone(), headers(1, 1, b"\xbf")], 9),
        ("CONTINUATION out of place", vec![frame(frame::CONTINUATION, 4, 1, &web)], 1),
        ("CONTINUATION behind the end of a block", vec![open.clone(), frame(frame::CONTINUATION, 4, 1, b"")], 1),
        (
            "CONTINUATION of another stream",
            vec![frame(frame::HEADERS, 0, 1, &web), frame(frame::CONTINUATION, 4, 3, b"")],
            1,
        ),
        ("another frame within a block", vec![frame(frame::HEADERS, 0, 1, &web), frame(frame::PING, 0, 0, &[0; 8])], 1),
        ("an unknown frame within a block", vec![frame(frame::HEADERS, 0, 1, &web), frame(0x99, 0, 1, b"")], 1),
        ("HEADERS within a block", vec![frame(frame::HEADERS, 0, 1, &web), headers(3, 1, &web)], 1),
        ("PRIORITY on stream 0", vec![frame(frame::PRIORITY, 0, 0, &[0; 5])], 1),
        ("PRIORITY that is short on an idle stream", vec![frame(frame::PRIORITY, 0, 3, &[0; 4])], 6),
        ("PRIORITY of an idle stream on itself", vec![frame(frame::PRIORITY, 0, 3, &[0, 0, 0, 3, 1])], 1),
        ("RST_STREAM on stream 0", vec![number(frame::RST_STREAM, 0, 8)], 1),
        ("RST_STREAM on an idle stream", vec![number(frame::RST_STREAM, 1, 8)], 1),
        ("RST_STREAM that is short", vec![open.clone(), frame(frame::RST_STREAM, 0, 1, b"\0\0\0")], 6),
        ("SETTINGS on a stream", vec![frame(frame::SETTINGS, 0, 1, b"")], 1),
        ("SETTINGS of 5 octets", vec![frame(frame::SETTINGS, 0, 0, &[0; 5])], 6),
        ("an ACK of SETTINGS with a payload", vec![frame(frame::SETTINGS, 1, 0, &[0; 6])], 6),
        ("ENABLE_PUSH 2", vec![setting(2, 2)], 1),
        ("INITIAL_WINDOW_SIZE 2^31", vec![setting(4, 1 << 31)], 3),
        ("MAX_FRAME_SIZE 16383", vec![setting(5, 16_383)], 1),
        ("MAX_FRAME_SIZE 2^24", vec![setting(5, 1 << 24)], 1),
        (
            "a window of a stream past its limit by SETTINGS",
            vec![setting(4, 0), open.clone(), window(1, i32::MAX as u32), setting(4, 1)],
            3,
        ),
        ("PUSH_PROMISE", vec![open.clone(), frame(frame::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2])], 1),
        ("PING on a stream", vec![frame(frame::PING, 0, 1, &[0; 8])], 1),
        ("PING of 7 octets", vec![frame(frame::PING, 0, 0, &[0; 7])], 6),
        ("GOAWAY on a stream", vec![frame(frame::GOAWAY, 0, 1, &[0; 8])], 1),
        ("GOAWAY of 7 octets", vec![frame(frame::GOAWAY, 0, 0, &[0; 7])], 6),
        ("WINDOW_UPDATE of 3 octets", vec![frame(frame::WINDOW_UPDATE, 0, 0, &[0; 3])], 6),
        ("WINDOW_UPDATE of 0", vec![window(0, 0)], 1),
        ("WINDOW_UPDATE past the limit", vec![window(0, i32::MAX as u32)], 3),
        ("WINDOW_UPDATE on an idle stream", vec![window(1, 1)], 1),
    ];
    for (why, frames, code) in cases {
        let said = answers(frames);
        let last = said.last().unwrap_or_else(|| panic!("{why}: nothing"));
        assert!(last.starts_with("goaway ") && last.ends_with(&format!(" {code}")), "{why}: {said:?}");
    }
}

#[test]
fn the_first_frame_is_settings() {
    for first in
        [frame(frame::PING, 0, 0, &[0; 8]), frame(frame::SETTINGS, 1, 0, b""), check(1, ""), frame(0x99, 0, 0, b"")]
    {
        let mut peer = Peer::new();
        assert_eq!(peer.says(&first), ["settings", "goaway 0 1"]);
        assert!(peer.is_over);
    }
    let mut peer = Peer::new();
    assert_eq!(peer.says(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ["settings", "goaway 0 6"], "another protocol");
}

#[test]
fn errors_of_a_stream_reset_it_and_others_go_on() {
    let self_dependent = [&[0, 0, 0, 1, 16][..], &block(&GRPC)].concat();
    let open = headers(1, 0, &block(&GRPC));
    let waits = [setting(4, 0), headers(1, 1, &block(&WEB))].concat();
    type Case = (&'static str, Vec<Vec<u8>>, &'static [&'static str]);
    let cases: &[Case] = &[
        ("a stream that depends on itself", vec![frame(frame::HEADERS, 4 | 0x20, 1, &self_dependent)], &["reset 1 1"]),
        ("PRIORITY that is short", vec![open.clone(), frame(frame::PRIORITY, 0, 1, &[0; 4])], &["reset 1 6"]),
        (
            "PRIORITY of a stream on itself",
            vec![open.clone(), frame(frame::PRIORITY, 0, 1, &[0, 0, 0, 1, 1])],
            &["reset 1 1"],
        ),
        ("WINDOW_UPDATE of 0", vec![open.clone(), window(1, 0)], &["reset 1 1"]),
        ("WINDOW_UPDATE past the limit", vec![open.clone(), window(1, i32::MAX as u32)], &["reset 1 3"]),
        ("trailers that do not end the stream", vec![open.clone(), headers(1, 0, b"")], &["reset 1 1"]),
        (
            "trailers with a pseudo field",
            vec![open.clone(), headers(1, 1, &block(&[(":method", "POST")]))],
            &["reset 1 1"],
        ),
        (
            "DATA behind the end of the request",
            vec![waits.clone(), data(1, 0, b"x")],
            &["settings ack", "415 1", "reset 1 5"],
        ),
        (
            "HEADERS behind the end of the request",
            vec![waits, headers(1, 1, b"")],
            &["settings ack", "415 1", "reset 1 5"],
        ),
    ];
    for (why, frames, want) in cases {
        let said = answers(&[&frames[..], &[frame(frame::PING, 0, 0, b"and on?!")]].concat());
        assert_eq!(said, [want, &["pong and on?!"][..]].concat(), "{why}");
    }
    let said = answers(&[check(1, ""), data(1, 0, b"late")]);
    assert_eq!(said.last().unwrap(), "reset 1 5", "DATA on a stream that is over");
}

#[test]
fn frames_that_mean_nothing_are_ignored() {
    for ignored in [
        frame(0x99, 0xff, 0, b"any"),
        frame(0x99, 0xff, 7, b""),
        frame(frame::PRIORITY, 0, 9, &[0, 0, 0, 1, 1]),
        frame(frame::PING, 1, 0, &[0; 8]),
        frame(frame::SETTINGS, 1, 0, b""),
        frame(frame::GOAWAY, 0, 0, &[0; 30]),
        window(0, 1),
    ] {
        assert_eq!(answers(&[ignored, check(1, "")]).len(), 3);
    }
    // Of a stream that we have reset, whatever was on its way; its fields still count for the table.
    let refused = headers(1, 0, &block(&to("/x")));
    let kept = block(&[("x", "y")]).into_iter().collect::<Vec<_>>();
    let kept = [&[0x40][..], &kept[1..]].concat();
    let late = [
        refused,
        headers(3, 1, &block(&WEB)),
        data(1, 0, b"late"),
        headers(1, 1, &kept),
        window(1, 1),
        number(frame::RST_STREAM, 1, 8),
    ];
    let said = answers(&[&late[..], &[headers(5, 1, &[&block(&WEB)[..], b"\xbe"].concat())]].concat());
    assert_eq!(said.len(), 6, "{said:?}");
}

#[test]
fn content_comes_as_the_windows_let_it() {
    // Of the stream: three octets, then one, then the rest; trailers need no window.
    let mut peer = Peer::ready();
    assert_eq!(peer.says(&[setting(4, 3), check(1, "")].concat()), ["settings ack", "head 1", r"data 1 \x00\x00\x00"]);
    assert_eq!(peer.says(&window(1, 1)), [r"data 1 \x00"]);
    assert_eq!(peer.says(&setting(4, 2)), ["settings ack"], "below zero");
    assert_eq!(peer.says(&window(1, 1)), [""; 0], "at zero");
    assert_eq!(peer.says(&setting(4, 3)), ["settings ack", r"data 1 \x02"]);
    assert_eq!(peer.says(&window(1, 100)), [r"data 1 \x08\x01", "ok 1"]);
    // Of the connection, which all streams share and which lasts.
    let mut peer = Peer::ready();
    let sent = 65_535 / 7;
    for at in 0..sent {
        let said = peer.says(&check(2 * at + 1, ""));
        assert_eq!(said.iter().filter(|word| !word.starts_with("window")).count(), 3, "{at}: {said:?}");
    }
    let (next, other) = (2 * sent + 1, 2 * sent + 3);
    assert_eq!(
        peer.says(&check(next, "")).iter().filter(|word| !word.starts_with("window")).count(),
        2,
        "one octet and no trailers"
    );
    assert_eq!(peer.says(&check(other, "")).last().unwrap(), &format!("head {other}"));
    let said = peer.says(&window(0, 13));
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(peer.session.is_idle());
}

#[test]
fn a_client_gets_back_what_it_has_sent() {
    let mut peer = Peer::ready();
    let mut given = 0;
    for at in 0..4000u32 {
        for word in peer.says(&check(2 * at + 1, "")) {
            given += word.strip_prefix("window 0 ").map_or(0, |more| more.parse::<u32>().unwrap());
        }
    }
    assert!(28_000 - given < 16 * 1024, "{given} of 28000");
    // Padding and what is thrown away count as well.
    let mut peer = Peer::ready();
    let large = [&[200][..], &[0; 16_383]].concat();
    let said =
        peer.says(&[headers(1, 0, &block(&WEB)), frame(frame::DATA, 8, 1, &large), data(1, 0, &[0; 16_384])].concat());
    let windows: Vec<_> = said.iter().filter(|word| word.starts_with("window")).collect();
    assert_eq!(windows, ["window 0 16384", "window 0 16384"]);
}

#[test]
fn no_more_streams_than_allowed_and_those_of_hung_calls_count() {
    let mut peer = Peer::ready();
    peer.leaves = true;
    for at in 0..128 {
        assert_eq!(peer.says(&check(2 * at + 1, "")), [""; 0]);
        peer.session.hang(2 * at + 1, peer.now);
    }
    assert_eq!(peer.says(&check(257, "")), ["reset 257 7"]);
    assert_eq!(peer.says(&[number(frame::RST_STREAM, 1, 8), check(259, "")].concat()), [""; 0]);
    assert_eq!(peer.calls.len(), 129);
}

/// Each kind of flood is ended before it has cost much; what it takes is in the rows.
#[test]
fn floods_end_with_enhance_your_calm() {
    let reset = |at: u32| [headers(2 * at + 1, 0, &block(&GRPC)), number(frame::RST_STREAM, 2 * at + 1, 8)].concat();
    let made = |at: u32| [headers(2 * at + 1, 0, &block(&GRPC)), window(2 * at + 1, 0)].concat();
    let first = |at: u32, frame: Vec<u8>| if at == 0 { [headers(1, 0, &block(&GRPC)), frame].concat() } else { frame };
    type Flood<'f> = (&'f str, &'f dyn Fn(u32) -> Vec<u8>, u32);
    let floods: &[Flood<'_>] = &[
        ("PING", &|_| frame(frame::PING, 0, 0, &[0; 8]), 2000),
        ("ACKs of PING", &|_| frame(frame::PING, 1, 0, &[0; 8]), 2000),
        ("SETTINGS", &|_| settings(), 2000),
        ("PRIORITY", &|at| frame(frame::PRIORITY, 0, 2 * at + 1, &[0, 0, 0, 0, 1]), 2000),
        ("WINDOW_UPDATE", &|_| window(0, 1), 2000),
        ("unknown", &|_| frame(0x99, 0, 0, b"x"), 2000),
        ("empty DATA", &|at| first(at, data(1, 0, b"")), 2000),
        ("resets", &reset, 200),
        ("made resets", &made, 96),
        (
            "empty CONTINUATION",
            &|at| frame(if at == 0 { frame::HEADERS } else { frame::CONTINUATION }, 0, 1, b""),
            2000,
        ),
        ("CONTINUATION", &|at| frame(if at == 0 { frame::HEADERS } else { frame::CONTINUATION }, 0, 1, &[0; 1000]), 16),
    ];
    for (why, make, most) in floods {
        let mut peer = Peer::ready();
        let ended = (0..10_000).find(|&at| peer.says(&make(at)).last().is_some_and(|word| word.ends_with(" 11")));
        let ended = ended.unwrap_or_else(|| panic!("{why}: goes on"));
        assert!((most - most / 10..=*most).contains(&ended), "{why}: ended by number {ended}");
        assert!(peer.is_over);
    }
}

#[test]
fn those_that_get_answers_may_ask_for_ever() {
    // What the C core sends for each call: windows, a PING, and now and then SETTINGS.
    let mut peer = Peer::ready();
    for at in 0..20_000 {
        let call = [
            check(2 * at + 1, ""),
            window(2 * at + 1, 5),
            window(0, 7),
            frame(frame::PING, 0, 0, &[0; 8]),
            frame(frame::PING, 1, 0, &[0; 8]),
        ];
        peer.says(&call.concat());
        assert!(!peer.is_over, "{at}");
    }
    // A hundred frames a second that carry nothing.
    let mut peer = Peer::ready();
    for _ in 0..10_000 {
        peer.after(Duration::from_millis(10));
        peer.says(&frame(frame::PING, 0, 0, &[0; 8]));
    }
    assert!(!peer.is_over);
}

#[test]
fn long_lists_of_fields_are_refused_and_cost_little() {
    // References to one large entry: 128 KiB as text, 4000 octets on the wire.
    let mut peer = Peer::ready();
    let large = [&block(&GRPC)[..], b"\x40\x01x\x7f\x81\x17", &[b'y'; 3072]].concat();
    assert_eq!(peer.says(&headers(1, 0, &large)), [""; 0]);
    let bomb = [block(&GRPC), vec![0xbe; 4000]].concat();
    assert_eq!(peer.says(&headers(3, 0, &bomb)), ["status 8 on 3", "reset 3 0"]);
    assert_eq!(peer.refused, [431]);
    peer.session.shrink();
    assert!(peer.session.held() < 2000, "{}", peer.session.held());
}

#[test]
fn a_watch_tells_a_state_each_time_it_changes_and_the_newest_when_it_can() {
    let second = Duration::from_secs(1);
    let watch = |id, service: &str| {
        [headers(id, 0, &block(&to("/grpc.health.v1.Health/Watch"))), data(id, 1, &named(service))].concat()
    };
    let mut peer = Peer::ready();
    peer.leaves = true;
    assert_eq!(peer.says(&watch(1, "readiness")), [""; 0]);
    let look = |peer: &mut Peer, state, after| {
        let call = peer.calls.pop().expect("it looks");
        assert_eq!((call.method, call.check), (Method::Watch, Some(Check::Ready)));
        peer.session.answer(call.stream, Verdict::State(state), peer.now);
        let said = told(&std::mem::take(&mut peer.session.output));
        assert_eq!(peer.session.next_time(), Some(peer.now + second));
        assert_eq!(peer.after(after), [""; 0]);
        said
    };
    let (serving, not_serving) = (format!("data 1 {SERVING}"), format!("data 1 {NOT_SERVING}"));
    assert!(!peer.calls[0].is_look);
    assert_eq!(look(&mut peer, State::NotServing, second), ["head 1", &not_serving]);
    assert!(peer.calls[0].is_look);
    assert_eq!(look(&mut peer, State::NotServing, second), [""; 0]);
    assert_eq!(look(&mut peer, State::Serving, second), [serving.as_str()]);
    // One octet of a state, and the newest of those behind it.
    assert_eq!(peer.says(&setting(4, 15)), ["settings ack"]);
    assert_eq!(look(&mut peer, State::NotServing, second), [r"data 1 \x00"]);
    assert_eq!(look(&mut peer, State::Serving, second), [""; 0]);
    assert_eq!(look(&mut peer, State::NotServing, second), [""; 0]);
    assert_eq!(look(&mut peer, State::Serving, second), [""; 0]);
    assert_eq!(peer.says(&window(1, 100)), [r"data 1 \x00\x00\x00\x02\x08\x02", &serving]);
    // A look that hangs is followed by another.
    peer.calls.clear();
    peer.session.hang(1, peer.now);
    assert_eq!(peer.after(second), [""; 0]);
    assert_eq!(look(&mut peer, State::NotServing, Duration::ZERO), [not_serving.as_str()]);
    assert!(!peer.session.is_idle());
    // Nobody looks for a name that no service has, and the call stays open.
    assert_eq!(peer.says(&number(frame::RST_STREAM, 1, 8)), [""; 0]);
    peer.leaves = false;
    assert_eq!(peer.says(&watch(3, "nobody")), ["head 3", &format!("data 3 {UNKNOWN}")]);
    assert_eq!(peer.session.next_time(), None);
    assert_eq!(peer.after(60 * second), [""; 0]);
    assert!(!peer.session.is_idle() && !peer.is_over);
}

#[test]
fn delayed_and_hung_calls_hold_their_stream_alone() {
    let second = Duration::from_secs(1);
    let mut peer = Peer::ready();
    peer.leaves = true;
    peer.says(&[check(1, ""), check(3, "live")].concat());
    peer.session.delay(1, peer.now + 2 * second, 42);
    peer.session.hang(3, peer.now);
    peer.calls.clear();
    peer.leaves = false;
    assert_eq!(peer.says(&check(5, "")).len(), 3, "others go on");
    assert_eq!(peer.session.next_time(), Some(peer.now + 2 * second));
    peer.leaves = true;
    assert_eq!(peer.after(2 * second), [""; 0]);
    assert_eq!(peer.calls.iter().map(|call| (call.stream, call.held)).collect::<Vec<_>>(), [(1, Some(42))]);
    peer.session.answer(1, Verdict::State(State::Serving), peer.now);
    assert_eq!(told(&std::mem::take(&mut peer.session.output)).len(), 3);
    assert_eq!(peer.session.next_time(), None);
    assert!(!peer.session.is_idle(), "one hangs");
    // A client that gives up takes its call along.
    peer.says(&check(7, ""));
    peer.session.delay(7, peer.now + second, 43);
    assert_eq!(peer.says(&[number(frame::RST_STREAM, 7, 8), number(frame::RST_STREAM, 3, 8)].concat()), [""; 0]);
    assert_eq!(peer.after(second), [""; 0]);
    assert!(peer.session.is_idle());
}

#[test]
fn what_is_incomplete_has_ten_seconds() {
    let (just, second) = (Duration::from_millis(9_999), Duration::from_millis(1));
    for (input, why) in [
        (&settings()[..8], "half a frame's head"),
        (&[&settings()[..], &frame(frame::PING, 0, 0, &[0; 8])[..16]].concat(), "half a frame"),
        (&[settings(), frame(frame::HEADERS, 0, 1, &block(&WEB))].concat(), "half a block"),
        (&b""[..], "no SETTINGS at all"),
    ] {
        let mut peer = Peer::new();
        peer.says(input);
        assert_eq!(peer.session.next_time(), Some(peer.now + just + second), "{why}");
        assert_eq!(peer.after(just), [""; 0], "{why}");
        peer.says(b"");
        assert_eq!(peer.after(second), ["goaway 0 0"], "{why}");
        assert!(peer.is_over);
    }
    // A frame that ends in time leaves the next one its own.
    let mut peer = Peer::ready();
    let ping = frame(frame::PING, 0, 0, &[0; 8]);
    for _ in 0..5 {
        peer.says(&ping[..9]);
        assert_eq!(peer.after(just), [""; 0]);
        assert_eq!(peer.says(&ping[9..]).len(), 1);
    }
    assert_eq!(peer.session.next_time(), None);
    // A message costs its stream alone.
    let mut peer = Peer::ready();
    peer.says(&headers(1, 0, &block(&GRPC)));
    peer.after(just);
    assert_eq!(peer.says(&data(1, 0, b"\0\0\0")), [""; 0]);
    assert_eq!(peer.after(second), ["status 4 on 1", "reset 1 0"]);
    assert_eq!(peer.refused, [408]);
    // An answer that its client lets nothing through of, too.
    let mut peer = Peer::ready();
    peer.says(&[setting(4, 0), check(1, "")].concat());
    assert_eq!(peer.after(just), [""; 0]);
    assert_eq!(peer.after(second), ["reset 1 8"]);
    assert!(peer.session.is_idle());
}

#[test]
fn a_session_that_closes_finishes_what_it_has_and_takes_nothing_new() {
    let second = Duration::from_secs(1);
    let watch =
        |id| [headers(id, 0, &block(&to("/grpc.health.v1.Health/Watch"))), data(id, 1, &named("ready"))].concat();
    let mut peer = Peer::ready();
    peer.says(&watch(1));
    peer.leaves = true;
    peer.says(&[check(3, ""), check(5, ""), watch(7)].concat());
    peer.session.delay(3, peer.now + second, 1);
    peer.session.hang(5, peer.now);
    peer.session.hang(7, peer.now);
    peer.says(&headers(9, 0, &block(&GRPC)));
    peer.session.close();
    let mut said = told(&std::mem::take(&mut peer.session.output));
    said.sort_unstable();
    assert_eq!(said, ["goaway 9 0", "status 14 on 1", "status 14 on 7"]);
    assert!(!peer.session.is_over());
    // What has crossed the GOAWAY is not answered; what was received is.
    peer.leaves = false;
    assert_eq!(peer.says(&check(11, "")), [""; 0]);
    assert_eq!(peer.says(&[data(9, 1, &named("")), frame(frame::PING, 0, 0, b"12345678")].concat()).len(), 4);
    assert!(!peer.session.is_over());
    assert_eq!(peer.after(second).len(), 3);
    assert!(peer.session.is_over(), "what hangs is not waited for");
    peer.session.close();
    assert!(peer.session.output.is_empty(), "it says so once");
}

#[test]
fn an_idle_connection_keeps_little() {
    let mut peer = Peer::ready();
    let fields =
        [&block(&GRPC)[..], b"\x7a\x26kube-probe/1.34 grpc-go/1.72.1 and more", b"\x40\x0cgrpc-timeout\x07998363u"]
            .concat();
    peer.says(&[headers(1, 0, &fields), data(1, 1, &named(""))].concat());
    assert_eq!(peer.session.agent(), b"kube-probe/1.34");
    assert!(peer.session.is_idle());
    peer.session.shrink();
    assert!(peer.session.held() <= 448, "{}", peer.session.held());
}

#[test]
fn the_probe_is_named_by_x_probe_and_else_by_user_agent() {
    let mut peer = Peer::ready();
    let call = |id, more: &[(&'static str, &'static str)]| {
        [headers(id, 0, &with(&GRPC, more)), data(id, 1, &named(""))].concat()
    };
    peer.says(&call(1, &[("user-agent", "go"), ("x-probe", "live")]));
    assert_eq!(peer.session.agent(), b"live");
    peer.says(&call(3, &[]));
    assert_eq!(peer.session.agent(), b"go");
}
