//! Which image of one folder belongs to which of another: those of the same file stem. Emoji are named by their code points, with
//! or without the one that asks for colour ([`COLOURED`]), as every vendor likes; to a stem it makes no difference.

use crate::error::{Error, Result};
use crate::layout::Part;
use crate::reader::Listing;
use std::collections::BTreeMap;

/// Names that a sentence lists before it only counts.
const SHOWN: usize = 5;
/// U+FE0F in a file's name.
const COLOURED: &str = "-fe0f";

/// Sides A and B in the same order, and what was left out.
#[derive(Debug)]
pub(crate) struct Matched {
    pub sides: [Listing; 2],
    pub note: Option<String>,
}

/// Pairs of the images of two parts. Those without a partner are an error under `strict`, otherwise left out.
pub(crate) fn by_stem(a: &Part<'_>, b: &Part<'_>, strict: bool) -> Result<Matched> {
    let found = pairs(a, b)?;
    // An archive may have everything in one more folder than its partner.
    let found = match found.pairs.is_empty() {
        true => pairs(&a.below_shared(), &b.below_shared())?,
        false => found,
    };
    let Found { pairs, lonely } = found;
    let left_out = lonely.iter().any(|names| !names.is_empty()).then(|| {
        let [a, b] = [(a, &lonely[0]), (b, &lonely[1])].map(|(part, names)| {
            (!names.is_empty()).then(|| format!("{} of {}", listed(names), part.name()))
        });
        [a, b].into_iter().flatten().collect::<Vec<_>>().join(", and ")
    });
    if pairs.is_empty() {
        let names = left_out.unwrap_or_default();
        let why = format!(
            "has no file of the same name as one of {}: without partner are {names}; a pair is 1.png in both",
            a.name()
        );
        return Err(Error::data(b.name(), why));
    }
    if let (true, Some(names)) = (strict, &left_out) {
        let why = format!(
            "without partner are {names}; add their partners, or go on without strict to leave them out"
        );
        return Err(Error::data(b.name(), why));
    }
    let order = |side: fn(&(usize, usize)) -> usize| pairs.iter().map(side).collect::<Vec<_>>();
    let sides = [a.select(&order(|pair| pair.0)), b.select(&order(|pair| pair.1))];
    Ok(Matched { sides, note: left_out.map(|names| format!("without partner and left out: {names}")) })
}

struct Found {
    /// Numbers in A and in B, in the order of their stems.
    pairs: Vec<(usize, usize)>,
    lonely: [Vec<String>; 2],
}

fn pairs(a: &Part<'_>, b: &Part<'_>) -> Result<Found> {
    let (of_a, mut of_b) = (by_name(a)?, by_name(b)?);
    let (mut pairs, mut lonely) = (Vec::new(), Vec::new());
    for (stem, index) in of_a {
        match of_b.remove(&stem) {
            Some(other) => pairs.push((index, other)),
            None => lonely.push(stem),
        }
    }
    Ok(Found { pairs, lonely: [lonely, of_b.into_keys().collect()] })
}

fn by_name(part: &Part<'_>) -> Result<BTreeMap<String, usize>> {
    let mut known = BTreeMap::new();
    for (index, stem) in part.stems().into_iter().enumerate() {
        if known.insert(stem.replace(COLOURED, ""), index).is_some() {
            let why = format!("has two images of the name {stem}, and a pair needs one; remove one of them");
            return Err(Error::data(part.name(), why));
        }
    }
    Ok(known)
}

/// A few names, then how many more.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
