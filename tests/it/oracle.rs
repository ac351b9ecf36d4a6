//! A second opinion on requests, written from RFC 9112 and apart from the server's parser: slow, plain, and strict.
//!
//! Of every input it says one of four things: it means exactly this and there is no reason to refuse it; a server may
//! refuse it, but if not, it means exactly this; nobody may act on it; it is not all there. Limits on lengths are left to
//! the server's own tests: near them an input counts as one that may be refused.

/// Lengths from which a server may say that it is too much.
const LONG_LINE: usize = 8000;
const LONG_HEAD: usize = 16_000;
const LONG_CONTENT: u64 = 64 * 1024;
const MOST_CONTENT: u64 = 1024 * 1024;
const LONG_EXTENSIONS: usize = 4000;
const LONG_TRAILERS: usize = 8000;

#[derive(Debug)]
pub(crate) enum Reading<T> {
    /// It means this.
    Clear(T),
    /// It means this, or it is refused.
    Doubtful(T),
    /// It is refused.
    Refused,
    /// More has to come, or it is refused already.
    Partial,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// From the first slash to before `?`.
    pub(crate) path: String,
    pub(crate) framing: Framing,
    /// Whether the connection goes on (section 9.3).
    pub(crate) persists: bool,
    pub(crate) expects_continue: bool,
    /// Octets up to the content.
    pub(crate) length: usize,
}

/// A whole request: its head, its content, and how many octets it is.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) content: Vec<u8>,
    pub(crate) length: usize,
}

impl<T> Reading<T> {
    fn of(value: T, is_clear: bool) -> Self {
        if is_clear { Self::Clear(value) } else { Self::Doubtful(value) }
    }
}

/// Lines as CRLF ends them; what else is in them is for others to see.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        found.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    found.push(rest);
    found
}

fn is_token(bytes: &[u8]) -> bool {
    let is_special = |byte| "!#$%&'*+-.^_`|~".contains(char::from(byte));
    !bytes.is_empty() && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || is_special(byte))
}

/// field-line = token ":" OWS value OWS (section 5), without line folding.
fn field_line(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_text = value.iter().all(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f);
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    (is_token(name) && is_text).then(|| (String::from_utf8_lossy(name).to_lowercase(), &value[start..end]))
}

/// `Some(true)`: a plain `host [":" port]`; `Some(false)`: one by the letter of RFC 3986, or nearly; `None`: none.
fn authority(value: &str) -> Option<bool> {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let (host, port) = value.split_once(':').unwrap_or((value, "80"));
    let is_plain_port = port.parse::<u16>().is_ok_and(|number| number > 0) && !port.starts_with('+');
    if host.split('.').all(is_label) && is_plain_port {
        return Some(true);
    }
    let is_possible = |byte: u8| byte.is_ascii_alphanumeric() || "-._~!$&'()*+;=%:[]".contains(char::from(byte));
    (!value.is_empty() && value.bytes().all(is_possible) && !host.is_empty()).then_some(false)
}

/// The path of a target (section 3.2), and whether there is no doubt about it.
fn path_of(target: &str, method: &str) -> Option<(String, bool)> {
    let mut is_clear = true;
    if target == "*" {
        return (method == "OPTIONS").then(|| ("*".to_owned(), true));
    }
    let scheme = target.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let path = match scheme {
        Some(scheme) => {
            let rest = &target[scheme.len()..];
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            is_clear &= authority(&rest[..end])?;
            &rest[end..]
        }
        None if target.starts_with('/') => target,
        None => return None,
    };
    let bytes = path.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => {
                let digits =
                    path.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
                // Octets that nobody means.
                is_clear &= !["00", "0a", "0d"].contains(&digits.to_lowercase().as_str());
            }
            b'[' | b']' => is_clear = false,
            _ if byte.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?".contains(char::from(byte)) => {}
            _ => return None,
        }
    }
    let path = path.split('?').next().unwrap_or_default();
    Some((if path.is_empty() { "/".to_owned() } else { path.to_owned() }, is_clear))
}

/// What the head at the start of the input says.
pub(crate) fn head(input: &[u8]) -> Reading<Head> {
    let empty_lines = input.chunks(2).take_while(|pair| pair == b"\r\n").count();
    let start = 2 * empty_lines;
    let Some(end) = input[start..].windows(4).position(|end| end == b"\r\n\r\n") else {
        return Reading::Partial;
    };
    let length = start + end + 4;
    match whole_head(&input[start..start + end], length) {
        Some((head, is_clear)) => Reading::of(head, is_clear && empty_lines <= 8 && length < LONG_HEAD),
        None => Reading::Refused,
    }
}

fn whole_head(bytes: &[u8], length: usize) -> Option<(Head, bool)> {
    let lines = lines(bytes);
    let (request_line, fields) = lines.split_first()?;
    let mut is_clear = request_line.len() < LONG_LINE;
    let words: Vec<&str> = std::str::from_utf8(request_line).ok()?.split(' ').collect();
    let [method, target, version] = words[..] else { return None };
    let is_http10 = match version {
        "HTTP/1.0" => true,
        "HTTP/1.1" => false,
        _ => return None,
    };
    // A method that is not known here is refused by its name (501).
    if !["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"].contains(&method) {
        return None;
    }
    let (path, is_clear_path) = path_of(target, method)?;
    is_clear &= is_clear_path;
    let fields: Vec<(String, &[u8])> = fields.iter().map(|line| field_line(line)).collect::<Option<_>>()?;
    if fields.len() > 64 {
        return None;
    }
    let all = |name: &'static str| fields.iter().filter(move |field| field.0 == name).map(|field| field.1);
    // Section 3.2: one Host, and a proper one; HTTP/1.0 may come without.
    let hosts: Vec<&[u8]> = all("host").collect();
    match hosts[..] {
        [host] => is_clear &= authority(std::str::from_utf8(host).ok()?)?,
        [] if is_http10 => {}
        _ => return None,
    }
    // RFC 9110 section 10.1.1: any other expectation may be refused.
    is_clear &= all("expect").all(|value| value.eq_ignore_ascii_case(b"100-continue"));
    let framing = framing(&all("content-length").collect::<Vec<_>>(), &all("transfer-encoding").collect::<Vec<_>>())?;
    match framing {
        Framing::Length(length) => is_clear &= length <= MOST_CONTENT,
        Framing::Chunked if is_http10 => return None,
        _ => {}
    }
    let options: Vec<String> = all("connection")
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(|option| String::from_utf8_lossy(option).trim_matches([' ', '\t']).to_lowercase())
        .collect();
    let has = |option: &str| options.iter().any(|found| found == option);
    let head = Head {
        method: method.to_owned(),
        path,
        framing,
        persists: !has("close") && (!is_http10 || has("keep-alive")),
        expects_continue: !is_http10 && all("expect").next().is_some(),
        length,
    };
    Some((head, is_clear))
}

/// Section 6.3; what it lets a server repair is refused instead.
fn framing(lengths: &[&[u8]], codings: &[&[u8]]) -> Option<Framing> {
    match (lengths, codings) {
        ([], []) => Some(Framing::None),
        ([length], []) => {
            let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(length).ok().filter(|_| is_number)?.parse().ok()?;
            Some(if number == 0 { Framing::None } else { Framing::Length(number) })
        }
        ([], [coding]) => coding.eq_ignore_ascii_case(b"chunked").then_some(Framing::Chunked),
        _ => None,
    }
}

/// The content behind a head, and how many octets it took.
pub(crate) fn content(framing: Framing, input: &[u8]) -> Reading<(Vec<u8>, usize)> {
    match framing {
        Framing::None => Reading::Clear((Vec::new(), 0)),
        Framing::Length(length) => match usize::try_from(length).ok().and_then(|length| input.get(..length)) {
            Some(content) => Reading::of((content.to_vec(), content.len()), length <= LONG_CONTENT),
            None => Reading::Partial,
        },
        Framing::Chunked => chunked(input),
    }
}

/// Section 7.1.
fn chunked(input: &[u8]) -> Reading<(Vec<u8>, usize)> {
    let line_at = |at: usize| {
        let length = input[at..].windows(2).position(|pair| pair == b"\r\n")?;
        Some((&input[at..at + length], at + length + 2))
    };
    let (mut content, mut at, mut is_clear, mut extensions_seen) = (Vec::new(), 0, true, 0);
    loop {
        let Some((line, next)) = line_at(at) else { return Reading::Partial };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = std::str::from_utf8(&line[..digits]).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let (Some(size), Some(is_plain)) = (size.filter(|_| digits <= 16), extensions(&line[digits..])) else {
            return Reading::Refused;
        };
        extensions_seen += line.len() - digits;
        is_clear &= is_plain && extensions_seen < LONG_EXTENSIONS;
        at = next;
        if size == 0 {
            break;
        }
        let Some(end) = usize::try_from(size).ok().and_then(|size| at.checked_add(size)) else {
            return Reading::Partial;
        };
        let Some(after) = end.checked_add(2).filter(|&after| after <= input.len()) else { return Reading::Partial };
        content.extend_from_slice(&input[at..end]);
        if &input[end..after] != b"\r\n" {
            return Reading::Refused;
        }
        at = after;
    }
    let trailers = at;
    loop {
        let Some((line, next)) = line_at(at) else { return Reading::Partial };
        at = next;
        if line.is_empty() {
            let is_short = at - trailers < LONG_TRAILERS && content.len() as u64 <= LONG_CONTENT;
            return Reading::of((content, at), is_clear && is_short);
        }
        if field_line(line).is_none() {
            return Reading::Refused;
        }
    }
}

/// chunk-ext (section 7.1.1). `Some(false)`: with white space, which a recipient should bear and may not.
fn extensions(mut rest: &[u8]) -> Option<bool> {
    fn skip<'b>(rest: &'b [u8], is_plain: &mut bool) -> &'b [u8] {
        let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        *is_plain &= spaces == 0;
        &rest[spaces..]
    }
    let token = |rest: &[u8]| (0..rest.len()).take_while(|&at| is_token(&rest[at..=at])).count();
    let mut is_plain = true;
    while !rest.is_empty() {
        rest = skip(skip(rest, &mut is_plain).strip_prefix(b";")?, &mut is_plain);
        let name = token(rest);
        if name == 0 {
            return None;
        }
        let Some(value) = skip(&rest[name..], &mut is_plain).strip_prefix(b"=") else {
            rest = &rest[name..];
            continue;
        };
        rest = skip(value, &mut is_plain);
        rest = match rest.strip_prefix(b"\"") {
            Some(quoted) => &quoted[end_of_quotes(quoted)?..],
            None => match token(rest) {
                0 => return None,
                length => &rest[length..],
            },
        };
    }
    Some(is_plain)
}

/// Where the text behind an opening quote goes on after the closing one.
fn end_of_quotes(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'"' if !is_escaped => return Some(at + 1),
            b'\t' | b' '..=b'~' | 0x80.. => is_escaped = byte == b'\\' && !is_escaped,
            _ => return None,
        }
    }
    None
}

/// What the input begins with.
pub(crate) fn request(input: &[u8]) -> Reading<Request> {
    let (head, is_clear_head) = match head(input) {
        Reading::Clear(head) => (head, true),
        Reading::Doubtful(head) => (head, false),
        Reading::Refused => return Reading::Refused,
        Reading::Partial => return Reading::Partial,
    };
    let whole = |head: Head, (content, length)| Request { length: head.length + length, head, content };
    match content(head.framing, &input[head.length..]) {
        Reading::Clear(content) => Reading::of(whole(head, content), is_clear_head),
        Reading::Doubtful(content) => Reading::Doubtful(whole(head, content)),
        Reading::Refused => Reading::Refused,
        Reading::Partial => Reading::Partial,
    }
}

#[test]
fn the_oracle_knows_right_from_wrong() {
    let get = "GET /a?b HTTP/1.1\r\nHost: a\r\n";
    for (input, means) in [
        (format!("{get}\r\n"), "clear"),
        (format!("{get}Content-Length: 2\r\n\r\nab"), "clear"),
        (format!("{get}Content-Length: 2\r\n\r\na"), "partial"),
        (format!("{get}Content-Length: +2\r\n\r\nab"), "refused"),
        (format!("{get}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "refused"),
        (format!("{get}Transfer-Encoding: chunked\r\n\r\n2;a=\"b\\\"c\";d\r\nab\r\n0\r\nX: y\r\n\r\n"), "clear"),
        (format!("{get}Transfer-Encoding: chunked\r\n\r\n0 ; a\r\n\r\n"), "doubtful"),
        (format!("{get}Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n"), "refused"),
        (format!("{get}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"), "refused"),
        (format!("{get}Host: a\r\n\r\n"), "refused"),
        (format!("{get}X: a\n\r\n"), "partial"),
        (format!("{get}X: a\nY: b\r\n\r\n"), "refused"),
        (get.to_owned(), "partial"),
    ] {
        let got = match request(input.as_bytes()) {
            Reading::Clear(request) => {
                assert_eq!((request.length, request.head.path.as_str()), (input.len(), "/a"), "{input:?}");
                "clear"
            }
            Reading::Doubtful(_) => "doubtful",
            Reading::Refused => "refused",
            Reading::Partial => "partial",
        };
        assert_eq!(got, means, "{input:?}");
    }
}
