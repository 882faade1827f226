//! The bot in shows that livetape plays: `livetape test --list` describes the cases.

use livetape_testing::{Speed, Tape};
use show_bot::Bot;
use tokio::task::JoinHandle;

/// What the bot once counted wrong.
const REGRESSIONS: [&str; 4] = ["again", "no-final", "late-final", "cut-in-streak"];

/// Runs a bot until its source ends.
fn start(tape: &Tape) -> JoinHandle<Bot> {
    let mut bot = Bot::new(tape.ws_url(), None);
    tokio::spawn(async move {
        assert_eq!(bot.run(|_| {}).await, 1000);
        bot
    })
}

#[tokio::test]
async fn a_streak_is_counted_once() {
    let tape = Tape::replay("demo").hold().start().await;
    let bot = start(&tape);
    tape.wait_for_clients(1).await;
    tape.send().gift("ann", "Rose").count(5).combo().await;
    tape.drop_clients(1000);
    let totals = bot.await.unwrap().totals;
    assert_eq!((totals.gifts, totals.gifters), (5, vec![("ann".to_owned(), 5)]));
}

#[tokio::test]
async fn what_the_bot_once_counted_wrong() {
    for case in REGRESSIONS {
        let tape = Tape::replay("demo").case(case).speed(Speed::Max).start().await;
        let bot = start(&tape);
        tape.finished().await;
        let right = tape.truth();
        tape.drop_clients(1000);
        let totals = bot.await.unwrap().totals;
        assert_eq!((totals.diamonds, totals.likes), (right.diamonds, right.likes), "{case}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_opened_again() {
    let tape = Tape::replay("demo").hold().start().await;
    let bot = start(&tape);
    tape.wait_for_clients(1).await;
    tape.drop_clients(1011);
    tape.wait_for_clients(1).await;
    tape.send().chat("ann", "still there?").await;
    tape.drop_clients(1000);
    assert_eq!(bot.await.unwrap().totals.chats, 1);
}
