//! Events of the ring as other processes receive them, and back.

use bytes::Bytes;
use livetape_core::truth::Added;
use serde::de::IgnoredAny;

use super::{
    super::{
        audience::Audience,
        entry::{Entry, StateRole},
        line::{Line, View},
    },
    Encoding, Unfit,
};

/// Bits of [`Encoding::audience`] beside those of [`Audience`].
const BEGINS: u32 = 1 << 16;
const ENDS: u32 = 1 << 17;

impl Entry {
    pub(super) fn encoding(&self, kind: &str) -> Encoding {
        let role = match self.state_role {
            StateRole::Begins => BEGINS,
            StateRole::Ends => ENDS,
            StateRole::Passes => 0,
        };
        let flags = self.audience.bits() | role;
        Encoding {
            json: self.line.view(View::Json),
            json_of_final: self.line_of_final.as_ref().map(|line| line.view(View::Json)).unwrap_or_default(),
            audience: [&flags.to_le_bytes(), kind.as_bytes()].concat().into(),
        }
    }

    pub(super) fn read(event: &Encoding, stream: &str, seq: u64) -> Result<Self, Unfit> {
        let (flags, kind) = event.audience.split_first_chunk().ok_or(Unfit::Foreign)?;
        let (flags, kind) = (u32::from_le_bytes(*flags), str::from_utf8(kind).map_err(|_| Unfit::Foreign)?);
        let end = format!(r#","stream":"{stream}","seq":{seq}}}"#);
        let line = |json: &Bytes| {
            let is_json = serde_json::from_slice::<IgnoredAny>(json).is_ok();
            (is_json && json.ends_with(end.as_bytes())).then(|| Line::new(json)).ok_or(Unfit::Foreign)
        };
        let of_final = Some(&event.json_of_final).filter(|json| !json.is_empty());
        Ok(Self {
            line: line(&event.json)?,
            line_of_final: of_final.map(line).transpose()?,
            audience: Audience::from_bits(kind, flags),
            state_role: match (flags & BEGINS != 0, flags & ENDS != 0) {
                (true, _) => StateRole::Begins,
                (false, true) => StateRole::Ends,
                (false, false) => StateRole::Passes,
            },
            added: Added::default(),
        })
    }
}
