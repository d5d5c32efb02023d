//! The protocol as Rust: messages, the client, and the server trait that the sandbox implements.
//!
//! Made from `../proto` by `tests/it/generated.rs`, which also holds the two together. After a change there:
//! `CUTOVER_UPDATE=1 cargo test --test it generated`.
//!
//! Text that vtctld passes on without looking at it (messages of errors and streams, positions, table definitions, rows)
//! is `Vec<u8>`: Vitess does not validate it, and prost would refuse the whole answer for one byte that is not UTF-8.

#![allow(clippy::all, clippy::pedantic, rustdoc::all, reason = "what the generator writes is not ours to shape")]

// Included, not declared as modules with files: so rustfmt leaves them as the generator wrote them.
macro_rules! package {
    ($name:ident) => {
        #[allow(missing_docs)]
        pub mod $name {
            include!(concat!(stringify!($name), ".rs"));
        }
    };
}

package!(binlogdata);
package!(query);
package!(replicationdata);
package!(tabletmanagerdata);
package!(topodata);
package!(vschema);
package!(vtctldata);
package!(vtctlservice);
package!(vtorcdata);
package!(vttime);
