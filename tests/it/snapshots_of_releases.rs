//! What `snapshot` of each released version has written is planned from for ever: `tests/fixtures/snapshots/VERSION/NAME` holds a plan
//! file and the snapshot beside it, and its plan is the golden.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::TestEnv;

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn each_gives_the_plan_that_it_gave() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/snapshots");
    let mut planned = 0;
    for version in folders(&root) {
        for case in folders(&version) {
            let env = TestEnv::new();
            for file in ["workflow.toml", "snapshot.json"] {
                env.write(file, fs::read_to_string(case.join(file)).unwrap());
            }
            let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
            let plan = env.run(&["plan", "--facts", "snapshot.json"]);
            insta::assert_snapshot!(format!("facts-{}-{}", name(&version), name(&case)), plan.to_string());
            planned += 1;
        }
    }
    assert!(planned >= 2);
}
