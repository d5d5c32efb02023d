//! From data to text. Colour and width are parameters, never looked up here.

pub mod event;
pub mod place;
pub mod problems;
pub mod wrap;
