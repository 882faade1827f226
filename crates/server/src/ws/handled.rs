//! Messages of a socket whose events go to the program that embeds the server.

use livetape_core::error::Code;
use serde_json::{json, value::RawValue};
use tungstenite::Message;

use super::{
    end::End,
    hooks::{Hooked, Last, Reply, What},
    registry::SocketHandle,
};
use crate::lobby::{ConnectionView, Intent, Lobby, Metadata};

/// Reports that the socket has connected.
///
/// # Errors
/// How the socket ends, if the program refuses it or does not take events.
pub(super) async fn connect(handle: &SocketHandle) -> Result<(), End> {
    let Some(hooked) = handle.hooked() else { return Ok(()) };
    let view = handle.with(|lobby| lobby.connection_view(&hooked.id().to_string()));
    let Ok(ConnectionView { path, client_id, .. }) = view else { return Ok(()) };
    let path = path.into_owned();
    let handshake = hooked.take_handshake();
    let what = What::Connect { path, client_id, handshake };
    if !hooked.wanted.connect {
        return hooked.tell(what).await;
    }
    match hooked.ask(what).await? {
        Reply::Cancel => Err(End::of(Code::Refused)),
        Reply::Failed => Err(End::of(Code::HandlerFailed)),
        Reply::Continue | Reply::Replace(_) => {
            // An answer has accepted it already. If the lack of one lets it in, this does.
            handle.with(|lobby| lobby.accept(hooked.id()));
            Ok(())
        }
    }
}

/// Returns the room that a socket joined last and its metadata, before the lobby forgets it.
pub(super) fn last(handle: &SocketHandle, hooked: &Hooked) -> Last {
    handle.with(|lobby| Last {
        room_id: lobby.latest_room(hooked.id()).map(str::to_owned),
        metadata: lobby
            .connection_view(&hooked.id().to_string())
            .map_or_else(|_| Metadata::new(), |it| it.metadata),
    })
}

/// # Errors
/// How the socket ends, if the program does not take events.
pub(super) async fn receive(handle: &SocketHandle, message: Message) -> Result<(), End> {
    let Some(hooked) = handle.hooked() else { return Ok(()) };
    let wanted = hooked.wanted;
    match message {
        Message::Text(text) => receive_text(handle, hooked, &text).await?,
        Message::Binary(bytes) => {
            handle.with(Lobby::count_received);
            if wanted.binary {
                hooked.ask(What::Binary(bytes)).await?;
            }
        }
        Message::Ping(_) => {
            handle.heard();
            if wanted.ping {
                hooked.tell(What::Ping).await?;
            }
        }
        Message::Pong(_) => {
            handle.heard();
            if wanted.pong {
                hooked.tell(What::Pong).await?;
            }
        }
        Message::Frame(_) | Message::Close(_) => handle.heard(),
    }
    Ok(())
}

async fn receive_text(handle: &SocketHandle, hooked: &Hooked, text: &str) -> Result<(), End> {
    let wanted = hooked.wanted;
    match Intent::read(text, handle.json_depth_max()) {
        Intent::Message => {
            handle.with(Lobby::count_received);
            if wanted.message {
                hooked.ask(What::Message(text.to_owned())).await?;
            }
        }
        // The program sees only requests that can succeed. The lobby rejects the others.
        Intent::Say { room_id, message }
            if wanted.message && handle.with(|lobby| lobby.may_say(hooked.id(), &room_id)) =>
        {
            match hooked.ask(What::Say { room_id: room_id.clone(), message }).await? {
                Reply::Continue => handle.text(text),
                Reply::Cancel => handle.with(Lobby::count_received),
                Reply::Failed => handle.with(|lobby| lobby.fail_message(hooked.id(), &room_id)),
                Reply::Replace(json) => handle.text(&room_message(&room_id, json)),
            }
        }
        Intent::Join(room_id) if wanted.join && handle.with(|lobby| lobby.may_join(&room_id)) => {
            match hooked.ask(What::Join(room_id.clone())).await? {
                Reply::Cancel => handle.with(|lobby| lobby.refuse_join(hooked.id(), &room_id)),
                Reply::Failed => handle.with(|lobby| lobby.fail_join(hooked.id(), &room_id)),
                Reply::Continue | Reply::Replace(_) => handle.text(text),
            }
        }
        Intent::Leave(room_id) if wanted.leave && handle.with(|lobby| lobby.is_in(hooked.id(), &room_id)) => {
            hooked.ask(What::Leave(room_id)).await?;
            handle.text(text);
        }
        Intent::Ping => {
            handle.text(text);
            if wanted.ping {
                hooked.tell(What::Ping).await?;
            }
        }
        Intent::Say { .. } | Intent::Join(_) | Intent::Leave(_) | Intent::Command => handle.text(text),
    }
    Ok(())
}

/// Builds a `room_message` with this message, which counts as text if it is not JSON.
fn room_message(room_id: &str, message: String) -> String {
    let is_json = serde_json::from_str::<&RawValue>(&message).is_ok();
    let message = if is_json { message } else { json!(message).to_string() };
    format!(r#"{{"type":"room_message","room_id":{},"message":{message}}}"#, json!(room_id))
}
