//! Servers for probeserver to call: each says exactly the bytes a test gives it, and keeps what it was sent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::harness::PATIENCE;

pub(crate) struct Fake {
    pub(crate) port: u16,
    /// The head of each request, as it came.
    heads: Receiver<String>,
}

impl Fake {
    /// Answers every connection with these bytes and an orderly end.
    pub(crate) fn answering(answer: impl AsRef<[u8]>) -> Fake {
        let answer = answer.as_ref().to_vec();
        Fake::serving(move |mut stream| {
            let _ = stream.write_all(&answer);
        })
    }

    /// Reads every request and never answers.
    pub(crate) fn silent() -> Fake {
        Fake::serving(|mut stream| {
            let _ = stream.read(&mut [0]); // until the other side gives up
        })
    }

    /// Reads every request and resets the connection.
    pub(crate) fn resetting() -> Fake {
        Fake::serving(|stream| reset(&stream))
    }

    fn serving(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Fake {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, heads) = channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (sender, serve) = (sender.clone(), serve.clone());
                thread::spawn(move || {
                    let Some(head) = read_head(&mut stream) else { return };
                    let _ = sender.send(head);
                    serve(stream);
                });
            }
        });
        Fake { port, heads }
    }

    /// The head of the next request; waits for it.
    #[track_caller]
    pub(crate) fn head(&self) -> String {
        self.heads.recv_timeout(PATIENCE).expect("a request comes")
    }

    /// How to call it: `127.0.0.1:PORT` and a path.
    pub(crate) fn service(&self, path: &str) -> String {
        format!("127.0.0.1:{}{path}", self.port)
    }
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend(byte);
    }
    String::from_utf8(head).ok()
}

/// Makes the close that follows a reset.
#[allow(unsafe_code, reason = "SO_LINGER is not stable in std")]
fn reset(stream: &TcpStream) {
    use std::os::fd::AsRawFd;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: the option value is one linger struct that lives during the call, and its length is given.
    let result = unsafe {
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), length)
    };
    assert_eq!(result, 0);
}

/// A port whose listener takes no connection any more, so that connecting to it hangs.
#[allow(unsafe_code, reason = "std gives no way to choose the backlog")]
pub(crate) fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    use std::os::fd::AsRawFd;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
    // SAFETY: listen has no memory to get wrong, and the descriptor is open.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let address = listener.local_addr().expect("it is bound");
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
    let taken = std::iter::from_fn(connect).take(100).collect();
    (listener, taken)
}
