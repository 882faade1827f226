//! Subscription messages other than `WebcastSubNotifyMessage`.

use smol_str::SmolStr;

use super::{
    Kind, Known,
    common::{time, url},
    webcast,
};
use crate::{
    event::{self, Data, Id, Person},
    wire::Message,
};

impl Kind for webcast::SubWave {
    fn parts(self, _: &Message) -> Known {
        let wave = self.wave.unwrap_or_default();
        let state = wave.state.unwrap_or_default();
        let data = Data::SubWave(event::SubWave {
            message_type: wave.message_type,
            newcomer: wave.newcomer.map(subscriber),
            wave_count: state.wave_count,
            target_count: state.target_count,
            total_count: state.total_count,
            status: state.status,
            started_at: time(state.start_time),
            ends_at: time(state.end_time),
            thanked: state.thanked.into_iter().map(subscriber).collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

fn subscriber(subscriber: webcast::sub_wave::Subscriber) -> Person {
    Person {
        user_id: Id(subscriber.user_id),
        unique_id: subscriber.unique_id.into(),
        nickname: SmolStr::default(),
        avatar: url(subscriber.avatar),
    }
}

impl Kind for webcast::SubPinEvent {
    fn parts(self, _: &Message) -> Known {
        let card = self.card.unwrap_or_default();
        let goal = card.goal.unwrap_or_default();
        let data = Data::SubPinEvent(event::SubPinEvent {
            action: self.action,
            card_id: Id(card.id),
            goal_id: Id(goal.goal_id),
            description: goal.description.unwrap_or_default().content.into(),
            progress: goal.progress,
            target: goal.target,
            operator_user_id: Id(self.operator_user_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::SubTimerSticker {
    fn parts(self, _: &Message) -> Known {
        let sticker = self.sticker.unwrap_or_default();
        let data = Data::SubTimerSticker(event::SubTimerSticker {
            timer_id: Id(sticker.timer_id),
            change_type: sticker.change_type,
            operation: sticker.operation,
            status: sticker.status,
            title: sticker.title.into(),
            total_time: sticker.total_time,
            remaining_time: sticker.remaining_time,
        });
        Known { common: self.common, user: None, data }
    }
}
