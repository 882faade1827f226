//! Clients that ended before the channel.

use super::*;

#[test]
fn clients_that_the_server_ended_count_once_as_unread() {
    let hub = hub(16);
    let (slow, refused) = (join(&hub, &Join::default()), join(&hub, &Join::default()));
    let observer = join(&hub, &Join { reader: Reader::Observer, ..Join::default() });
    refused.progress().count_unread();
    drop(refused);
    hub.publish(&chats(100));
    // The socket of a client that fell behind ends later.
    slow.progress().count_unread();
    slow.progress().count_left();
    observer.progress().count_unread();
    assert_eq!(hub.ends(), Ends { unread: 2, left: 0 });
}

#[test]
fn clients_that_were_sent_everything_did_not_leave_early() {
    let hub = hub(64);
    let mut clients = Vec::from_iter((0..4).map(|_| join(&hub, &Join::default())));
    let leave = |client: Subscriber| client.progress().count_left();
    leave(clients.remove(0));
    hub.publish(&chats(2));
    let early = clients.remove(0);
    drain(&mut clients[0]);
    leave(clients.remove(0));
    assert_eq!(hub.ends(), Ends { unread: 0, left: 1 }, "the second one has read all so far");
    leave(early);
    assert_eq!(hub.ends(), Ends { unread: 0, left: 2 });
    hub.publish(&chats(1));
    drain(&mut clients[0]);
    leave(clients.remove(0));
    assert_eq!(hub.ends(), Ends { unread: 0, left: 3 });
}
