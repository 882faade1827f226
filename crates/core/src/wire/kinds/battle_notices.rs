//! Events of a battle other than its score.

use super::{
    Kind, Known,
    battle::host,
    common::{time, url},
    text::{named_user, text},
    user::user,
    webcast,
};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

impl Kind for webcast::LinkMicBattleItemCard {
    fn parts(self, _: &Message) -> Known {
        let used = [self.glove, self.mist, self.extra_time, self.special_effect, self.potion, self.wave];
        let used = used.into_iter().flatten().next().unwrap_or_default();
        let shown = used.text.or(self.award.and_then(|award| award.text));
        let named = named_user(shown.as_ref()).map(user);
        let card = used.card.unwrap_or_default();
        let data = Data::BattleItemCard(event::BattleItemCard {
            battle_id: Id(self.battle_id),
            msg_type: self.msg_type,
            text: text(shown),
            card_name: card.name_key.into(),
            card_image_url: url(card.image),
            host_user_id: Id(used.host_user_id),
            sender: card.sender.and_then(|sender| sender.user).map(host),
            sent_at: time(card.sent_at_s),
            effect_seconds: card.effect_seconds,
        });
        Known { common: self.common, user: named, data }
    }
}

impl Kind for webcast::LinkMicBattlePunishFinish {
    fn parts(self, _: &Message) -> Known {
        let settings = self.settings.unwrap_or_default();
        let data = Data::BattlePunishFinish(event::BattlePunishFinish {
            battle_id: Id(self.battle_id),
            channel_id: Id(self.channel_id),
            operator_user_id: Id(self.operator_user_id),
            reason: self.reason,
            status: settings.status,
            started_at: time(settings.start_time_ms),
            duration_seconds: settings.duration_s,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicBattleTask {
    fn parts(self, _: &Message) -> Known {
        let data = Data::BattleTask(event::BattleTask {
            battle_id: Id(self.battle_id),
            message_type: self.message_type,
            progress: self.update.as_ref().map(|update| update.progress),
            from_user_id: Id(self.update.map_or(0, |update| update.from_user_id)),
            result: self.settle.map(|settle| settle.result),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicBattleNotice {
    fn parts(self, _: &Message) -> Known {
        let data = Data::BattleNotice(event::BattleNotice {
            notice_type: self.notice_type,
            text: text(self.guide.and_then(|guide| guide.text)),
        });
        Known { common: self.common, user: None, data }
    }
}
