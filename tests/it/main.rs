//! Everything that needs no cluster: `cargo test --test it`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod client;
mod client_tls;
mod generated;
mod support;
