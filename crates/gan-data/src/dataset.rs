//! An opened data set: images of one shape, by number.

use crate::attributes::Attributes;
use crate::decode::Native;
use crate::error::{Error, Result};
use crate::fit::{Fitter, Target, copy_rows};
use crate::options::{Fit, Options};
use crate::probe;
use crate::reader::{self, Backing, Listing, Raw};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Images of one shape, decoded when they are needed and kept as far as memory is allowed.
#[derive(Debug)]
pub struct DataSet {
    listing: Listing,
    /// Of the images that this set has, in their order: what is held out has no part in their ranges.
    attributes: Option<Attributes>,
    /// Places of the images that this set has, where it has only some of each class.
    some: Option<Vec<usize>>,
    options: Options,
    target: Target,
    native: [u32; 2],
    pixels: Pixels,
    broken: Mutex<BTreeMap<usize, String>>,
    /// The size of `broken`, to be asked without a lock.
    broken_count: AtomicUsize,
}

#[derive(Debug)]
enum Pixels {
    /// Every image in its final form, one after another.
    Whole(Vec<u8>),
    /// The first images, as many as memory is allowed for; each is filled when it is first decoded.
    OnDemand(Vec<OnceLock<Box<[u8]>>>),
}

/// An image that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The file, or archive and entry.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// Memory that one thread uses again for every image.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    native: Native,
    fitter: Fitter,
}

impl DataSet {
    /// Opens what `spec` names: a named set (see [`crate::list`]), a folder of images, a zip of images, an IDX
    /// file or a folder with them, CIFAR's binary files or their folder.
    ///
    /// # Errors
    /// There is no such thing, it holds no image that can be read, or the options do not go with it.
    pub fn open(spec: &str, options: &Options) -> Result<Self> {
        Self::from_listing(reader::open(spec, options)?, options.clone())
    }

    pub(crate) fn from_listing(listing: Listing, options: Options) -> Result<Self> {
        let mut found = BTreeMap::new();
        let probed = probe::shapes(&listing, &options, &mut found)?;
        let target = target(&listing, &options, &probed)?;
        let mut set = Self {
            native: [probed[0][0], probed[0][1]],
            target,
            pixels: Pixels::OnDemand(Vec::new()),
            broken_count: AtomicUsize::new(found.len()),
            broken: Mutex::new(found),
            attributes: None,
            some: None,
            listing,
            options,
        };
        let image = target.bytes() as u64;
        let fits = usize::try_from(set.options.memory / image).unwrap_or(usize::MAX);
        if let Some(every) = set.options.every()
            && set.all() < every
        {
            let why = format!("every {every}th of {} images is none: hold out a larger share", set.all());
            return Err(Error::config("holdout", why));
        }
        set.some = set.first_of_each_class()?;
        set.attributes = set.listing.attributes.take().map(|all| {
            match set.options.every().is_none() && set.some.is_none() {
                true => all,
                false => all.select((0..set.len()).map(|index| set.place_of(index))),
            }
        });
        set.pixels = if matches!(set.listing.backing, Backing::Raw(_)) && set.all() <= fits {
            Pixels::Whole(set.take_whole()?)
        } else {
            let mut cache = Vec::new();
            cache.resize_with(set.all().min(fits), OnceLock::new);
            Pixels::OnDemand(cache)
        };
        Ok(set)
    }

    /// Number of images, the broken ones included, without those held out (or only those).
    pub fn len(&self) -> usize {
        let all = self.all();
        if let Some(some) = &self.some {
            return some.len();
        }
        match (self.options.every(), self.options.held_out) {
            (None, _) => all,
            (Some(every), false) => all - all / every,
            (Some(every), true) => all / every,
        }
    }

    /// Number of images, held out or not.
    fn all(&self) -> usize {
        match &self.pixels {
            Pixels::Whole(pixels) => pixels.len() / self.target.bytes(),
            Pixels::OnDemand(_) => self.listing.backing.len(),
        }
    }

    /// Places of the first `per_class` images of each class; what is held out is not touched.
    fn first_of_each_class(&self) -> Result<Option<Vec<usize>>> {
        let most = self.options.per_class;
        if most == 0 || self.options.held_out {
            return Ok(None);
        }
        if self.listing.labels.is_none() {
            let why = format!("{most} images of each class: {} has no classes", self.listing.name);
            return Err(Error::config("per_class", why));
        }
        let mut seen = vec![0; self.listing.classes.len()];
        let is_wanted = |index: &usize| match self.label(*index) {
            Some(class) => {
                seen[class as usize] += 1;
                seen[class as usize] <= most
            }
            None => false,
        };
        let chosen: Vec<usize> =
            (0..self.len()).filter(is_wanted).map(|index| self.place_of(index)).collect();
        Ok(Some(chosen))
    }

    /// Where image `index` stands among all.
    fn place_of(&self, index: usize) -> usize {
        if let Some(some) = &self.some {
            return some[index];
        }
        match (self.options.every(), self.options.held_out) {
            (None, _) => index,
            (Some(every), false) => index + index / (every - 1),
            (Some(every), true) => index * every + every - 1,
        }
    }

    /// Never true: a set without images cannot be opened.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The set's name or path as it was given.
    pub fn name(&self) -> &str {
        &self.listing.name
    }

    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    pub fn channels(&self) -> u32 {
        self.target.channels
    }

    /// Height of every image.
    pub fn height(&self) -> u32 {
        self.target.height
    }

    /// Width of every image.
    pub fn width(&self) -> u32 {
        self.target.width
    }

    /// Bytes of one image.
    pub fn image_bytes(&self) -> usize {
        self.target.bytes()
    }

    /// The classes' names; empty if there are no labels.
    pub fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    /// Image `index`'s class, if the set has labels.
    pub fn label(&self, index: usize) -> Option<u32> {
        self.listing.labels.as_ref()?.get(self.place_of(index)).copied()
    }

    /// Every image's attributes, if a CSV gives them; those of image `index` are [`Attributes::of`] it.
    pub fn attributes(&self) -> Option<&Attributes> {
        self.attributes.as_ref()
    }

    /// How images are made to fit; never [`Fit::Auto`].
    pub fn fit(&self) -> Fit {
        self.target.fit
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What the user should know about how the data was read.
    pub fn notes(&self) -> &[String] {
        &self.listing.notes
    }

    /// Images found unreadable so far. Files are only read when they are needed; [`crate::inspect`] reads all.
    pub fn broken(&self) -> Vec<Broken> {
        let path = |index: usize| self.listing.backing.image_name(index);
        self.broken_guard()
            .iter()
            .map(|(index, why)| Broken { path: path(*index), why: why.clone() })
            .collect()
    }

    /// One line for a log: how many images, of what, as what.
    pub fn describe(&self) -> String {
        let [width, height] = self.native;
        let Target { channels, height: th, width: tw, fit } = self.target;
        let mut text = format!("{}: {} images, {tw} x {th} x {channels}", self.name(), self.len());
        if [width, height] != [tw, th] {
            let how = match fit {
                Fit::Pad => "padded with black",
                Fit::PadEdge => "padded with their edges",
                Fit::Stretch => "stretched",
                Fit::Auto | Fit::Crop => "cropped and resized",
            };
            text += &format!(" ({how} from {width} x {height})");
        }
        match self.classes().len() {
            0 => text += ", no classes",
            classes => text += &format!(", {classes} classes"),
        }
        if let Some(attributes) = &self.attributes {
            text += &format!(", {}", attributes.summary());
        }
        if self.options.mirror {
            text += ", mirrored at random";
        }
        match (self.all() - self.len(), self.options.held_out) {
            _ if self.some.is_some() => {
                text += &format!(", the first {} of each of {}", self.options.per_class, self.all());
            }
            (0, _) => {}
            (others, false) => text += &format!(", {others} more held out"),
            (others, true) => text += &format!(", held out of {}", others + self.len()),
        }
        text
    }

    /// Image `index` as `[C, H, W]` bytes, never mirrored.
    ///
    /// # Errors
    /// The image cannot be read, or there is none of this number.
    pub fn load(&self, index: usize) -> Result<Vec<u8>> {
        if index >= self.len() {
            let why = format!("there is no image {index}; the {} images are numbered from 0", self.len());
            return Err(Error::data(self.name(), why));
        }
        let mut image = vec![0; self.target.bytes()];
        let place = self.place_of(index);
        self.place_one(place, false, &mut Scratch::default(), &mut image)
            .map_err(|why| Error::data(self.listing.backing.image_name(place), why))?;
        Ok(image)
    }

    /// Up to `count` images spread evenly over the set, each as `[C, H, W]` bytes, never mirrored. The next
    /// readable image takes the place of one that cannot be read; none is given twice, so there are fewer where
    /// fewer can be read.
    ///
    /// # Errors
    /// No image can be read; under `strict`, one of those looked at cannot.
    pub fn samples(&self, count: usize) -> Result<Vec<Vec<u8>>> {
        let count = count.min(self.len());
        let mut scratch = Scratch::default();
        let mut taken = BTreeSet::new();
        let mut samples = Vec::with_capacity(count);
        for sample in 0..count {
            let mut image = vec![0; self.target.bytes()];
            let index = self.place(sample * self.len() / count, false, &mut scratch, &mut image)?;
            if taken.insert(index) {
                samples.push(image);
            }
        }
        Ok(samples)
    }

    /// Whether a batch is no more than a copy.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.pixels, Pixels::Whole(_))
    }

    /// Writes image `index`, or the next readable one after it, into `out`; says which it was. Which one that
    /// is depends on the files alone, so the order of images does not depend on threads.
    pub(crate) fn place(
        &self,
        index: usize,
        flip: bool,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<usize> {
        let flip = flip && self.options.mirror;
        for step in 0..self.len() {
            let index = (index + step) % self.len();
            let place = self.place_of(index);
            if self.is_broken(place) {
                continue;
            }
            match self.place_one(place, flip, scratch, out) {
                Ok(()) => return Ok(index),
                Err(why) => self.refuse(place, why)?,
            }
        }
        Err(Error::data(self.name(), "has no image that can be read"))
    }

    fn place_one(
        &self,
        index: usize,
        flip: bool,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<(), String> {
        let width = self.target.width as usize;
        match &self.pixels {
            Pixels::Whole(pixels) => {
                let bytes = self.target.bytes();
                copy_rows(&pixels[index * bytes..][..bytes], out, width, flip);
            }
            Pixels::OnDemand(cache) => match cache.get(index) {
                Some(slot) => {
                    if slot.get().is_none() {
                        let mut image = vec![0; self.target.bytes()].into_boxed_slice();
                        self.decode(index, scratch, &mut image)?;
                        // Two threads may have decoded the same image; both results are equal.
                        let _ = slot.set(image);
                    }
                    copy_rows(slot.get().map_or(&[], |image| image), out, width, flip);
                }
                None => {
                    self.decode(index, scratch, out)?;
                    if flip {
                        out.chunks_exact_mut(width).for_each(<[u8]>::reverse);
                    }
                }
            },
        }
        Ok(())
    }

    fn decode(&self, index: usize, scratch: &mut Scratch, out: &mut [u8]) -> Result<(), String> {
        let Scratch { bytes, native, fitter } = scratch;
        self.listing.backing.decode(index, self.options.max_pixels, bytes, native)?;
        fitter.fit(native, &self.target, out)
    }

    /// Strict sets stop at a broken image; others remember it.
    fn refuse(&self, index: usize, why: String) -> Result<()> {
        if self.options.strict {
            return Err(probe::strict_error(&self.listing, index, &why));
        }
        let mut broken = self.broken_guard();
        broken.insert(index, why);
        self.broken_count.store(broken.len(), Ordering::Release);
        Ok(())
    }

    fn is_broken(&self, index: usize) -> bool {
        self.broken_count.load(Ordering::Acquire) > 0 && self.broken_guard().contains_key(&index)
    }

    fn broken_guard(&self) -> MutexGuard<'_, BTreeMap<usize, String>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A raw set in its final form, with the raw pixels given back.
    fn take_whole(&mut self) -> Result<Vec<u8>> {
        let empty = Raw { channels: 1, height: 1, width: 1, pixels: Vec::new() };
        let Backing::Raw(raw) = &mut self.listing.backing else { return Ok(Vec::new()) };
        let raw = std::mem::replace(raw, empty);
        let target = self.target;
        if [raw.channels, raw.height, raw.width] == [target.channels, target.height, target.width] {
            return Ok(raw.pixels);
        }
        let bytes = target.bytes();
        let mut whole = vec![0; raw.len() * bytes];
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = raw.len().div_ceil(threads).max(1);
        let fit_share = |share_index: usize, out: &mut [u8]| {
            let (mut fitter, mut native) = (Fitter::default(), Native::default());
            for (offset, out) in out.chunks_exact_mut(bytes).enumerate() {
                raw.interleave(share_index * share + offset, &mut native);
                fitter.fit(&mut native, &target, out)?;
            }
            Ok(())
        };
        let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
            let parts = whole.chunks_mut(share * bytes).enumerate();
            let threads: Vec<_> =
                parts.map(|(index, out)| scope.spawn(move || fit_share(index, out))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| Err(crate::error::panic_text(&*panic))))
                .collect()
        });
        results.into_iter().collect::<Result<(), String>>().map_err(|why| Error::data(self.name(), why))?;
        Ok(whole)
    }
}

fn target(listing: &Listing, options: &Options, shapes: &[[u32; 3]]) -> Result<Target> {
    let [width, height, _] = shapes[0];
    let size = match options.size {
        Some(size) => size,
        None => {
            if let Some([w, h, _]) = shapes.iter().find(|[w, h, _]| [*w, *h] != [width, height]) {
                let why = format!(
                    "the images have several sizes, such as {width} x {height} and {w} x {h}; choose one"
                );
                return Err(Error::config("size", why));
            }
            if width != height {
                return Err(Error::config(
                    "size",
                    format!("the images are {width} x {height}, not square; choose one"),
                ));
            }
            width
        }
    };
    let has_colour = shapes.iter().any(|[_, _, channels]| *channels >= 3);
    let channels = options.channels.unwrap_or(if has_colour { 3 } else { 1 });
    let slightly_smaller = |side: u32| side < size && size <= side + side / 4;
    let fit = match options.fit {
        Fit::Auto if matches!(listing.backing, Backing::Raw(_)) => {
            if slightly_smaller(width) && slightly_smaller(height) { Fit::Pad } else { Fit::Crop }
        }
        Fit::Auto => Fit::Crop,
        fit => fit,
    };
    Ok(Target { channels, height: size, width: size, fit })
}
