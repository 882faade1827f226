//! An element of `_webSocketMessages`: `{"type":"receive","time":1757443489.5,"opcode":2,"data":"…"}`.

use std::io::Read;

use base64::Engine as _;
use bytes::Bytes;

use super::{
    super::{
        Error,
        captured::{CaptureItem, CapturedFrame, Said},
        lines::BASE64,
    },
    json::{Json, Object},
};

/// The fields of a message. Reused for each message.
#[derive(Default)]
pub(super) struct MessageFields {
    wants_data: bool,
    kind: String,
    time: Option<f64>,
    opcode: Option<f64>,
    data: String,
}

impl Object for MessageFields {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        match name {
            "type" => json.string_into(&mut self.kind)?,
            "time" => self.time = json.float()?,
            "opcode" => self.opcode = json.float()?,
            "data" if self.wants_data => json.string_into(&mut self.data)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl MessageFields {
    /// Clears the previous message.
    pub(super) fn begin(&mut self, wants_data: bool) {
        self.kind.clear();
        self.data.clear();
        (self.time, self.opcode, self.wants_data) = (None, None, wants_data);
    }

    pub(super) fn read(&mut self) -> CaptureItem {
        // -1 means that the time is unknown.
        let time = self.time.filter(|time| *time >= 0.0);
        CaptureItem { time, said: self.wants_data.then(|| self.said()) }
    }

    fn said(&mut self) -> Said {
        let Some(opcode) = self.opcode else { return Said::Bad("a message without an opcode".into()) };
        if self.kind == "error" || opcode < 0.0 {
            return Said::Trouble(std::mem::take(&mut self.data));
        }
        let sent = match self.kind.as_str() {
            "send" | "sent" => true,
            "receive" | "received" => false,
            _ => return Said::Bad("a message that is neither sent nor received".into()),
        };
        let opcode = opcode as u8;
        let bytes = match opcode {
            1 => Bytes::from(std::mem::take(&mut self.data)),
            _ => match BASE64.decode(&self.data) {
                Ok(bytes) => Bytes::from(bytes),
                Err(error) => return Said::Bad(format!("a frame is not base64: {error}")),
            },
        };
        Said::Frame(CapturedFrame { opcode: opcode.into(), sent, injected: false, bytes })
    }
}

/// Parses a message on its own line. Leaves the line empty.
pub(super) fn parse(line: &mut Vec<u8>, fields: &mut MessageFields, wants_data: bool) -> CaptureItem {
    fields.begin(wants_data);
    let mut json = Json::whole(std::mem::take(line));
    let read = json.object(fields).and_then(|()| json.end());
    *line = json.into_bytes();
    line.clear();
    match read {
        Err(error) => CaptureItem::said(None, Said::Bad(error.to_string())),
        Ok(()) => fields.read(),
    }
}
