//! From data to text. Colour and width are parameters, never looked up here; what time it is comes with the data.

pub mod adoption;
pub mod adoption_human;
pub mod annotations;
pub mod blocks;
mod changes;
pub mod command;
pub mod doctor;
pub mod doctor_human;
mod drift_words;
pub mod ending;
pub mod entry_words;
pub mod escape;
pub mod event;
pub mod event_words;
pub mod events_json;
pub mod events_lines;
pub mod events_terminal;
mod findings;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod folder;
pub mod history;
pub mod history_phases;
pub mod hold;
pub mod live;
pub mod markdown;
pub mod on_record;
pub mod page;
pub mod place;
pub mod plan_human;
pub mod plan_markdown;
pub mod problems;
pub mod rate;
pub mod repair;
pub mod repair_human;
pub mod schema;
#[cfg(test)]
mod screens_tests;
pub mod status;
pub mod status_human;
pub mod stop;
pub mod wrap;
