//! Sizes and channels of a data set's images, from their headers.

use crate::error::{Error, Result, panic_text};
use crate::options::Options;
use crate::reader::Listing;
use std::collections::BTreeMap;

/// Images looked at in any case.
const FEW: usize = 64;
/// Images looked at where the few leave something open.
const MANY: usize = 10_000;

/// What the header of one image says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probed {
    /// Of the image.
    pub index: usize,
    /// Width and height.
    pub size: [u32; 2],
    pub channels: u32,
}

impl Probed {
    fn new(index: usize, [width, height, channels]: [u32; 3]) -> Self {
        Self { index, size: [width, height], channels }
    }
}

/// What images spread over the set are like; at least one. All images, up to a number, unless
/// the options or the first ones seen decide size and channels.
pub(crate) fn shapes(
    listing: &Listing,
    options: &Options,
    broken: &mut BTreeMap<usize, String>,
) -> Result<Vec<Probed>> {
    let mut shapes = few(listing, options, broken)?;
    let first = shapes[0].size;
    let is_colour = shapes.iter().any(|probed| probed.channels >= 3);
    let agree = shapes.iter().all(|probed| probed.size == first);
    let is_open = options.channels.is_none() && !is_colour
        || options.size.is_none() && agree
        || options.fit.follows_images();
    if is_open && listing.backing.is_files() {
        shapes.extend(many(listing, options, broken)?);
    }
    Ok(shapes)
}

fn few(listing: &Listing, options: &Options, broken: &mut BTreeMap<usize, String>) -> Result<Vec<Probed>> {
    let len = listing.backing.len();
    let mut shapes = Vec::new();
    let mut bytes = Vec::new();
    // If none of the spread ones can be read, one of the others may.
    for (tried, index) in spread(FEW, len).chain(0..len).enumerate() {
        if tried >= FEW.min(len) && !shapes.is_empty() {
            break;
        }
        if broken.contains_key(&index) {
            continue;
        }
        match listing.backing.shape(index, options.max_pixels, &mut bytes) {
            Ok(shape) => shapes.push(Probed::new(index, shape)),
            Err(why) if options.strict => return Err(strict_error(listing, index, &why)),
            Err(why) => drop(broken.insert(index, why)),
        }
    }
    if shapes.is_empty() {
        let first = broken.iter().next().map(|(index, why)| (listing.backing.image_name(*index), why));
        let first = first.map_or(String::new(), |(path, why)| format!(": {} {why}", path.display()));
        return Err(Error::data(&listing.name, format!("none of its {len} images can be read{first}")));
    }
    Ok(shapes)
}

/// On all cores, and no more of each file than its start where that is enough.
fn many(listing: &Listing, options: &Options, broken: &mut BTreeMap<usize, String>) -> Result<Vec<Probed>> {
    let len = listing.backing.len();
    let indices: Vec<usize> = spread(MANY, len).filter(|index| !broken.contains_key(index)).collect();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let look = |indices: &[usize]| {
        let mut bytes = Vec::new();
        let mut shape = |index: usize| listing.backing.quick_shape(index, options.max_pixels, &mut bytes);
        indices.iter().map(|index| (*index, shape(*index))).collect::<Vec<_>>()
    };
    let looked = std::thread::scope(|scope| {
        let parts = indices.chunks(indices.len().div_ceil(threads).max(1));
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || look(part))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<_>>| {
            thread.join().map_err(|panic| Error::Worker { why: panic_text(&*panic) })
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    let mut shapes = Vec::with_capacity(indices.len());
    for (index, shape) in looked.into_iter().flatten() {
        match shape {
            Ok(shape) => shapes.push(Probed::new(index, shape)),
            Err(why) if options.strict => return Err(strict_error(listing, index, &why)),
            Err(why) => drop(broken.insert(index, why)),
        }
    }
    Ok(shapes)
}

fn spread(most: usize, len: usize) -> impl Iterator<Item = usize> {
    let count = most.min(len);
    (0..count).map(move |at| at * len / count)
}

/// What a broken image is under `strict`.
pub(crate) fn strict_error(listing: &Listing, index: usize, why: &str) -> Error {
    Error::data(
        listing.backing.image_name(index),
        format!("{why}; remove it, or go on without strict to skip it"),
    )
}
