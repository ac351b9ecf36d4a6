//! Who waits and who goes, on numbers instead of sockets.

use super::*;

type Numbers = Queues<u32, ()>;

const SECOND: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(75);

/// Queues for `max` connections, and `count` that have just come in: number 0, 1, 2 ...
fn queues(max: usize, count: u32) -> (Numbers, Vec<Connection<u32>>, Instant) {
    let (mut queues, now) = (Queues::new(max, IDLE), Instant::now());
    let connections = (0..count).map(|key| admit(&mut queues, key, now).expect("there is room"));
    let connections = connections.collect();
    (queues, connections, now)
}

fn admit(queues: &mut Numbers, key: u32, now: Instant) -> Option<Connection<u32>> {
    let Admitted { connection, gone } = queues.admit(key, key, now);
    assert_eq!(connection.is_none(), gone.is_some(), "with room nobody goes");
    connection
}

fn park(queues: &mut Numbers, connection: Connection<u32>, reason: Reason, until: Until) {
    let (_, gone) = queues.park(connection, reason, until, None, 0);
    assert!(gone.is_empty());
}

/// What an event of data for a connection brings.
fn readable(queues: &mut Numbers, token: u64) -> Option<Taken<u32, ()>> {
    queues.claim(Happened::new(token, sys::READABLE))
}

/// What an event of its end brings.
fn broken(queues: &mut Numbers, token: u64) -> Option<Taken<u32, ()>> {
    queues.claim(Happened::new(token, sys::READABLE | sys::BROKEN))
}

fn due(queues: &mut Numbers, now: Instant) -> Option<(u32, Reason)> {
    queues.take_due(now).map(|taken| (taken.connection.socket, taken.reason))
}

fn all_due(queues: &mut Numbers, now: Instant) -> Vec<u32> {
    std::iter::from_fn(|| due(queues, now)).map(|(number, _)| number).collect()
}

fn open(queues: &Numbers) -> u64 {
    queues.census().iter().sum()
}

#[test]
fn the_oldest_idle_goes_first_then_heads_then_hung_then_slow_readers() {
    let (mut queues, connections, now) = queues(5, 5);
    let waits = [Reason::Write, Reason::Hang, Reason::Idle, Reason::Idle, Reason::Head];
    for (connection, reason) in connections.into_iter().zip(waits) {
        park(&mut queues, connection, reason, Until::Deadline(now + 60 * SECOND));
    }
    let gone: Vec<u32> = std::iter::from_fn(|| queues.evict()).map(|gone| gone.socket).collect();
    assert_eq!(gone, [2, 3, 4, 1, 0]);
    assert_eq!(open(&queues), 0);
}

#[test]
fn a_full_house_closes_who_can_go_for_a_new_one() {
    let (mut queues, mut connections, now) = queues(2, 2);
    park(&mut queues, connections.remove(0), Reason::Idle, Until::IdleSince(now));
    let Admitted { connection, gone } = queues.admit(7, 7, now);
    assert!(connection.is_some());
    assert_eq!(gone.map(|gone| gone.socket), Some(0));
    assert_eq!(open(&queues), 2);
}

#[test]
fn with_all_that_wait_delayed_the_new_one_is_refused() {
    let (mut queues, connections, now) = queues(2, 2);
    for connection in connections {
        park(&mut queues, connection, Reason::Delay, Until::Deadline(now + 60 * SECOND));
    }
    let Admitted { connection, gone } = queues.admit(7, 7, now);
    assert!(connection.is_none());
    assert_eq!(gone.map(|gone| gone.socket), Some(7));
    assert_eq!(open(&queues), 2);
}

#[test]
fn what_workers_have_in_hand_does_not_fill_the_house() {
    let (mut queues, in_hand, now) = queues(2, 2);
    assert!(admit(&mut queues, 7, now).is_some());
    for connection in in_hand {
        park(&mut queues, connection, Reason::Delay, Until::Deadline(now));
    }
    assert_eq!(all_due(&mut queues, now), [0, 1], "they are in hand again");
    assert!(admit(&mut queues, 8, now).is_some());
}

#[test]
fn a_head_keeps_its_deadline_and_its_place_when_it_grows() {
    let (mut queues, connections, now) = queues(4, 2);
    let tokens: Vec<u64> = connections.iter().map(Connection::token).collect();
    for connection in connections {
        park(&mut queues, connection, Reason::Head, Until::Deadline(now + SECOND));
    }
    let again = readable(&mut queues, tokens[0]).expect("it is parked");
    assert!(!again.is_due);
    park(&mut queues, again.connection, Reason::Head, Until::AsBefore);
    assert_eq!(due(&mut queues, now), None);
    let another = queues.take_due(now + SECOND).expect("it is due");
    assert_eq!(another.connection.socket, 0);
    park(&mut queues, another.connection, Reason::Head, Until::Deadline(now + SECOND));
    assert_eq!(all_due(&mut queues, now + SECOND), [1, 0], "another head has a deadline and a place of its own");
}

#[test]
fn another_wait_begins_anew() {
    let (mut queues, mut connections, now) = queues(4, 1);
    let connection = connections.remove(0);
    let token = connection.token();
    park(&mut queues, connection, Reason::Head, Until::Deadline(now + SECOND));
    let taken = readable(&mut queues, token).expect("it is parked");
    park(&mut queues, taken.connection, Reason::Idle, Until::IdleSince(now));
    assert_eq!(queues.census()[Reason::Head as usize], 0);
    assert_eq!(queues.next_due(now), Some(now + IDLE));
}

#[test]
fn delays_come_back_in_the_order_they_are_due() {
    let (mut queues, connections, now) = queues(4, 3);
    for (connection, seconds) in connections.into_iter().zip([3, 1, 2]) {
        park(&mut queues, connection, Reason::Delay, Until::Deadline(now + seconds * SECOND));
    }
    assert_eq!(queues.next_due(now), Some(now + SECOND));
    assert_eq!(all_due(&mut queues, now + 2 * SECOND), [1, 2]);
    assert_eq!(queues.next_due(now), Some(now + 3 * SECOND));
    assert_eq!(all_due(&mut queues, now + 5 * SECOND), [0]);
    assert_eq!(queues.next_due(now), None);
}

/// A client that is delayed leaves, and the next one gets its descriptor and is delayed for longer.
#[test]
fn a_delay_ends_for_whom_it_was_and_for_nobody_else() {
    let (mut queues, mut connections, now) = queues(4, 1);
    let first = connections.remove(0);
    let token = first.token();
    park(&mut queues, first, Reason::Delay, Until::Deadline(now + SECOND));
    let left = broken(&mut queues, token).expect("it is parked");
    queues.close(left.connection);
    let second = admit(&mut queues, 0, now).expect("there is room");
    park(&mut queues, second, Reason::Delay, Until::Deadline(now + 60 * SECOND));
    assert_eq!(due(&mut queues, now + 59 * SECOND), None);
    assert_eq!(due(&mut queues, now + 60 * SECOND), Some((0, Reason::Delay)));
}

#[test]
fn delays_of_clients_that_have_left_are_forgotten() {
    let (mut queues, mut connections, now) = queues(4, 2);
    let (mut leaving, staying) = (connections.remove(0), connections.remove(0));
    let until = Until::Deadline(now + 60 * SECOND);
    park(&mut queues, staying, Reason::Delay, until);
    for _ in 0..100 {
        let token = leaving.token();
        park(&mut queues, leaving, Reason::Delay, until);
        leaving = broken(&mut queues, token).expect("it is parked").connection;
    }
    assert!(queues.delays.len() <= 9);
    assert_eq!(due(&mut queues, now + 60 * SECOND), Some((1, Reason::Delay)));
}

#[test]
fn an_event_for_one_who_has_gone_or_waits_for_something_else_is_nobodys() {
    let (mut queues, mut connections, now) = queues(4, 1);
    let connection = connections.remove(0);
    let token = connection.token();
    park(&mut queues, connection, Reason::Delay, Until::Deadline(now));
    assert!(readable(&mut queues, token).is_none(), "it is delayed, whatever it says");
    let taken = queues.take_due(now).expect("it is due");
    assert!(taken.is_due);
    assert!(broken(&mut queues, token).is_none(), "in a worker's hands");
    park(&mut queues, taken.connection, Reason::Hang, Until::ItCloses);
    assert!(readable(&mut queues, token).is_none(), "another wait");
    assert!(readable(&mut queues, 99).is_none(), "a place that nobody ever had");
    let taken = broken(&mut queues, token).expect("it has gone");
    assert!(taken.has_ended && !taken.is_due);
    queues.close(taken.connection);
    let next = admit(&mut queues, 0, now).expect("there is room");
    park(&mut queues, next, Reason::Delay, Until::Deadline(now));
    assert!(broken(&mut queues, token).is_none(), "the place is another one's");
}

#[test]
fn no_two_connections_have_one_token_and_none_has_the_lots_own() {
    let (mut queues, mut connections, now) = queues(4, 1);
    let mut connection = connections.remove(0);
    let mut tokens = std::collections::BTreeSet::new();
    for generation in [1, 2, 3, 0x7fff_ffff, 0] {
        assert!(tokens.insert(connection.token()));
        queues.slots[0].generation = if generation == 0x7fff_ffff { 0x7fff_fffe } else { connection.generation };
        queues.close(connection);
        connection = admit(&mut queues, 0, now).expect("there is room");
        assert_eq!(connection.generation, generation);
    }
    // The highest of all are those of the listener and the timer.
    assert!(tokens.iter().all(|&token| token >> 63 == 0));
}

#[test]
fn whoever_parks_a_connection_learns_what_happened_on_it_meanwhile() {
    let (mut queues, mut connections, now) = queues(4, 1);
    let connection = connections.remove(0);
    let token = connection.token();
    assert!(!queues.has_news(&connection));
    assert!(readable(&mut queues, token).is_none());
    assert!(queues.has_news(&connection));
    park(&mut queues, connection, Reason::Idle, Until::IdleSince(now));
    let taken = readable(&mut queues, token).expect("it is parked");
    assert!(!taken.has_ended && !queues.has_news(&taken.connection), "seen by who has it now");
}

#[test]
fn held_bytes_are_bounded_by_closing_the_oldest_head() {
    assert_eq!(MAX_HELD, 8 << 20);
    let (mut queues, connections, now) = queues(4, 3);
    let mut gone = Vec::new();
    for connection in connections {
        let until = Until::Deadline(now + SECOND);
        gone.extend(queues.park(connection, Reason::Head, until, Some(Box::new(())), MAX_HELD / 2).1);
        assert!(queues.held <= MAX_HELD);
    }
    assert!(gone.iter().all(|gone| gone.payload.is_some()), "to be freed by whoever parked");
    assert_eq!(gone.iter().map(|gone| gone.socket).collect::<Vec<_>>(), [0]);
    assert_eq!(all_due(&mut queues, now + SECOND), [1, 2]);
    assert_eq!(queues.held, 0, "workers hold nothing of it");
}

#[test]
fn held_bytes_are_bounded_however_many_hold_little_before_them() {
    let (mut queues, connections, now) = queues(8, 8);
    let small = [(Reason::Head, 1), (Reason::Head, 1), (Reason::Write, 1), (Reason::Idle, 0)];
    let large = [Reason::Delay, Reason::Write, Reason::Delay, Reason::Write].map(|reason| (reason, MAX_HELD / 3));
    for (connection, (reason, held)) in connections.into_iter().zip(small.into_iter().chain(large)) {
        queues.park(connection, reason, Until::Deadline(now + SECOND), Some(Box::new(())), held);
        assert!(queues.held <= MAX_HELD);
    }
    let census = queues.census();
    assert_eq!([Reason::Idle, Reason::Head, Reason::Write, Reason::Delay].map(|at| census[at as usize]), [1, 0, 1, 2]);
}

#[test]
fn while_closing_nobody_hangs_and_who_is_idle_has_the_grace() {
    let (mut queues, connections, now) = queues(8, 4);
    let grace = SECOND / 10;
    let mut connections = connections.into_iter();
    let mut next = || connections.next().expect("one is left");
    park(&mut queues, next(), Reason::Idle, Until::IdleSince(now));
    park(&mut queues, next(), Reason::Hang, Until::ItCloses);
    park(&mut queues, next(), Reason::Delay, Until::Deadline(now + 60 * SECOND));
    assert_eq!(due(&mut queues, now + 60 * SECOND), Some((2, Reason::Delay)));
    assert!(queues.takes(Reason::Hang) && !queues.is_closing());
    assert_eq!(due(&mut queues, now + 60 * SECOND), None, "a server that stays hangs on");
    assert_eq!(queues.next_due(now), Some(now + IDLE));
    queues.start_closing(grace, now);
    assert!(queues.is_closing());
    assert!(!queues.takes(Reason::Hang) && queues.takes(Reason::Delay));
    assert_eq!(due(&mut queues, now), Some((1, Reason::Hang)));
    assert_eq!(due(&mut queues, now + grace - SECOND / 1000), None, "its request may be on its way");
    assert_eq!(due(&mut queues, now + grace), Some((0, Reason::Idle)));
    park(&mut queues, next(), Reason::Idle, Until::IdleSince(now + SECOND));
    assert_eq!(queues.next_due(now), Some(now + SECOND + grace), "since it came to be idle");
}

#[test]
fn whatever_deadline_it_had_before_what_hangs_is_due_when_the_server_closes() {
    let (mut queues, mut connections, now) = queues(8, 2);
    park(&mut queues, connections.remove(1), Reason::Delay, Until::Deadline(now + 20 * SECOND));
    let connection = connections.remove(0);
    let token = connection.token();
    park(&mut queues, connection, Reason::Head, Until::Deadline(now + 10 * SECOND));
    assert_eq!(queues.next_due(now), Some(now + 10 * SECOND), "before the one that is delayed");
    let taken = readable(&mut queues, token).expect("it is parked");
    park(&mut queues, taken.connection, Reason::Hang, Until::ItCloses);
    queues.start_closing(SECOND, now);
    assert_eq!(queues.next_due(now), Some(now));
    assert_eq!(due(&mut queues, now), Some((0, Reason::Hang)));
}

#[test]
fn calls_are_due_in_any_order_and_all_at_once_when_the_server_closes() {
    let (mut queues, connections, now) = queues(8, 4);
    let untils = [Until::Deadline(now + 2 * SECOND), Until::ItCloses, Until::Deadline(now + SECOND), Until::ItCloses];
    for (connection, until) in connections.into_iter().zip(untils) {
        park(&mut queues, connection, Reason::Calls, until);
    }
    assert_eq!(queues.next_due(now), Some(now + SECOND));
    assert_eq!(due(&mut queues, now + SECOND), Some((2, Reason::Calls)));
    queues.start_closing(SECOND, now);
    let mut at_once: Vec<_> = (0..3).map(|_| due(&mut queues, now)).collect();
    at_once.sort_unstable_by_key(|taken| taken.map(|(key, _)| key));
    assert_eq!(at_once, [0, 1, 3].map(|key| Some((key, Reason::Calls))));
    assert!(queues.takes(Reason::Calls), "what is under way is finished");
}

#[test]
fn the_census_counts_who_waits_for_what_and_who_is_in_hand() {
    let (mut queues, connections, now) = queues(8, 4);
    let waits = [Reason::Idle, Reason::Linger, Reason::Idle];
    let mut tokens = Vec::new();
    for (connection, reason) in connections.into_iter().zip(waits) {
        tokens.push(connection.token());
        park(&mut queues, connection, reason, Until::Deadline(now));
    }
    assert_eq!(queues.census(), [2, 0, 0, 1, 0, 0, 0, 1]);
    let lingering = readable(&mut queues, tokens[1]).expect("it is parked");
    assert_eq!(queues.census(), [2, 0, 0, 1, 0, 0, 0, 1], "it keeps its place");
    assert_eq!(queues.close(lingering.connection), 1);
    let idle = readable(&mut queues, tokens[0]).expect("it is parked");
    assert_eq!(queues.census(), [1, 0, 0, 0, 0, 0, 0, 2]);
    queues.close(idle.connection);
    assert_eq!(queues.census(), [1, 0, 0, 0, 0, 0, 0, 1]);
}
