//! The recording of a room or a replay: its start and its end.

use std::{path::PathBuf, sync::Arc};

use livetape_core::{
    error::{Code, Problem},
    recording::{Loss, records::Header},
};
use tracing::info;

use super::{Channel, Record, play::REPLAY};
use crate::{
    recorder::{Recorder, RecorderOptions, Target},
    source::live::RECORDER_BYTES_MAX,
};

impl Channel {
    pub(super) fn start_recorder(&mut self, user: &str, header: Header) -> Result<Option<Recorder>, Problem> {
        let target = match &self.options.record {
            None => return Ok(None),
            Some(Record::File(path)) => Target::File(path.clone()),
            Some(Record::Folder(folder)) => Target::Folder { folder: folder.clone(), user: user.to_owned() },
        };
        // The offsets of a replay are those of its recording, so no wall clock belongs to them.
        let is_replay = header.source == REPLAY;
        let defaults = RecorderOptions::default();
        let options = RecorderOptions {
            rotate: self.options.rotate,
            sync: self.options.sync,
            bytes_max: self.options.record_bytes_max,
            queue_bytes_max: RECORDER_BYTES_MAX,
            wall: defaults.wall.filter(|_| !is_replay),
            ..defaults
        };
        let recorder = Recorder::start(&target, header, &options)?;
        self.driver.update_upstream(|upstream| upstream.begin_recording(Arc::new(recorder.gauge())));
        let at = if is_replay { "" } else { "@" };
        info!(path = shown(recorder.path()), "📼 Recording {at}{user}");
        // A file holds one room, so later rooms are not recorded.
        self.options.record.take_if(|record| matches!(record, Record::File(_)));
        Ok(Some(recorder))
    }

    /// Seals a recording, and counts what its source and the recorder lost.
    pub(super) async fn finish_recorder(
        &mut self,
        recorder: Option<Recorder>,
        was_connected: bool,
        mut loss: Loss,
    ) {
        let Some(recorder) = recorder else {
            self.ended.loss += loss;
            return;
        };
        let files = recorder.files();
        // Sealing waits for the disk.
        let finished = tokio::task::spawn_blocking(move || recorder.finish()).await;
        // `record` keeps no file if it never reached the room.
        if self.options.record_only && !was_connected && matches!(finished, Ok(Ok(_))) {
            files.paths().iter().for_each(|path| drop(std::fs::remove_file(path)));
            return;
        }
        self.ended.loss += loss;
        self.ended.recordings.extend(files.paths());
        match finished {
            Ok(Ok(summary)) => {
                loss.records += summary.lost;
                self.ended.loss.records += summary.lost;
                let (path, lost) = (shown(files.paths().pop()), loss.records + loss.undecoded);
                info!(path, lost, "📼 Recording sealed");
                self.ended.full_bytes = summary.is_full.then_some(summary.bytes).or(self.ended.full_bytes);
            }
            Ok(Err(problem)) => self.ended.recorder = Some(problem),
            Err(_) => self.ended.recorder = Some(Problem::new(Code::Io, "the recorder failed")),
        }
    }
}

fn shown(path: Option<PathBuf>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}
