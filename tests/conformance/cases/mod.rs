//! The cases, a family a file.

mod calls;
mod create;
mod reads;

use super::Case;

/// Every case, in the order of their names' families.
pub fn all() -> Vec<Case> {
    [reads::cases(), create::cases()].concat()
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
