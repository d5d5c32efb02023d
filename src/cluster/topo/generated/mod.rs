//! The two calls of etcd as Rust: messages, the client, and the server trait that tests implement.
//!
//! Made from `../proto` by `tests/it/generated.rs`, which also holds the two together. After a change there:
//! `CUTOVER_UPDATE=1 cargo test --test it generated`.

#![allow(clippy::all, clippy::pedantic, rustdoc::all, reason = "what the generator writes is not ours to shape")]

// Included, not declared as a module with a file: so rustfmt leaves it as the generator wrote it.
#[allow(missing_docs)]
pub mod etcdserverpb {
    include!("etcdserverpb.rs");
}
