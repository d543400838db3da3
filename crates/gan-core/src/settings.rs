//! What configurations do and say alike.

use crate::error::{Error, Result};
use crate::variant::Attribute;
use std::collections::HashSet;

/// A configuration that the data has a say in.
pub trait TakeData {
    /// Takes over the names of the data's classes and its attributes. A variant without conditions does not care.
    ///
    /// # Errors
    /// Data without what the variant learns from, or with others than the configuration names.
    fn take_labels(&mut self, classes: &[String], attributes: &[Attribute]) -> Result<()> {
        let _ = (classes, attributes);
        Ok(())
    }

    /// Whether images are told apart by their classes.
    fn learns_classes(&self) -> bool {
        false
    }

    /// Width of its images in pixels, where they need not be square.
    fn width(&self) -> Option<i64> {
        None
    }

    /// What pairs it learns from; `None` for a variant that makes images from noise.
    fn pairs(&self) -> Option<PairShape> {
        None
    }

    /// Takes over what pairs the data gives: channels of both sides, and how much larger the second is. A variant that makes
    /// images from noise does not care.
    fn take_pairs(&mut self, channels: [i64; 2], scale: i64) {
        let _ = (channels, scale);
    }
}

/// The shape of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairShape {
    /// Height and width of the second image.
    pub image: [i64; 2],
    /// Channels of both.
    pub channels: [i64; 2],
    /// How much larger the second is, along each side.
    pub scale: i64,
    /// Whether they belong together, or are one draw from each of two domains.
    pub belong_together: bool,
}

/// Whole numbers of a configuration's `section`, each with its field and the least and most it may be.
///
/// # Errors
/// The first one outside.
pub fn within(section: &str, ranges: &[(&str, i64, i64, i64)]) -> Result<()> {
    match ranges.iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
        None => Ok(()),
        Some((field, value, low, high)) => Err(Error::config(
            format!("{section}.{field}"),
            format!("{value} is not between {low} and {high}"),
        )),
    }
}

/// Names that tell classes or attributes apart.
///
/// # Errors
/// One that is empty or there twice.
pub fn distinct<'a>(field: &str, names: impl IntoIterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    match names.into_iter().find(|name| name.trim().is_empty() || !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::config(
            field,
            format!("`{name}` is empty or there twice; each needs a name of its own"),
        )),
    }
}

/// The data's classes for a configuration that has none yet, or the same.
///
/// # Errors
/// Data without classes, or with others than the configuration names.
pub fn classes_of(field: &str, ours: &[String], theirs: &[String]) -> Result<Vec<String>> {
    if theirs.is_empty() {
        let why =
            "the data has no classes to learn from; put the images of each class into a folder of its own";
        return Err(Error::config(field, why));
    }
    if !ours.is_empty() && ours != theirs {
        let [names, their_names] = [ours, theirs].map(listed);
        let (count, their_count) = (ours.len(), theirs.len());
        let why = format!("are {names}, but the data has {their_names} ({count} and {their_count} classes)");
        return Err(Error::config(field, why));
    }
    distinct(field, theirs)?;
    Ok(theirs.to_vec())
}

/// Names for a message, not too many.
pub fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    match names.get(MOST..) {
        None | Some([]) => names.join(", "),
        Some(rest) => format!("{} and {} more", names[..MOST].join(", "), rest.len()),
    }
}

/// The error of a preset's name that is none of `presets`: names, each with what it is.
pub fn unknown_preset(name: &str, presets: &[(&str, &str)]) -> Error {
    let names: Vec<&str> = presets.iter().map(|(name, _)| *name).collect();
    Error::config("preset", format!("`{name}` is none of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_outside_is_named() {
        within("gan", &[("size", 1, 1, 64), ("batch", 64, 1, 64)]).expect("both ends belong to it");
        let error = within("gan", &[("size", 1, 1, 64), ("batch", 0, 1, 64), ("latent", 0, 1, 2)]);
        assert_eq!(error.expect_err("outside").to_string(), "gan.batch: 0 is not between 1 and 64");
    }

    #[test]
    fn a_stranger_is_told_the_names() {
        let error = unknown_preset("c", &[("a", "the first"), ("b", "the second")]).to_string();
        assert_eq!(error, "preset: `c` is none of a, b");
    }
}
