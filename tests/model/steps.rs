//! What the lot and the crew do step by step, where only one order is possible: when a worker rests, when the timer is set, who is
//! parked for how long, how many workers there may be.

use std::cell::Cell;
use std::time::{Duration, Instant};

use shuttle::sync::Arc;
use shuttle::thread;

use crate::kernel::{self, Client, Request, Socket};
use crate::server::crew::Crew;
use crate::server::lot::{Event, Lot};
use crate::server::queues::{Connection, Until};
use crate::server::reason::Reason;

const IDLE: Duration = Duration::from_secs(75);
const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

type House = Lot<Socket, ()>;

/// One run, of which the threads are few enough.
fn once(run: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(run, 30);
}

/// A house for so many, and its listener.
fn house() -> (Arc<House>, Socket) {
    let lot = Arc::new(Lot::new(8, IDLE).unwrap());
    // Its descriptors are closed by the end of the run.
    std::mem::forget(Arc::clone(&lot));
    (lot, Socket::listen())
}

fn admit(lot: &House, listener: &Socket) -> (Client, Connection<Socket>) {
    let client = Client::connect();
    let socket = listener.accept().expect("it has just come");
    (client, lot.admit(socket).connection.expect("there is room"))
}

fn park(lot: &House, connection: Connection<Socket>, reason: Reason, until: Until) -> bool {
    lot.park(connection, reason, until, None, 0, true).is_ok_and(|gone| gone.is_empty())
}

/// A client whose connection is parked as an idle one.
fn idle(lot: &House, listener: &Socket) -> Client {
    let (client, connection) = admit(lot, listener);
    assert!(park(lot, connection, Reason::Idle, Until::IdleSince(Instant::now())));
    client
}

fn ready(lot: &House) -> Connection<Socket> {
    match lot.wait(None) {
        Event::Ready(taken) => taken.connection,
        _ => panic!("nothing else has happened"),
    }
}

/// A worker that waits for one connection, and keeps it.
fn worker(lot: &Arc<House>) -> thread::JoinHandle<()> {
    let lot = Arc::clone(lot);
    thread::spawn(move || std::mem::forget(ready(&lot)))
}

#[test]
fn one_alone_fetches_several_at_once_and_never_rests() {
    once(|| {
        let (lot, listener) = house();
        let clients: Vec<Client> = (0..5).map(|_| idle(&lot, &listener)).collect();
        let alarm = kernel::alarm();
        for _ in 0..3 {
            clients.iter().for_each(|client| client.say(Request::Plain));
            for _ in 0..5 {
                let connection = ready(&lot);
                connection.socket.read();
                assert!(park(&lot, connection, Reason::Idle, Until::IdleSince(Instant::now())));
            }
        }
        assert_eq!(kernel::rests(0), []);
        assert_eq!(kernel::alarm(), alarm, "nobody had to be woken");
        let waiting = worker(&lot);
        assert_eq!(kernel::waiting(1), [32], "and when it waits it is known to be one");
        clients[0].say(Request::Plain);
        waiting.join().unwrap();
    });
}

#[test]
fn who_comes_while_another_waits_rests_once_all_were_at_work() {
    once(|| {
        let (lot, listener) = house();
        let clients: Vec<Client> = (0..8).map(|_| idle(&lot, &listener)).collect();
        for round in 0..2 {
            // At work alone, which is all of them.
            clients[4 * round].say(Request::Plain);
            std::mem::forget(ready(&lot));
            let first = worker(&lot);
            kernel::waiting(1);
            let second = worker(&lot);
            assert_eq!(kernel::rests(round + 1), vec![MILLISECOND; round + 1], "no longer the second time");
            assert_eq!(kernel::waiting(2), [32, 1]);
            // Since the last rest nobody was too busy.
            let third = worker(&lot);
            assert_eq!(kernel::waiting(3), [32, 1, 1]);
            assert_eq!(kernel::rests(0).len(), round + 1);
            for others in [2, 1, 0] {
                clients[4 * round + 3 - others].say(Request::Plain);
                kernel::waiting(others);
            }
            [first, second, third].into_iter().for_each(|worker| worker.join().unwrap());
        }
    });
}

#[test]
fn an_alarm_stands_until_its_time_whoever_is_due_before() {
    once(|| {
        let (lot, listener) = house();
        let now = Instant::now();
        lot.alarm_at(now + 3600 * SECOND);
        let alarm = kernel::alarm().expect("it is set");
        assert!(alarm > 59 * SECOND);
        lot.alarm_at(now + 7200 * SECOND);
        assert_eq!(kernel::alarm(), Some(alarm), "it fires by then anyway");
        assert!(lot.take_due(now).is_none());
        assert_eq!(kernel::alarm(), Some(alarm), "nobody waits, but somebody has asked for it");
        let _client = idle(&lot, &listener);
        let taken = lot.take_due(now + 3600 * SECOND).expect("it was idle for too long");
        drop(lot.close(taken.connection));
        assert_eq!(kernel::alarm(), None, "it has fired, and nobody is due");
    });
}

#[test]
fn a_house_that_closes_looks_at_calls_again_soon_and_lets_nobody_hang() {
    once(|| {
        let (lot, listener) = house();
        let (_calls, connection) = admit(&lot, &listener);
        assert!(park(&lot, connection, Reason::Calls, Until::ItCloses));
        lot.start_closing(10 * SECOND);
        assert_eq!(lot.census().iter().sum::<u64>(), 1);
        assert!(kernel::alarm().is_some_and(|alarm| alarm < SECOND));
        let now = Instant::now();
        let calls = lot.take_due(now).expect("to say that it closes");
        assert!(park(&lot, calls.connection, Reason::Calls, Until::ItCloses));
        assert!(lot.take_due(now).is_none());
        // Before the others are parked, so that it is before their times however long this takes.
        let soon = Instant::now() + 5 * SECOND;
        let _idle = idle(&lot, &listener);
        let (_slow, connection) = admit(&lot, &listener);
        assert!(park(&lot, connection, Reason::Write, Until::Deadline(now + 60 * SECOND)));
        let calls = lot.take_due(soon).expect("they were told to be looked at again");
        assert_eq!(calls.reason, Reason::Calls);
        assert!(lot.take_due(soon).is_none(), "others have their own times");
        assert!(!park(&lot, calls.connection, Reason::Hang, Until::ItCloses));
        assert_eq!(lot.census(), [1, 0, 1, 0, 0, 0, 0, 0]);
        drop(lot.evict().expect("who is idle can go").socket);
        assert_eq!(lot.census(), [0, 0, 1, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn slow_work_brings_no_more_workers_than_there_may_be() {
    once(|| {
        let spawned = Cell::new(0);
        let spawn = || {
            spawned.set(spawned.get() + 1);
            Ok(())
        };
        let crew = Crew::new(4);
        crew.start(&spawn).unwrap();
        assert_eq!(spawned.get(), 2);
        let first = crew.begin_slow(&spawn).expect("another one is free");
        assert_eq!(spawned.get(), 3);
        drop(first);
        let permits: Vec<_> = (0..6).map_while(|_| crew.begin_slow(&spawn)).collect();
        assert_eq!((permits.len(), spawned.get()), (3, 4), "the last one is free");
    });
}
