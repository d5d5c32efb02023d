//! The cases, a family a file.

pub mod calls;
mod cancel;
mod complete;
mod controls;
mod create;
mod observe;
mod reads;
mod rules;
mod sql;
mod streams;
mod switch;
mod vdiff;

use super::Case;

/// Every case, in the order of their names' families.
pub fn all() -> Vec<Case> {
    [
        reads::cases(),
        create::cases(),
        streams::cases(),
        vdiff::cases(),
        switch::cases(),
        complete::cases(),
        cancel::cases(),
        rules::cases(),
        controls::cases(),
        sql::cases(),
        observe::cases(),
    ]
    .concat()
}

/// `family/name` for the functions of a family.
macro_rules! cases {
    ($family:literal: $($name:ident),* $(,)?) => {
        pub fn cases() -> Vec<super::super::Case> {
            vec![$(super::super::Case {
                name: concat!($family, "/", stringify!($name)),
                steps: |stage, golden| Box::pin($name(stage, golden)),
            }),*]
        }
    };
}
use cases;
