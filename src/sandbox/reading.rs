//! Reads `sandbox.toml`.

use super::description::Description;
use crate::spec::Problem;

pub const BUILT_IN: &str = include_str!("default.toml");

pub fn read(text: &str) -> Result<Description, Vec<Problem>> {
    toml::from_str(text).map_err(|error| vec![Problem::error("C130", "", error.span(), error.message())])
}
