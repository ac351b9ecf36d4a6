//! One connection to a server under test. Every answer that passes through here is held to what holds for all answers
//! (rows 90, 91, 92 and 95 of the checklist), and every failure shows both sides of the conversation and the log.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, Server};

pub(crate) struct Client<'s> {
    server: &'s Server,
    pub(crate) stream: TcpStream,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// How much of `received` was already handed out as answers.
    taken: usize,
}

impl<'s> Client<'s> {
    pub(crate) fn connect(server: &'s Server) -> io::Result<Client<'s>> {
        let stream = TcpStream::connect(server.address())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client { server, stream, sent: Vec::new(), received: Vec::new(), taken: 0 })
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        if let Err(error) = self.try_send(bytes) {
            self.fail(&format!("cannot send: {error}"));
        }
        self
    }

    /// For bytes the server may refuse to take.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.sent.extend_from_slice(bytes.as_ref());
        self.stream.write_all(bytes.as_ref())
    }

    /// Says that nothing more will be sent; answers can still come.
    pub(crate) fn finish_sending(&mut self) -> &mut Self {
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    /// Sends one request and takes its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        let is_head = request.as_ref().starts_with(b"HEAD ");
        self.send(request);
        self.answer(is_head)
    }

    /// The next answer, to anything but HEAD.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        self.answer(false)
    }

    #[track_caller]
    pub(crate) fn head_response(&mut self) -> Response {
        self.answer(true)
    }

    #[track_caller]
    fn answer(&mut self, is_head: bool) -> Response {
        match self.try_answer(is_head) {
            Ok(response) => response,
            Err(problem) => self.fail(&problem),
        }
    }

    pub(crate) fn try_answer(&mut self, is_head: bool) -> Result<Response, String> {
        loop {
            if let Some((response, length)) = Response::parse(&self.received[self.taken..], is_head)? {
                self.taken += length;
                return Ok(response);
            }
            match self.read_some() {
                Ok(0) => return Err("end of file instead of a whole answer".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(format!("no whole answer: {error}")),
            }
        }
    }

    /// The connection ends here, in order (end of file, not a reset) and without another byte.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        if let Err(problem) = self.try_end() {
            self.fail(&problem);
        }
    }

    pub(crate) fn try_end(&mut self) -> Result<(), String> {
        loop {
            match self.read_some() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(format!("no orderly end: {error}")),
            }
        }
        let rest = &self.received[self.taken..];
        if rest.is_empty() { Ok(()) } else { Err(format!("{} bytes before the end", rest.len())) }
    }

    /// Waits for the end however it comes, in order or by a reset.
    pub(crate) fn wait_for_any_end(&mut self) {
        while matches!(self.read_some(), Ok(1..)) {}
    }

    /// True when something (bytes, end or reset) has come by then. Nothing is taken.
    pub(crate) fn has_news_within(&mut self, time: Duration) -> bool {
        let _ = self.stream.set_read_timeout(Some(time));
        let news = uninterrupted(|| self.stream.peek(&mut [0]));
        let _ = self.stream.set_read_timeout(Some(PATIENCE));
        !news.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 64 << 10];
        let began = Instant::now();
        let count = match uninterrupted(|| self.stream.read(&mut buffer)) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(io::Error::other(format!("silence for {:?}", began.elapsed())));
            }
            Err(error) => return Err(error),
        };
        self.received.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    #[track_caller]
    pub(crate) fn fail(&self, problem: &str) -> ! {
        panic!("{problem}\n{}\n{}", self.transcript(), self.server)
    }

    pub(crate) fn transcript(&self) -> String {
        format!("--- sent\n{}\n--- received\n{}", show(&self.sent), show(&self.received))
    }
}

/// Receiving with a time limit is not begun again by the kernel where it was interrupted (signal(7)), be it by nothing to be told of.
fn uninterrupted<T>(mut receive: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match receive() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Bytes as one can read them, a line of theirs on a line of ours; the middle of long ones left out.
pub(crate) fn show(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let lines = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\n", "\\n\n");
    if bytes.len() <= MOST {
        return lines(bytes);
    }
    let (first, last) = (&bytes[..MOST / 2], &bytes[bytes.len() - MOST / 2..]);
    format!("{}\n[... {} bytes in all ...]\n{}", lines(first), bytes.len(), lines(last))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first answer in these bytes and its length, none while incomplete, or what is wrong with it.
    fn parse(bytes: &[u8], is_head: bool) -> Result<Option<(Response, usize)>, String> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "head is not text".to_owned())?;
        let mut lines = head.split("\r\n");
        let (status, reason) = parse_status_line(lines.next().unwrap_or_default())?;
        let fields = lines.map(parse_field).collect::<Result<Vec<_>, _>>()?;
        let mut response = Response { status, reason, fields, body: Vec::new() };
        let body_length = response.check_head()?;
        let start = end + 4;
        let length = if is_head { start } else { start + body_length };
        if bytes.len() < length {
            return Ok(None);
        }
        response.body = bytes[start..length].to_vec();
        Ok(Some((response, length)))
    }

    /// What every answer must have; gives the length of the content.
    fn check_head(&self) -> Result<usize, String> {
        if (100..200).contains(&self.status) {
            return if self.fields.is_empty() { Ok(0) } else { Err("fields in an interim answer".to_owned()) };
        }
        if !self.field("date").is_some_and(is_http_date) {
            return Err(format!("not an HTTP date: {:?}", self.field("date")));
        }
        if self.field("server") != Some("probeserver") {
            return Err("no Server field".to_owned());
        }
        if self.field("transfer-encoding").is_some() {
            return Err("Transfer-Encoding in an answer".to_owned());
        }
        match (self.status, self.field("content-length")) {
            (204 | 304, None) => Ok(0),
            (204 | 304, Some(_)) => Err("Content-Length where no content can be".to_owned()),
            (_, Some(length)) => length.parse().map_err(|_| format!("Content-Length: {length:?}")),
            (_, None) => Err("no Content-Length".to_owned()),
        }
    }

    /// The value of the only field of that (lower-case) name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() { Some("(more than one)") } else { value }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap_or_else(|_| show(&self.body))
    }

    /// Whether the server said that the connection ends after this answer.
    pub(crate) fn closes(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: u16, body: &str) {
        let got = (self.status, self.text());
        assert_eq!(got, (status, body.to_owned()), "{self:#?}");
    }

    /// A refusal of what a request asks for: one line of plain text, which may say what was expected instead.
    #[track_caller]
    pub(crate) fn expect_refusal(&self, status: u16) {
        let text = self.text();
        assert_eq!((self.status, text.lines().count(), text.ends_with('\n')), (status, 1, true), "{self:#?}");
        assert_eq!(self.field("content-type"), Some("text/plain; charset=utf-8"), "{self:#?}");
    }

    /// Status and body of an error: its own line, as plain text.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16) {
        self.expect(status, &format!("{status} {}\n", self.reason));
        assert_eq!(self.field("content-type"), Some("text/plain; charset=utf-8"), "{self:#?}");
    }
}

fn parse_status_line(line: &str) -> Result<(u16, String), String> {
    let bad = || format!("not a status line: {line:?}");
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or_else(bad)?;
    let (status, reason) = rest.split_once(' ').ok_or_else(bad)?;
    let status = status.parse().ok().filter(|status| (100..600).contains(status)).ok_or_else(bad)?;
    Ok((status, reason.to_owned()))
}

fn parse_field(line: &str) -> Result<(String, String), String> {
    let bad = || format!("not a field line: {line:?}");
    let (name, value) = line.split_once(": ").ok_or_else(bad)?;
    let is_token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !name.is_empty();
    let is_value = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_token && is_value { Ok((name.to_owned(), value.to_owned())) } else { Err(bad()) }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn is_http_date(text: &str) -> bool {
    let shape = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, like)| match like {
            b'A' | b'a' => byte.is_ascii_alphabetic() && byte.is_ascii_uppercase() == like.is_ascii_uppercase(),
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        })
}
