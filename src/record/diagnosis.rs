//! What happened to a lockfile whose checksum is wrong. Nothing here is believed; it only finds words.

use super::error::{FormatError, Side};
use super::format::place;

/// `format` as the first line says that is neither empty nor a comment.
pub(super) fn sniff_format(bytes: &[u8]) -> Option<u64> {
    let line = bytes.split(|byte| *byte == b'\n').find(|line| !line.is_empty() && !line.starts_with(b"#"))?;
    std::str::from_utf8(line).ok()?.trim_end().strip_prefix("format = ")?.parse().ok()
}

/// `written-by`, from the head.
pub(super) fn sniff_version(bytes: &[u8]) -> Option<String> {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.starts_with(b"["))
        .find_map(|line| line.strip_prefix(b"written-by = \"".as_slice()))?;
    let version = std::str::from_utf8(line).ok()?.trim_end().strip_suffix('"')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-+._".contains(c);
    (version.len() <= 64 && version.chars().all(plain)).then(|| version.to_owned())
}

/// Why `bytes`, which don't carry the right checksum, aren't a lockfile.
pub(super) fn diagnose(bytes: &[u8]) -> FormatError {
    if bytes.is_empty() {
        return FormatError::Empty;
    }
    if let Some(first) = bytes.iter().position(|byte| *byte == 0) {
        return FormatError::Zeroed { first };
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return FormatError::ByteOrderMark;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A cut through the middle of a character is a cut.
        Err(error) if error.error_len().is_none() => return FormatError::Truncated { line: line_of(bytes, error.valid_up_to()) },
        Err(error) => return FormatError::NotUtf8 { line: line_of(bytes, error.valid_up_to()) },
    };
    if let Some(conflict) = conflict(text) {
        return conflict;
    }
    if let Some(at) = text.find("\r\n") {
        return FormatError::LineEndings { line: line_of(bytes, at) };
    }
    let is_ours = sniff_format(bytes).is_some();
    let is_cut = !text.ends_with('\n')
        || !text.lines().last().is_some_and(|last| last.starts_with("checksum = \"sha256:") && last.ends_with('"'));
    match (is_ours, is_cut) {
        // Cut above `format`: nothing but our comment, or a part of the line.
        (false, true) if super::format::is_beginning(text) => FormatError::Truncated { line: text.lines().count() },
        (false, _) => FormatError::NotALockfile,
        (true, true) => FormatError::Truncated { line: text.lines().count() },
        (true, false) => FormatError::Edited {
            at: toml::from_str::<toml::Table>(text).err().and_then(|error| error.span()).map(|span| place(text, span.start)),
        },
    }
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// The markers that a merge leaves, with the highest serial that stands on each side.
fn conflict(text: &str) -> Option<FormatError> {
    let marked = |marker: &str| text.lines().find_map(|line| line.strip_prefix(marker)).map(|label| label.trim().to_owned());
    let line = text.lines().position(|line| line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>"))? + 1;
    let (mut ours, mut theirs) = (None, None);
    let mut unseen = None;
    let mut side = &mut unseen;
    for line in text.lines() {
        if line.starts_with("<<<<<<<") {
            side = &mut ours;
        } else if line.trim_end() == "=======" {
            side = &mut theirs;
        } else if line.starts_with("|||||||") || line.starts_with(">>>>>>>") {
            side = &mut unseen;
        } else if let Some(serial) = line.strip_prefix("serial = ").and_then(|serial| serial.trim().parse::<u64>().ok()) {
            *side = (*side).max(Some(serial));
        }
    }
    let sides = [(marked("<<<<<<<"), ours), (marked(">>>>>>>"), theirs)];
    let sides = sides.into_iter().filter_map(|(label, serial)| Some(Side { label: label?, serial })).collect();
    Some(FormatError::Conflicted { line, sides })
}
