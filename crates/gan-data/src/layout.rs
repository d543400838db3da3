//! Parts of one folder or archive, told apart by the folders inside it, as `trainA` and `trainB` are.

use crate::error::{Error, Result};
use crate::options::Options;
use crate::reader::{self, Listing};
use std::collections::BTreeSet;

/// Folder names with a meaning.
const WORDS: [&str; 9] = ["trainA", "trainB", "testA", "testB", "A", "B", "train", "val", "test"];

/// Everything in a folder or archive, with its parts not yet told apart.
#[derive(Debug)]
pub(crate) struct Whole {
    pub listing: Listing,
    names: Vec<String>,
}

/// The images below one folder.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    whole: &'a Whole,
    /// Empty or ends with `/`.
    prefix: String,
    /// By number in the whole listing.
    images: Vec<usize>,
}

impl Whole {
    /// Opens `spec`; what is said about classes is not kept, for parts are none. `what` is a word for what cannot be
    /// made of images without names.
    pub fn open(spec: &str, options: &Options, what: &str) -> Result<Self> {
        if let Some(csv) = &options.attributes {
            let why = format!("{} is not for {what}; leave it empty", csv.display());
            return Err(Error::config("attributes", why));
        }
        let mut listing = reader::open(spec, options)?;
        listing.notes.retain(|note| !reader::is_note_on_labels(note));
        let Some(names) = listing.backing.names() else {
            let why = format!(
                "holds images without file names, and {what} are told by these; give folders of images"
            );
            return Err(Error::data(spec, why));
        };
        Ok(Self { listing, names })
    }

    /// All images.
    pub fn all(&self) -> Part<'_> {
        Part { whole: self, prefix: String::new(), images: (0..self.names.len()).collect() }
    }

    /// All images, below the folders that all of them share, down to a folder whose name has a meaning.
    pub fn top(&self) -> Part<'_> {
        let places = reader::places(&self.names);
        let means_nothing = |place: &&String| place.split('/').all(|folder| !WORDS.contains(&folder));
        let prefix = places.iter().take_while(means_nothing).last().cloned().unwrap_or_default();
        Part { prefix, ..self.all() }
    }
}

impl<'a> Part<'a> {
    /// The images below a folder, if there are any.
    pub fn sub(&self, folder: &str) -> Option<Self> {
        let prefix = format!("{}{folder}/", self.prefix);
        let names = &self.whole.names;
        let inside = self.images.iter().copied().filter(|image| names[*image].starts_with(&prefix));
        let images: Vec<usize> = inside.collect();
        (!images.is_empty()).then_some(Self { whole: self.whole, prefix, images })
    }

    /// Two folders that need each other; nothing if there is neither.
    pub fn both(&self, [a, b]: [&str; 2]) -> Result<Option<[Self; 2]>> {
        let lonely = |there: &str, missing: &str| {
            let why = format!("has images in {there} but none in {missing}; both are needed");
            Error::data(self.name(), why)
        };
        match (self.sub(a), self.sub(b)) {
            (Some(a), Some(b)) => Ok(Some([a, b])),
            (None, None) => Ok(None),
            (Some(_), None) => Err(lonely(a, b)),
            (None, Some(_)) => Err(lonely(b, a)),
        }
    }

    /// What messages call it.
    pub fn name(&self) -> String {
        let whole = self.whole.listing.name.trim_end_matches('/');
        format!("{whole}/{}", self.prefix).trim_end_matches('/').to_owned()
    }

    /// Each image's path below the part, without what its file's format is called.
    pub fn stems(&self) -> Vec<&str> {
        let stem = |image: &usize| {
            let path = &self.whole.names[*image][self.prefix.len()..];
            path.rsplit_once('.').map_or(path, |(stem, _)| stem)
        };
        self.images.iter().map(stem).collect()
    }

    /// The same images, whose stems are told from below the folders that all of them share.
    pub fn below_shared(&self) -> Self {
        let names: Vec<String> = self.images.iter().map(|image| self.whole.names[*image].clone()).collect();
        let prefix = reader::places(&names).pop().unwrap_or_default();
        Self { whole: self.whole, prefix, images: self.images.clone() }
    }

    /// All of its images.
    pub fn listing(&self) -> Listing {
        self.whole.listing.select(self.name(), &self.images)
    }

    /// Some of its images, in the order given.
    pub fn select(&self, images: &[usize]) -> Listing {
        let images: Vec<usize> = images.iter().map(|image| self.images[*image]).collect();
        self.whole.listing.select(self.name(), &images)
    }

    /// A sentence about images that are in none of these parts.
    pub fn rest(&self, parts: &[&Self]) -> Option<String> {
        let taken: BTreeSet<usize> = parts.iter().flat_map(|part| part.images.iter().copied()).collect();
        let left: Vec<usize> = self.images.iter().copied().filter(|image| !taken.contains(image)).collect();
        let example = &self.whole.names[*left.first()?];
        Some(format!("{} images in other folders were left out, such as {example}", left.len()))
    }
}
