//! Suggestions for mistyped names.

/// Minimum similarity of a suggestion; 1 means equal.
const LIKENESS_MIN: f64 = 0.7;

/// Returns the name in `known` that is most similar to `given`, if any is similar enough.
pub fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&&str| strsim::jaro_winkler(name, given);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&nearest) >= LIKENESS_MIN).then_some(*nearest)
}

/// Maximum number of listed names: about two lines of a terminal.
const LISTED_MAX: usize = 20;

/// Returns a suggestion for `given`, if there is one, and the list of valid names.
pub fn choices(given: &str, known: &[&str]) -> String {
    let meant = nearest(given, known).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    format!("{meant}{}", list(known))
}

/// Returns a hint for `given`, which is not in `known`: a suggestion, or the list of valid names.
pub fn hint(given: &str, known: &[&str]) -> String {
    nearest(given, known).map_or_else(|| list(known), |name| format!("did you mean `{name}`?"))
}

fn list(known: &[&str]) -> String {
    let listed = known[..known.len().min(LISTED_MAX)].join(", ");
    let more = match known.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("choose one of: {listed}{more}")
}
