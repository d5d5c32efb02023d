//! From text to intent: the plan file, read, checked whole, and turned into a [`Spec`] that cannot hold nonsense.
//!
//! [`read`] goes over the spanned table of the `toml` crate and collects every problem with its place. One small file per table
//! of the plan file declares its keys ([`key::Key`]) and decodes them; the JSON Schema comes from the same declarations.

mod complete;
mod copy;
mod decode;
mod digests;
mod fast_path;
mod gates;
mod intent;
pub mod key;
pub mod length;
mod move_tables;
mod pages;
pub mod problem;
mod revert;
pub mod schema;
pub mod section;
pub mod source;
pub mod suggest;
mod switch;
pub mod template;
mod toml_1_0;
mod top;
pub mod value;
mod verify;
pub mod window;

pub use decode::{MOST_BYTES, Reading, TABLES, known_keys, read, read_at};
pub use digests::FrozenChange;
pub use gates::GATES;
pub use intent::{
    Caveat, CompleteSpec, CopySpec, FastPathSpec, GatePolicy, GateSpec, MoveTablesSpec, Movement, RevertSpec, Spec, SwitchSpec,
    TableSelection, UnknownZone, VerifySpec, WindowState,
};
pub use pages::PAGES;
pub use problem::Problem;
pub use source::span_of_key;
pub use top::{VERSION, is_alias};
pub use window::Window;
