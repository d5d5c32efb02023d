//! The lockfile's text: a canonical writer, and a reader that takes nothing but what the writer writes.
//!
//! The text is TOML. `format` comes first, so that every later version can be told from a broken file; the checksum comes last and
//! covers every byte above its line. The reader verifies the checksum before it believes anything but `format`; only when it does
//! not match are the bytes looked at again, to say what happened to them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::diagnosis;
use super::entry::Entry;
use super::error::{FormatError, Place};
use super::store::{Compacted, Record};
use crate::model::digest::Digest;

/// The format that this version writes, and the only one that it reads.
pub const FORMAT: u64 = 1;

/// More than this is neither written nor read. Lists of thousands of tables need it; transitions alone never do.
pub const LIMIT_BYTES: usize = 4 << 20;

const COMMENT: &str = "\
# The record of a movement: what was wanted, tried, seen and allowed, in order. What is, the cluster says.
# Cutover writes this file and nobody edits it: the last line is a checksum. It may be committed beside its plan file.
# `cutover history` shows it; `cutover status` compares it with the cluster.
";

const CHECKSUM_BEGIN: &str = "checksum = \"";
const CHECKSUM_END: &str = "\"\n";

/// What stands above the entries; all of it follows from them, so that a reader need not fold.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Header {
    format: u64,
    /// The version that wrote the last entry.
    written_by: String,
    lineage: Uuid,
    workflow: String,
    cluster: String,
    fingerprint: String,
    serial: u64,
    intent: Digest,
    frozen: Digest,
    #[serde(default)]
    compacted: Option<Compacted>,
    /// Not a part of the head, but read with it.
    #[serde(skip_serializing, rename = "entry", default)]
    entries: Vec<Entry>,
}

/// The JSON Schema of a lockfile, for programs that read one. It says nothing about the checksum.
pub fn schema() -> serde_json::Value {
    let generator = schemars::generate::SchemaSettings::draft07().for_deserialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Header>().to_value();
    schema["title"] = "Cutover's lockfile".into();
    schema["description"] = "What stands above the entries follows from them, so that a reader need not fold.".into();
    schema["properties"]["seal"] = serde_json::json!({
        "description": "Over every byte above the line of the checksum.",
        "type": "object",
        "required": ["checksum"],
        "properties": { "checksum": { "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" } },
    });
    if let Some(required) = schema["required"].as_array_mut() {
        required.extend(["entry".into(), "seal".into()]);
    }
    schema
}

/// The bytes of a record; the same for the same record.
///
/// # Errors
/// [`FormatError::TooLarge`], [`FormatError::Inconsistent`] if the record has no beginning or holds a number beyond TOML's.
pub fn write(record: &Record) -> Result<String, FormatError> {
    let mut text = String::from(COMMENT);
    let header = header(record).ok_or_else(|| FormatError::Inconsistent { what: "it has no beginning".into() })?;
    push_fields(&mut text, &header)?;
    for entry in &record.entries {
        push_entry(&mut text, entry)?;
    }
    text.push_str("\n[seal]\n");
    let checksum = Digest::of_bytes(text.as_bytes());
    text.push_str(CHECKSUM_BEGIN);
    text.push_str(checksum.as_str());
    text.push_str(CHECKSUM_END);
    if text.len() > LIMIT_BYTES {
        return Err(FormatError::TooLarge { bytes: text.len(), limit: LIMIT_BYTES });
    }
    Ok(text)
}

/// How many bytes an entry takes.
pub fn entry_bytes(entry: &Entry) -> Result<usize, FormatError> {
    let mut text = String::new();
    push_entry(&mut text, entry)?;
    Ok(text.len())
}

fn header(record: &Record) -> Option<Header> {
    let progress = record.progress();
    let begun = progress.begun?;
    Some(Header {
        format: FORMAT,
        written_by: record.entries.last()?.by.version.clone(),
        lineage: record.lineage,
        workflow: begun.workflow,
        cluster: begun.cluster,
        fingerprint: begun.fingerprint,
        serial: progress.serial,
        intent: progress.intent?,
        frozen: begun.frozen,
        compacted: record.compacted.clone(),
        entries: Vec::new(),
    })
}

/// One entry: its frame, then what it says, a line for each field.
fn push_entry(text: &mut String, entry: &Entry) -> Result<(), FormatError> {
    #[derive(Serialize)]
    struct Frame<'a> {
        serial: u64,
        at: jiff::Timestamp,
        by: &'a super::entry::Actor,
    }
    text.push_str("\n[[entry]]\n");
    push_fields(text, &Frame { serial: entry.serial, at: entry.at, by: &entry.by })?;
    text.push_str("[entry.what]\n");
    push_fields(text, &entry.what)
}

/// The fields of a struct in the order of their declaration, each on a line of its own.
fn push_fields<T: Serialize>(text: &mut String, value: &T) -> Result<(), FormatError> {
    let value = serde_json::to_value(value).map_err(|error| FormatError::Inconsistent { what: error.to_string() })?;
    let fields = value.as_object().ok_or_else(|| FormatError::Inconsistent { what: "a part of it is no table".into() })?;
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        text.push_str(&format!("{name} = "));
        push_value(text, value)?;
        text.push('\n');
    }
    Ok(())
}

/// A value on one line, always spelled the same. Not by the `toml` crate, which spreads a text with line breaks over lines: then
/// what somebody gave as a reason could look like the marker of a merge, and a cut not like one.
fn push_value(text: &mut String, value: &serde_json::Value) -> Result<(), FormatError> {
    use serde_json::Value;
    match value {
        // JSON's escapes are among TOML's; only DEL stands bare in JSON and may not in TOML.
        Value::String(_) => text.push_str(&value.to_string().replace('\u{7f}', "\\u007f")),
        Value::Bool(_) => text.push_str(&value.to_string()),
        Value::Number(number) if number.is_i64() => text.push_str(&number.to_string()),
        Value::Number(number) => return Err(FormatError::Inconsistent { what: format!("TOML has no number {number}") }),
        Value::Null => return Err(FormatError::Inconsistent { what: "TOML has no null in lists".into() }),
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                push_value(text, value)?;
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push_str("{ ");
            for (index, (name, value)) in fields.iter().filter(|(_, value)| !value.is_null()).enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                push_key(text, name)?;
                text.push_str(" = ");
                push_value(text, value)?;
            }
            text.push_str(" }");
        }
    }
    Ok(())
}

fn push_key(text: &mut String, name: &str) -> Result<(), FormatError> {
    if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        text.push_str(name);
        return Ok(());
    }
    push_value(text, &serde_json::Value::String(name.to_owned()))
}

/// The record that bytes hold.
///
/// # Errors
/// Everything but the exact bytes of a record of format 1 is refused, with what happened to them.
pub fn read(bytes: &[u8]) -> Result<Record, FormatError> {
    if bytes.len() > LIMIT_BYTES {
        return Err(FormatError::TooLarge { bytes: bytes.len(), limit: LIMIT_BYTES });
    }
    // The version first: a newer format may have another checksum, or none.
    if let Some(format) = diagnosis::sniff_format(bytes)
        && format != FORMAT
    {
        return Err(FormatError::Newer { format, written_by: diagnosis::sniff_version(bytes) });
    }
    let text = verified(bytes).ok_or_else(|| diagnosis::diagnose(bytes))?;
    if diagnosis::sniff_format(bytes).is_none() {
        return Err(FormatError::NotALockfile);
    }
    parse(text)
}

/// Whether a text may be the beginning of a lockfile, cut above the end of its `format` line.
pub(super) fn is_beginning(text: &str) -> bool {
    let first_line = format!("format = {FORMAT}\n");
    COMMENT.starts_with(text) || text.strip_prefix(COMMENT).is_some_and(|rest| first_line.starts_with(rest))
}

/// The text, if the checksum that ends it is right.
fn verified(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let without_end = text.strip_suffix(CHECKSUM_END)?;
    let (body, checksum) = without_end.rsplit_once(CHECKSUM_BEGIN)?;
    // The checksum begins a line, or a byte before it would be neither covered nor refused.
    (body.ends_with('\n') && Digest::of_bytes(body.as_bytes()).as_str() == checksum).then_some(text)
}

fn parse(text: &str) -> Result<Record, FormatError> {
    let written_by = diagnosis::sniff_version(text.as_bytes());
    let refused = |error: toml::de::Error| match unknown_variant(error.message()) {
        Some(what) => FormatError::Unknown { what, written_by: written_by.clone() },
        None => FormatError::Malformed {
            at: place(text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        },
    };
    let mut head: Header = toml::from_str(text).map_err(refused)?;
    let entries = std::mem::take(&mut head.entries);
    let record = Record { lineage: head.lineage, compacted: head.compacted.clone(), entries };
    consistent(&record, &head)?;

    // What this version doesn't know it would lose with its next append, so a file that says more than we read is refused. Where the
    // bytes differ the values are compared: another version may spell the same in another way.
    let again = write(&record)?;
    if again == text {
        return Ok(record);
    }
    let found: toml::Table = toml::from_str(text).map_err(refused)?;
    let again: toml::Table = toml::from_str(&again).map_err(refused)?;
    match first_difference(&found, &again) {
        None => Ok(record),
        Some(what) => Err(FormatError::Unknown { what, written_by }),
    }
}

/// Serials ascend from 1, the first entry begins the movement, and the header says what the entries say.
fn consistent(record: &Record, found: &Header) -> Result<(), FormatError> {
    let inconsistent = |what: String| Err(FormatError::Inconsistent { what });
    let first = record.entries.first().map(|entry| (entry.serial, matches!(entry.what, super::entry::What::Begun { .. })));
    if first != Some((1, true)) {
        return inconsistent("its first entry doesn't begin a movement".into());
    }
    for (before, after) in record.entries.iter().zip(record.entries.iter().skip(1)) {
        let gap = after.serial.saturating_sub(before.serial);
        if gap == 0 || (gap > 1 && record.compacted.is_none()) {
            return inconsistent(format!("entry {} comes after entry {}", after.serial, before.serial));
        }
    }
    match header(record) {
        Some(wanted) if wanted == *found => Ok(()),
        _ => inconsistent("its head doesn't fit its entries".into()),
    }
}

/// The path of the first key whose value isn't the same in both, but for the seal.
fn first_difference(found: &toml::Table, again: &toml::Table) -> Option<String> {
    fn differ(path: &str, found: &toml::Value, again: Option<&toml::Value>) -> Option<String> {
        use toml::Value;
        match (found, again) {
            (Value::Table(found), Some(Value::Table(again))) => {
                let here = found.iter().find_map(|(key, value)| differ(&format!("{path}.{key}"), value, again.get(key)));
                here.or_else(|| again.keys().find(|key| !found.contains_key(*key)).map(|key| format!("{path}.{key}")))
            }
            (Value::Array(found), Some(Value::Array(again))) if found.len() == again.len() => found
                .iter()
                .zip(again)
                .enumerate()
                .find_map(|(index, (found, again))| differ(&format!("{path}[{index}]"), found, Some(again))),
            (found, Some(again)) if found == again => None,
            _ => Some(path.trim_start_matches('.').to_owned()),
        }
    }
    let without_seal = |table: &toml::Table| {
        let mut table = table.clone();
        if let Some(toml::Value::Table(seal)) = table.get_mut("seal") {
            seal.remove("checksum");
        }
        toml::Value::Table(table)
    };
    differ("", &without_seal(found), Some(&without_seal(again)))
}

/// serde's words for an enum value that it doesn't know.
fn unknown_variant(message: &str) -> Option<String> {
    message.strip_prefix("unknown variant `")?.split_once('`').map(|(name, _)| name.to_owned())
}

pub(super) fn place(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place { line: before.matches('\n').count() + 1, column: before.get(line_start..).unwrap_or("").chars().count() + 1 }
}
