//! Comments, emotes and captions.

use super::{
    Kind, Known,
    common::{time, url},
    user::{person, user_with},
    webcast,
};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

impl Kind for webcast::Chat {
    fn parts(self, message: &Message) -> Known {
        let emotes = self
            .emotes
            .into_iter()
            .map(|at| event::EmoteAt { index: at.index, emote: at.emote.map(emote).unwrap_or_default() });
        let data = Data::Chat(event::Chat {
            comment: self.content.into(),
            emotes: emotes.collect(),
            language: self.language.into(),
            is_history: message.is_history,
            mentioned: self.mentioned_user.map(person),
        });
        Known { common: self.common, user: user_with(self.user, self.user_identity), data }
    }
}

impl Kind for webcast::EmoteChat {
    fn parts(self, _: &Message) -> Known {
        let emotes = self.emotes.into_iter().map(emote).collect();
        let data = Data::EmoteChat(event::EmoteChat { emotes });
        Known { common: self.common, user: user_with(self.user, self.user_identity), data }
    }
}

impl Kind for webcast::Caption {
    fn parts(self, _: &Message) -> Known {
        let texts = self.contents.into_iter();
        let data = Data::Caption(event::Caption {
            sentence_id: Id(self.sentence_id),
            sequence_id: Id(self.sequence_id),
            definite: self.definite,
            started_at: time(self.timestamp_ms),
            duration_ms: self.duration_ms,
            texts: texts
                .map(|text| event::CaptionText { language: text.language.into(), text: text.text.into() })
                .collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::CommentTray {
    fn parts(self, _: &Message) -> Known {
        let data = Data::CommentTray(event::CommentTray {
            tray_id: Id(self.tray_id),
            content: self.content.into(),
            content_type: self.content_type,
            count: self.count,
            written_at: time(self.chat_time),
        });
        Known { common: self.common, user: None, data }
    }
}

fn emote(emote: webcast::Emote) -> event::Emote {
    event::Emote { emote_id: emote.emote_id.into(), image_url: url(emote.image) }
}
