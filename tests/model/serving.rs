//! A server of workers, and what must hold whatever order things happen in.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread;

use crate::kernel::{Client, Read, Request, Socket};
use crate::server::crew::Crew;
use crate::server::lot::{Event, Lot};
use crate::server::queues::{Admitted, Connection, Taken, Until};
use crate::server::reason::Reason;

const FAR: Duration = Duration::from_secs(3600);
/// Requests in a row.
const TURN: usize = 2;
/// Free workers that are kept (`crew.rs`).
const KEPT: usize = 8;

#[derive(Default)]
struct Counts {
    workers: usize,
    slow: usize,
    together: usize,
    is_released: bool,
}

struct Server {
    lot: Lot<Socket, Request>,
    crew: Crew,
    listener: Socket,
    max_workers: usize,
    counts: Mutex<Counts>,
    changed: Condvar,
}

impl Server {
    fn start(max_connections: usize, max_workers: usize, cpus: usize) -> Arc<Self> {
        let server = Arc::new(Self {
            lot: Lot::new(max_connections, FAR).unwrap(),
            crew: Crew::new(max_workers),
            listener: Socket::listen(),
            max_workers,
            counts: Mutex::default(),
            changed: Condvar::new(),
        });
        // Never dropped: workers that wait outlive the run, and with it the kernel that sockets are closed in.
        std::mem::forget(Arc::clone(&server));
        server.lot.watch_listener(server.listener.as_raw_fd()).unwrap();
        server.crew.set_cpus(cpus);
        server.crew.start(&|| server.spawn()).unwrap();
        server
    }

    /// A worker, as the product's. Those that are left wait for ever, which shuttle lets a future do, and not a thread.
    fn spawn(self: &Arc<Self>) -> std::io::Result<()> {
        let server = Arc::clone(self);
        server.count(|counts| {
            counts.workers += 1;
            assert!(counts.workers <= server.max_workers, "no more than there may be");
        });
        drop(shuttle::future::spawn(async move {
            server.crew.work(&|| server.spawn(), || server.lot.wait(None), |event| server.handle(event));
            server.count(|counts| counts.workers -= 1);
        }));
        Ok(())
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait_for(&self, is_so: impl Fn(&Counts) -> bool) {
        let mut counts = self.counts.lock().unwrap();
        while !is_so(&counts) {
            counts = self.changed.wait(counts).unwrap();
        }
    }

    fn handle(self: &Arc<Self>, event: Event<Socket, Request>) {
        match event {
            Event::Listener => {
                let accepted = self.listener.accept();
                self.lot.arm_listener(self.listener.as_raw_fd());
                if let Some(socket) = accepted {
                    let Admitted { connection, gone } = self.lot.admit(socket);
                    drop(gone);
                    connection.into_iter().for_each(|connection| self.converse(connection, false));
                }
            }
            Event::Timer => self.lot.take_due(Instant::now()).into_iter().for_each(|taken| self.resume(taken)),
            Event::Ready(taken) => self.resume(taken),
            Event::Nothing => {}
        }
    }

    fn resume(self: &Arc<Self>, taken: Taken<Socket, Request>) {
        let Taken { connection, reason, is_due, has_ended, payload } = taken;
        match (reason, is_due, payload.map(|payload| *payload)) {
            (Reason::Delay, true, Some(Request::Delayed)) => {
                connection.socket.answer();
                self.converse(connection, has_ended);
            }
            (Reason::Head, true, Some(Request::Half)) => drop(self.lot.close(connection)),
            (Reason::Head, false, Some(Request::Half)) | (Reason::Idle, false, None) => {
                self.converse(connection, has_ended);
            }
            other => panic!("nobody was put in like that: {other:?}"),
        }
    }

    /// Answers until there is nothing to do at once, or others have their turn. As the product does, it does not read again behind all
    /// there was, unless the client `has_ended`.
    fn converse(self: &Arc<Self>, connection: Connection<Socket>, has_ended: bool) {
        let socket = &connection.socket;
        let (mut is_drained, mut served) = (false, 0);
        let (reason, until, payload) = loop {
            if is_drained || served == TURN {
                break (Reason::Idle, Until::IdleSince(Instant::now()), None);
            }
            served += 1;
            let request = match socket.read() {
                Read::Said(request, is_all) => {
                    is_drained = is_all && !has_ended;
                    request
                }
                Read::End => return drop(self.lot.close(connection)),
                Read::Nothing => {
                    is_drained = true;
                    continue;
                }
            };
            match request {
                Request::Plain => socket.answer(),
                Request::Delayed => break (Reason::Delay, due(), Some(Box::new(request))),
                Request::Half => break (Reason::Head, due(), Some(Box::new(request))),
                Request::Slow => {
                    self.work_slowly();
                    socket.answer();
                }
                Request::Together(all) => {
                    self.count(|counts| counts.together += 1);
                    self.wait_for(|counts| counts.together >= all);
                    socket.answer();
                }
            }
        };
        drop(self.lot.park(connection, reason, until, payload, 0, is_drained));
    }

    fn work_slowly(self: &Arc<Self>) {
        let Some(_permit) = self.crew.begin_slow(&|| self.spawn()) else { return };
        self.count(|counts| counts.slow += 1);
        self.wait_for(|counts| counts.is_released);
        self.count(|counts| counts.slow -= 1);
    }
}

fn due() -> Until {
    Until::Deadline(Instant::now())
}

fn check(runs: usize, run: impl Fn() + Send + Sync + 'static) {
    let run = Arc::new(run);
    let again = Arc::clone(&run);
    shuttle::check_random(move || run(), runs);
    // Few changes of who goes on, at the worst moments.
    shuttle::check_pct(move || again(), runs, 3);
}

fn clients<R: Send + 'static>(scripts: Vec<impl FnOnce() -> R + Send + 'static>) -> Vec<R> {
    let running: Vec<_> = scripts.into_iter().map(thread::spawn).collect();
    running.into_iter().map(|client| client.join().unwrap()).collect()
}

/// Connections come and go, so that descriptors are given out again, and delays are due while events come.
#[test]
fn every_request_is_answered_once_whoever_takes_which_event() {
    check(400, || {
        let _server = Server::start(8, 4, 3);
        let script = |requests: [Request; 2]| {
            move || {
                let client = Client::connect();
                for (n, request) in requests.into_iter().enumerate() {
                    client.say(request);
                    assert!(client.is_answered(n + 1), "closed instead of answered");
                }
                client.leave();
            }
        };
        use Request::{Delayed, Plain};
        clients([[Plain, Delayed], [Delayed, Delayed], [Plain, Plain]].map(script).into());
    });
}

/// More is said, or the client goes, while a worker has the connection or while it waits for something else.
#[test]
fn what_comes_meanwhile_is_seen() {
    use Request::{Delayed, Plain};
    check(400, || {
        let _server = Server::start(8, 4, 3);
        let script = |(requests, waits): ([Request; 3], bool)| {
            move || {
                let client = Client::connect();
                client.say(Plain);
                assert!(client.is_answered(1), "from then on it is watched");
                requests.into_iter().for_each(|request| client.say(request));
                assert!(!waits || client.is_answered(4), "closed instead of answered");
                client.leave();
            }
        };
        let scripts =
            [([Plain, Delayed, Plain], true), ([Delayed, Plain, Delayed], true), ([Plain, Plain, Plain], false)];
        clients(scripts.map(script).into());
    });
}

/// Half heads whose time is over as their rest comes, in a house so full that each newcomer closes somebody.
#[test]
fn who_is_closed_meanwhile_is_closed_and_no_event_of_theirs_reaches_the_next() {
    check(400, || {
        let _server = Server::start(2, 4, 3);
        let script = |_| {
            || {
                for _ in 0..2 {
                    let client = Client::connect();
                    client.say(Request::Half);
                    client.say(Request::Plain);
                    if client.is_answered(1) {
                        client.leave();
                    }
                }
            }
        };
        clients([1, 2, 3].map(script).into());
    });
}

/// Each of so many workers is in the middle of an answer, on a machine with so many CPUs.
#[test]
fn as_many_work_at_once_as_there_are_cpus() {
    check(200, || {
        let server = Server::start(8, 8, 4);
        let script = |_| {
            || {
                let client = Client::connect();
                client.say(Request::Plain);
                assert!(client.is_answered(1), "from then on one worker may fetch what several say");
                client.say(Request::Together(4));
                assert!(client.is_answered(2));
                client.leave();
            }
        };
        clients([1, 2, 3, 4].map(script).into());
        server.count(|counts| assert!(counts.workers <= 4, "none has been slow"));
    });
}

#[test]
fn slow_work_never_takes_the_last_free_worker() {
    check(200, || {
        let server = Server::start(8, 3, 2);
        let slow: Vec<Client> = (0..3).map(|_| Client::connect()).collect();
        slow.iter().for_each(|client| client.say(Request::Slow));
        let quick = Client::connect();
        quick.say(Request::Plain);
        assert!(quick.is_answered(1), "while all that is slow goes on");
        quick.leave();
        server.count(|counts| counts.is_released = true);
        assert!(slow.iter().all(|client| client.is_answered(1)));
        slow.into_iter().for_each(Client::leave);
    });
}

#[test]
fn workers_that_slow_work_has_brought_go_again() {
    const SLOW: usize = KEPT + 1;
    check(20, || {
        let server = Server::start(32, 32, 2);
        let slow: Vec<Client> = (0..SLOW).map(|_| Client::connect()).collect();
        slow.iter().for_each(|client| client.say(Request::Slow));
        server.wait_for(|counts| counts.slow == SLOW && counts.workers > KEPT);
        server.count(|counts| counts.is_released = true);
        assert!(slow.iter().all(|client| client.is_answered(1)));
        slow.into_iter().for_each(Client::leave);
        server.wait_for(|counts| counts.workers == KEPT);
    });
}
