//! The state at a position of a recording, for readers that start there.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Flags, Item, What,
    records::{ConnOpen, Header},
};

/// Maximum number of connections to remember. Beyond it, the first are forgotten.
const CONNECTIONS_MAX: usize = 65_536;

/// The header and the open connections.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    header: Option<Header>,
    open: BTreeMap<u32, (Flags, ConnOpen)>,
}

impl Snapshot {
    /// Updates the state with the next item.
    pub fn take(&mut self, item: &Item) {
        match &item.what {
            What::Header(header) => {
                self.header.get_or_insert_with(|| header.clone());
            }
            What::ConnOpen(open) => {
                self.open.insert(item.conn, (item.flags, open.clone()));
                if self.open.len() > CONNECTIONS_MAX {
                    self.open.pop_first();
                }
            }
            What::ConnClose(_) => drop(self.open.remove(&item.conn)),
            _ => {}
        }
    }

    /// Returns the first header.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Returns the header for a file that starts at offset `start` of this one.
    #[must_use]
    pub fn header_from(&self, start: Duration) -> Header {
        let header = self.header.clone().unwrap_or_default();
        let later = i64::try_from(start.as_nanos()).unwrap_or(i64::MAX);
        let wall_anchor_ns = header.wall_anchor_ns.map(|wall_ns| wall_ns.saturating_add(later));
        Header { wall_anchor_ns, ..header }
    }

    /// Whether this connection is open.
    #[must_use]
    pub fn is_open(&self, conn: u32) -> bool {
        self.open.contains_key(&conn)
    }

    /// Returns an opening at `offset` for each open connection.
    pub fn openings(&self, offset: Duration) -> impl Iterator<Item = Item> {
        self.open.iter().map(move |(&conn, (flags, open))| Item {
            offset,
            conn,
            flags: *flags,
            what: What::ConnOpen(open.clone()),
        })
    }
}
