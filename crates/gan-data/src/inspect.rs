//! What is in a data set: every image is read and decoded once.

use crate::dataset::Broken;
use crate::decode::{self, Native};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::reader::{self, Backing, Desk, Listing};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A data set in numbers. Lists are sorted by count, the largest first; classes by number.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// The set's name or path as it was given.
    pub name: String,
    /// Images that can be read.
    pub images: usize,
    /// Bytes of their files; of the pixels for sets that are not files of images.
    pub bytes: u64,
    /// Width and height, and how many images have them.
    pub sizes: Vec<([u32; 2], usize)>,
    /// `grey`, `grey and alpha`, `RGB`, `RGBA`.
    pub channels: Vec<(&'static str, usize)>,
    /// File formats such as `png`.
    pub formats: Vec<(String, usize)>,
    /// Every class and its readable images; empty if there are no labels.
    pub classes: Vec<(String, usize)>,
    /// Every attribute with its smallest and largest value, in the order of the CSV's columns; empty if there is none.
    pub attributes: Vec<(String, [f32; 2])>,
    /// Images that cannot be read.
    pub broken: Vec<Broken>,
    /// What the user should know about how the data was read.
    pub notes: Vec<String>,
}

#[derive(Debug, Default)]
struct Tally {
    bytes: u64,
    sizes: BTreeMap<[u32; 2], usize>,
    channels: BTreeMap<u32, usize>,
    formats: BTreeMap<String, usize>,
    classes: BTreeMap<u32, usize>,
    broken: BTreeMap<usize, String>,
}

/// Reads and decodes all of `spec`, on all cores.
///
/// # Errors
/// There is no such data set, or under `strict` one of its images cannot be read.
pub fn inspect(spec: &str, options: &Options) -> Result<Inspection> {
    let listing = reader::open(spec, options)?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| tally(&listing, options, &next))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Tally>| {
            thread.join().map_err(|panic| Error::Worker { why: crate::error::panic_text(&*panic) })
        };
        threads.into_iter().map(join).collect::<Result<_>>()
    })?;
    let mut all = Tally::default();
    for tally in tallies {
        all.bytes += tally.bytes;
        add(&mut all.sizes, tally.sizes);
        add(&mut all.channels, tally.channels);
        add(&mut all.formats, tally.formats);
        add(&mut all.classes, tally.classes);
        all.broken.extend(tally.broken);
    }
    let path = |index: usize| listing.backing.image_name(index);
    if options.strict
        && let Some((index, why)) = all.broken.first_key_value()
    {
        return Err(Error::data(path(*index), why));
    }
    let class = |(label, name): (u32, &String)| (name.clone(), all.classes.get(&label).copied().unwrap_or(0));
    let attributes =
        listing.attributes.as_ref().map(|attributes| (attributes.names.clone(), attributes.ranges()));
    let (names, ranges) = attributes.unwrap_or_default();
    Ok(Inspection {
        images: listing.backing.len() - all.broken.len(),
        bytes: all.bytes,
        sizes: by_count(all.sizes),
        channels: by_count(all.channels)
            .into_iter()
            .map(|(channels, count)| (mode(channels), count))
            .collect(),
        formats: by_count(all.formats),
        classes: (0..).zip(&listing.classes).map(class).collect(),
        attributes: names.into_iter().zip(ranges).collect(),
        broken: all
            .broken
            .iter()
            .map(|(index, why)| Broken { path: path(*index), why: why.clone() })
            .collect(),
        name: listing.name,
        notes: listing.notes,
    })
}

fn tally(listing: &Listing, options: &Options, next: &AtomicUsize) -> Tally {
    let (mut tally, mut desk, mut native) = (Tally::default(), Desk::default(), Native::default());
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= listing.backing.len() {
            return tally;
        }
        let (shape, format, length) = if let Backing::Raw(raw) = &listing.backing {
            ([raw.width, raw.height, raw.channels], "raw".to_owned(), raw.image_bytes())
        } else {
            let decoded = listing.backing.decode(index, options.max_pixels, &mut desk, &mut native);
            let header = decoded.and_then(|()| decode::header(&desk.bytes, options.max_pixels));
            match header {
                Ok(header) => {
                    let format = header.format.extensions_str().first().copied().unwrap_or("other");
                    ([native.width, native.height, native.channels], format.to_owned(), desk.bytes.len())
                }
                Err(why) => {
                    tally.broken.insert(index, why);
                    continue;
                }
            }
        };
        tally.bytes += length as u64;
        *tally.sizes.entry([shape[0], shape[1]]).or_default() += 1;
        *tally.channels.entry(shape[2]).or_default() += 1;
        *tally.formats.entry(format).or_default() += 1;
        if let Some(labels) = &listing.labels {
            *tally.classes.entry(labels[index]).or_default() += 1;
        }
    }
}

fn add<K: Ord>(to: &mut BTreeMap<K, usize>, from: BTreeMap<K, usize>) {
    for (key, count) in from {
        *to.entry(key).or_default() += count;
    }
}

fn by_count<K>(counts: BTreeMap<K, usize>) -> Vec<(K, usize)> {
    let mut counts: Vec<(K, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn mode(channels: u32) -> &'static str {
    match channels {
        1 => "grey",
        2 => "grey and alpha",
        3 => "RGB",
        _ => "RGBA",
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        let more = |f: &mut fmt::Formatter<'_>, all: usize| match all.saturating_sub(SHOWN) {
            0 => Ok(()),
            rest => writeln!(f, "            and {rest} more"),
        };
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  images    {} ({:.1} MB)", self.images, self.bytes as f64 / 1e6)?;
        for (row, ([width, height], count)) in self.sizes.iter().take(SHOWN).enumerate() {
            writeln!(f, "  {:<9} {width} x {height}: {count}", if row == 0 { "sizes" } else { "" })?;
        }
        more(f, self.sizes.len())?;
        for (title, counts) in [
            ("channels", self.channels.iter().map(|(mode, count)| (*mode, *count)).collect::<Vec<_>>()),
            ("formats", self.formats.iter().map(|(format, count)| (format.as_str(), *count)).collect()),
        ] {
            let text: Vec<String> = counts.iter().map(|(name, count)| format!("{name}: {count}")).collect();
            writeln!(f, "  {title:<9} {}", text.join(", "))?;
        }
        if self.classes.is_empty() {
            writeln!(f, "  classes   none")?;
        }
        for (row, (name, count)) in self.classes.iter().take(SHOWN).enumerate() {
            writeln!(f, "  {:<9} {name}: {count}", if row == 0 { "classes" } else { "" })?;
        }
        more(f, self.classes.len())?;
        for (row, (name, [least, most])) in self.attributes.iter().take(SHOWN).enumerate() {
            writeln!(f, "  {:<9} {name}: {least} to {most}", if row == 0 { "attribute" } else { "" })?;
        }
        more(f, self.attributes.len())?;
        writeln!(f, "  broken    {}", self.broken.len())?;
        for broken in self.broken.iter().take(SHOWN) {
            writeln!(f, "            {} {}", broken.path.display(), broken.why)?;
        }
        more(f, self.broken.len())?;
        self.notes.iter().try_for_each(|note| writeln!(f, "  note      {note}"))
    }
}
