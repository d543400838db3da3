//! Two sets of images without pairs, to be translated into each other: what CycleGAN learns from.

use crate::dataset::DataSet;
use crate::error::{Error, Result};
use crate::layout::{Part, Whole};
use crate::options::Options;
use crate::reader::{self, Listing};
use std::sync::Arc;

/// Two domains to learn from, and images of each that are only for looking at, where there are some.
#[derive(Debug)]
pub struct Domains {
    /// Domain A.
    pub a: Arc<DataSet>,
    /// Domain B.
    pub b: Arc<DataSet>,
    /// Images of A that training never shows, from `testA`.
    pub test_a: Option<Arc<DataSet>>,
    /// Images of B that training never shows, from `testB`.
    pub test_b: Option<Arc<DataSet>>,
    /// What the user should know about how they were read, the notes of every set among it.
    pub notes: Vec<String>,
}

impl Domains {
    /// Opens a domain from each of two specs, which are anything that [`DataSet::open`] takes. `channels` are those of A
    /// and of B, or what `options` says where they are `None`. The two share `options.memory`.
    ///
    /// # Errors
    /// As [`DataSet::open`]; domains whose images come to different sizes.
    pub fn open(a: &str, b: &str, options: &Options, channels: [Option<u32>; 2]) -> Result<Self> {
        let listings = [reader::open(a, options)?, reader::open(b, options)?];
        Self::of(listings, options, channels)
    }

    /// Opens a folder or zip in the layout of the original: `trainA`, `trainB` and, where present, `testA` and `testB`;
    /// or `A` and `B`, each optionally with `train` and `test`.
    ///
    /// # Errors
    /// One of the two is missing; otherwise as [`Domains::open`].
    pub fn open_folder(folder: &str, options: &Options, channels: [Option<u32>; 2]) -> Result<Self> {
        let whole = Whole::open(folder, options, "domains")?;
        let top = whole.top();
        let parts = match top.both(["trainA", "trainB"])? {
            Some(parts) => Some(parts),
            None => top.both(["A", "B"])?,
        };
        let Some([a, b]) = parts else {
            let why = "has no images in subfolders trainA and trainB, nor in A and B; name them so, or, to train, give \
                       each domain's folder by itself (--domain-a, --domain-b)";
            return Err(Error::data(folder, why));
        };
        // Each may have splits of its own.
        let (a, b, [test_a, test_b]) = match (a.sub("train"), b.sub("train")) {
            (Some(train_a), Some(train_b)) => (train_a, train_b, [a, b].map(|domain| domain.sub("test"))),
            _ => (a, b, ["testA", "testB"].map(|name| top.sub(name))),
        };
        let mut domains = Self::of([a.listing(), b.listing()], options, channels)?;
        let open = |test: &Option<Part<'_>>, like: &DataSet| -> Result<Option<Arc<DataSet>>> {
            let options = like_training(options, like);
            let open = |part: &Part<'_>| DataSet::from_listing(part.listing(), options).map(Arc::new);
            test.as_ref().map(open).transpose()
        };
        domains.test_a = open(&test_a, &domains.a)?;
        domains.test_b = open(&test_b, &domains.b)?;
        let parts: Vec<&Part<'_>> =
            [&a, &b].into_iter().chain([&test_a, &test_b].into_iter().flatten()).collect();
        domains.notes.extend(top.rest(&parts));
        domains.notes.extend(whole.listing.notes.iter().cloned());
        Ok(domains)
    }

    fn of(listings: [Listing; 2], options: &Options, channels: [Option<u32>; 2]) -> Result<Self> {
        let [a, b] = listings;
        let open = |listing: Listing, channels: Option<u32>| {
            let memory = options.memory / 2;
            let channels = channels.or(options.channels);
            DataSet::from_listing(listing, Options { memory, channels, ..options.clone() })
        };
        let [a, b] = [open(a, channels[0])?, open(b, channels[1])?];
        check_sizes(&a, &b)?;
        let mut notes = Vec::new();
        for set in [&a, &b] {
            notes.extend(set.notes().iter().map(|note| format!("{}: {note}", set.name())));
            if set.len() == 1 {
                notes.push(format!("{} has a single image, which will be learned by heart", set.name()));
            }
        }
        Ok(Self { a: Arc::new(a), b: Arc::new(b), test_a: None, test_b: None, notes })
    }
}

/// Options for images that are looked at beside those trained on: of the same shape, nothing held out, none kept.
pub(crate) fn like_training(options: &Options, like: &DataSet) -> Options {
    Options {
        size: Some(like.height()),
        width: Some(like.width()),
        channels: Some(like.channels()),
        mirror: false,
        holdout: 0.0,
        held_out: false,
        per_class: 0,
        memory: 0,
        ..options.clone()
    }
}

/// Refuses two sets whose images cannot stand side by side.
pub(crate) fn check_sizes(a: &DataSet, b: &DataSet) -> Result<()> {
    let [size_a, size_b] = [a, b].map(|set| [set.width(), set.height()]);
    if size_a == size_b {
        return Ok(());
    }
    let ([wa, ha], [wb, hb]) = (size_a, size_b);
    let (a, b) = (a.name(), b.name());
    Err(Error::config(
        "size",
        format!("the images of {a} are {wa} x {ha} and those of {b} {wb} x {hb}; choose one"),
    ))
}
