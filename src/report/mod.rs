//! From data to text. Colour and width are parameters, never looked up here; what time it is comes with the data.

mod changes;
pub mod command;
pub mod escape;
pub mod event;
mod findings;
#[cfg(test)]
mod fixtures;
pub mod page;
pub mod place;
pub mod plan_human;
pub mod problems;
pub mod words;
