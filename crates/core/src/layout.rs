//! How the JSON of an event is laid out for clients of other programs.

use serde_json::Error;

use crate::event::Event;

/// A layout other than livetape's own. It has no line for missing events.
pub trait Layout: Sync {
    /// Flag of events that the layout shows, between the processes of a cluster: one of the bits 4 to 15. Never reuse one.
    fn flag(&self) -> u32;

    /// Whether clients count the gifts of a streak when it ends: they get inferred finals, too, and a final counts since
    /// the previous one.
    fn counts_finals(&self) -> bool;

    /// Whether the layout has a form for the event.
    fn shows(&self, event: &Event) -> bool;

    /// Appends the form of an event, given its JSON. Nothing else of the event is needed, so clients of livetape's own layout
    /// cost no extra work.
    ///
    /// # Errors
    /// If `json` is not an event that the layout [shows](Self::shows). Nothing is appended then.
    fn convert(&self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;
}
