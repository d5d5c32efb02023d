//! "Did you mean": the word that was probably wanted.

/// The word of `known` that is nearest to `found`, if one is near enough to be worth saying.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    closest(&found.to_lowercase().replace('_', "-"), known)
}

fn closest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (found.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(found, &word.to_lowercase()), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The name of a cluster's that was probably meant, as the beginning of a sentence: "did you mean `corder`? ". Empty where none is near.
pub fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(&found.to_lowercase(), known).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default()
}

/// The words as a list for people: `a`, `b` or `c`.
pub fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["max-lag", "max-age", "stable-for"];
        assert_eq!(nearest("max_lag", known), Some("max-lag"));
        assert_eq!(nearest("Stable-For", known), Some("stable-for"));
        assert_eq!(nearest("stabel-for", known), Some("stable-for"));
        assert_eq!(nearest("windows", known), None);
        assert_eq!(nearest("x", known), None);
    }

    #[test]
    fn names_of_a_cluster_keep_their_underscores() {
        assert_eq!(did_you_mean("order_itmes", ["orders", "order_items"]), "did you mean `order_items`? ");
        assert_eq!(did_you_mean("Customer", ["customer"]), "did you mean `customer`? ");
        assert_eq!(did_you_mean("x", ["customer", "abc"]), "");
    }

    #[test]
    fn lists_read_as_people_write_them() {
        assert_eq!(one_of(["a"]), "`a`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
