//! `sandbox.toml`: what it can say, and how it is read.
//!
//! | module | one reason to change |
//! |---|---|
//! | [`description`], [`vschema`] | its form |
//! | [`reading`], [`places`] | text → description, each mistake with its place |
//! | [`consistency`], [`key_ranges`] | what reads well and can't be a cluster |
//! | [`schema`], [`pages`] | for editors, for `cutover explain` |

pub mod consistency;
pub mod description;
pub mod key_ranges;
pub mod pages;
mod places;
pub mod reading;
pub mod schema;
pub mod vschema;
