//! Tables of requests and what each must get, checked against one server; the numbers are the rows of the checklist.
//! A connection that must go on is asked again; one that must close is also tried with a `GET /crash` smuggled behind
//! the request, which must never be taken for a request of its own.

use crate::client::{Response, show};
use crate::harness::{Server, get};

pub(crate) struct Case {
    row: u32,
    send: Vec<u8>,
    /// The statuses that will do, the chosen one alone wherever a choice was made.
    want: &'static [u16],
    closes: bool,
}

/// The request is answered and the connection goes on.
pub(crate) fn keeps(row: u32, send: impl AsRef<[u8]>, want: &'static [u16]) -> Case {
    Case { row, send: send.as_ref().to_vec(), want, closes: false }
}

/// The request is answered and the connection ends.
pub(crate) fn closes(row: u32, send: impl AsRef<[u8]>, want: &'static [u16]) -> Case {
    Case { row, send: send.as_ref().to_vec(), want, closes: true }
}

/// `GET /` with this request line instead.
pub(crate) fn line(request_line: &str) -> String {
    format!("{request_line}\r\nHost: a\r\n\r\n")
}

/// `GET /` with these field lines (each with its line end) besides Host.
pub(crate) fn with(field_lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{field_lines}\r\n")
}

/// `GET /` with this value of Host.
pub(crate) fn host(value: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n")
}

/// `POST /echo` with this content in chunks, the framing of each written out by the test.
pub(crate) fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    [head.as_bytes(), body.as_ref()].concat()
}

/// Checks every case before it complains about any.
#[track_caller]
pub(crate) fn check(cases: &[Case]) {
    let server = Server::start(&[]);
    let mut failures = Vec::new();
    for case in cases {
        if let Err(problem) = case.try_on(&server) {
            let Case { row, send, want, closes } = case;
            let then = if *closes { "closed" } else { "kept" };
            failures.push(format!("row {row}: want {want:?} and the connection {then}: {problem}\n{}", show(send)));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}\n{server}", failures.len(), cases.len(), failures.join("\n"));
}

impl Case {
    fn try_on(&self, server: &Server) -> Result<(), String> {
        self.converse(server, b"")?;
        if self.closes && self.send.windows(4).any(|window| window == b"\r\n\r\n") {
            self.converse(server, get("/crash").as_bytes())
                .map_err(|problem| format!("with /crash behind: {problem}"))?;
            let mut client = server.connect();
            client.try_send(get("/version")).map_err(|error| format!("then unreachable: {error}"))?;
            client.try_answer(false).map_err(|problem| format!("then unwell: {problem}"))?;
        }
        Ok(())
    }

    fn converse(&self, server: &Server, behind: &[u8]) -> Result<(), String> {
        let mut client = server.connect();
        client.try_send([&self.send, behind].concat()).map_err(|error| format!("cannot send: {error}"))?;
        let response = client.try_answer(self.send.starts_with(b"HEAD "))?;
        self.judge(&response)?;
        if self.closes {
            return client.try_end().map_err(|problem| format!("{} then {problem}", response.status));
        }
        client.try_send(get("/version")).map_err(|error| format!("next request: {error}"))?;
        match client.try_answer(false)?.status {
            200 => Ok(()),
            status => Err(format!("next request got {status}")),
        }
    }

    fn judge(&self, response: &Response) -> Result<(), String> {
        if !self.want.contains(&response.status) {
            return Err(format!("got {}", response.status));
        }
        match (self.closes, response.closes()) {
            (true, false) => Err(format!("{} without Connection: close", response.status)),
            (false, true) => Err(format!("{} with Connection: close", response.status)),
            _ => Ok(()),
        }
    }
}
