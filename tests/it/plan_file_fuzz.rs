//! Whatever stands in a plan file, reading it ends in a spec or in problems with places inside the text, and drawing them ends.

use cutover::report::problems::{self, Drawing};
use cutover::spec::{self, Problem};
use proptest::prelude::*;

const WHOLE: &str = include_str!("../fixtures/plan-files/valid/every-key.toml");
const DRAWING: Drawing = Drawing { width: 100, colour: false, unicode: true };

fn check(text: &str) -> Result<(), TestCaseError> {
    let found = match spec::read(text) {
        Ok(reading) => {
            prop_assert!(reading.warnings.iter().all(|problem| !problem.is_error()));
            reading.warnings
        }
        Err(problems) => {
            prop_assert!(problems.iter().any(Problem::is_error), "refused without a reason");
            problems
        }
    };
    for problem in &found {
        let spans = problem.span.iter().chain(problem.also.iter().map(|(span, _)| span));
        for span in spans {
            prop_assert!(text.get(span.clone()).is_some(), "{span:?} of {problem:?} is not in {text:?}");
        }
    }
    let drawn = problems::draw(&found, "workflow.toml", Some(text), DRAWING);
    prop_assert!(!drawn.contains(|c: char| c.is_control() && c != '\n'), "{drawn:?}");
    prop_assert!(!drawn.contains("Failed to read contents"), "{drawn}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text)?;
    }

    /// A piece of a whole file is replaced by another piece of it, or by anything.
    #[test]
    fn a_file_with_a_wound(from in 0..WHOLE.len(), length in 0..40usize, source in 0..WHOLE.len(), anything in "\\PC{0,6}|[\"'\\[\\]{}=.,#\n\r\t\u{0}\u{feff}\u{202e}\\\\]{0,4}", own: bool) {
        let piece = if own { WHOLE[source..(source + length).min(WHOLE.len())].to_owned() } else { anything };
        let text = format!("{}{piece}{}", &WHOLE[..from], &WHOLE[(from + length).min(WHOLE.len())..]);
        check(&text)?;
    }

    /// What is read is the same with other line ends.
    #[test]
    fn line_ends_dont_count(from in 0..WHOLE.len()) {
        let text = WHOLE[..from].to_owned();
        let codes = |text: &str| match spec::read(text) {
            Ok(_) => vec![],
            Err(problems) => problems.into_iter().map(|problem| (problem.code, problem.path)).collect(),
        };
        prop_assert_eq!(codes(&text), codes(&text.replace('\n', "\r\n")));
    }
}
