//! Cutover.

pub mod cli;
pub mod clock;
pub mod cluster;
pub mod driver;
pub mod family;
pub mod finding;
pub mod model;
pub mod operator;
pub mod plan;
pub mod record;
pub mod report;
pub mod run;
pub mod spec;
