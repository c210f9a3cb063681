//! Reading what an agent printed, off the disk: the same while its holder lives and after it has gone.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use ao_plugin_sdk::core::model::output_log::{LogPart, LogRead, PieceStart, log_part, log_part_offset, whole_text};
use ao_plugin_sdk::core::slots::runtime::Output;
use ao_plugin_sdk::prelude::*;

/// How often a log is looked at anew that its holder cuts meanwhile.
const ATTEMPTS: u32 = 5;

/// Reads at most `max_bytes` from `cursor` on, or the newest. The cursor counts all bytes that were ever printed.
pub(crate) fn read(log: &Utf8Path, max_bytes: u64, cursor: Option<u64>) -> Result<Output> {
    let mut attempts = 1;
    let (plan, bytes) = loop {
        match read_bytes(log, max_bytes, cursor) {
            Ok(read) => break read,
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => attempts += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::not_found(format!("`{log}` is gone")));
            }
            Err(error) => return Err(Error::wrap(Code::OTHER, format!("cannot read `{log}`"), &error)),
        }
    };
    let continued = cursor == Some(plan.from);
    let (text, length) = whole_text(&bytes, if continued { PieceStart::Continued } else { PieceStart::Anywhere });
    let mut output = Output::new(text, plan.from + length as u64);
    output.truncated = plan.truncated;
    Ok(output)
}

fn read_bytes(log: &Utf8Path, max_bytes: u64, cursor: Option<u64>) -> io::Result<(LogRead, Vec<u8>)> {
    // Open files stay whole, whatever becomes of their names.
    let mut files = Vec::new();
    for offset in offsets(log)? {
        let file = File::open(log_part(log, offset))?;
        files.push((LogPart { offset, length: file.metadata()?.len() }, file));
    }
    if files.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "nothing of it is there"));
    }
    let parts: Vec<LogPart> = files.iter().map(|(part, _)| *part).collect();
    let plan = LogRead::plan(&parts, cursor, max_bytes);
    let mut bytes = Vec::new();
    for (part, mut file) in files {
        let (skip, length) = plan.within(part);
        if length > 0 {
            file.seek(SeekFrom::Start(skip))?;
            file.take(length).read_to_end(&mut bytes)?;
        }
    }
    Ok((plan, bytes))
}

/// The file that is written, or was last.
pub(crate) fn newest_part(log: &Utf8Path) -> Option<Utf8PathBuf> {
    Some(log_part(log, offsets(log).ok()?.into_iter().max()?))
}

fn offsets(log: &Utf8Path) -> io::Result<Vec<u64>> {
    let directory = log.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
    let names: io::Result<Vec<_>> = directory.read_dir_utf8()?.collect();
    let mut offsets: Vec<u64> = names?.iter().filter_map(|entry| log_part_offset(log, entry.file_name())).collect();
    offsets.sort_unstable();
    Ok(offsets)
}
