//! One of `_webSocketMessages`: `{"type":"receive","time":1757443489.5,"opcode":2,"data":"…"}`.

use base64::Engine as _;
use bytes::Bytes;
use serde::de::MapAccess;

use super::{
    super::{
        captured::{Message, Said},
        lines::BASE64,
    },
    json::{AsObject, Object, Scalar},
    reins::Reins,
};

/// A message as it stands in the HAR.
#[derive(Default)]
pub(super) struct MessageFields {
    kind: String,
    time: Option<f64>,
    opcode: Option<f64>,
    data: String,
}

impl Object for MessageFields {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "type" => self.kind = map.next_value::<Scalar>()?.into_text(),
            "time" => self.time = map.next_value::<Scalar>()?.number(),
            "opcode" => self.opcode = map.next_value::<Scalar>()?.number(),
            "data" => self.data = map.next_value::<Scalar>()?.into_text(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl MessageFields {
    pub(super) fn read(self) -> Message {
        // -1 stands for no time.
        Message { time: self.time.filter(|time| *time >= 0.0), said: self.said() }
    }

    fn said(self) -> Said {
        let Some(opcode) = self.opcode else { return Said::Bad("a message without an opcode".into()) };
        if self.kind == "error" || opcode < 0.0 {
            return Said::Trouble(self.data);
        }
        let sent = match self.kind.as_str() {
            "send" | "sent" => true,
            "receive" | "received" => false,
            _ => return Said::Bad("a message that was neither sent nor received".into()),
        };
        let opcode = opcode as u8;
        let bytes = match opcode {
            1 => Bytes::from(self.data),
            _ => match BASE64.decode(&self.data) {
                Ok(bytes) => Bytes::from(bytes),
                Err(error) => return Said::Bad(format!("a frame is not base64: {error}")),
            },
        };
        Said::Frame { opcode, sent, injected: false, bytes }
    }
}

/// A message on a line of its own.
pub(super) fn parse(line: &[u8]) -> Message {
    use serde::de::DeserializeSeed as _;
    let mut fields = MessageFields::default();
    let mut json = serde_json::Deserializer::from_slice(line);
    match AsObject(&mut fields, &Reins::default()).deserialize(&mut json) {
        Ok(()) => fields.read(),
        Err(error) => Message { time: None, said: Said::Bad(error.to_string()) },
    }
}
