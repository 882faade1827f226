//! Names that were meant: what users mistype is answered with the name that is nearest to it.

/// Below this likeness nothing is called the nearest; 1 is equal.
const LIKENESS_MIN: f64 = 0.7;

/// The one of `known` that `given` is most like, if it is like any.
pub(crate) fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&&str| strsim::jaro_winkler(name, given);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&nearest) >= LIKENESS_MIN).then_some(*nearest)
}

/// Most names that are listed.
const LISTED_MAX: usize = 100;

/// The name that was meant by `given`, if there is one like it, and the names there are.
pub fn choices(given: &str, known: &[&str]) -> String {
    let meant = nearest(given, known).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    let listed = known[..known.len().min(LISTED_MAX)].join(", ");
    let more = match known.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{meant}there are: {listed}{more}")
}

/// What to do about `given`, which is none of `known`.
pub fn hint(given: &str, known: &[&str]) -> String {
    match nearest(given, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("it is one of: {}", known.join(", ")),
    }
}
