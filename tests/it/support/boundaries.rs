//! Where the records of a recording are.

/// Returns the start of each record of an undamaged file, and the end of the last one.
pub(crate) fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![16];
    while let Some(length) = bytes.get(starts[starts.len() - 1] + 4..).and_then(|rest| rest.first_chunk()) {
        starts.push(starts[starts.len() - 1] + 16 + u32::from_le_bytes(*length) as usize);
    }
    starts
}
