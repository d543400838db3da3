//! An opened data set: images of one shape, by number.

use crate::attributes::Attributes;
use crate::decode::Native;
use crate::error::{Error, Result};
use crate::fit::Fitter;
use crate::options::{Fit, Options};
use crate::order::Pick;
use crate::pixels::{Image, Kept, Pixels};
use crate::probe::{self, Probed};
use crate::reader::{self, Backing, Desk, Listing, Raw};
use crate::target::{self, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    /// Number of images, held out or not.
    all: usize,
    pixels: Pixels,
    broken: Mutex<BTreeMap<usize, String>>,
    /// The size of `broken`, to be asked without a lock.
    broken_count: AtomicUsize,
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
    desk: Desk,
    native: Native,
    fitter: Fitter,
    image: Image,
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
        Ok(Self::from_listing_probed(listing, options)?.0)
    }

    /// The set, and the images that were looked at to open it.
    pub(crate) fn from_listing_probed(listing: Listing, options: Options) -> Result<(Self, Vec<Probed>)> {
        let mut found = BTreeMap::new();
        let probed = probe::shapes(&listing, &options, &mut found)?;
        let target = target::decide(&listing, &options, &probed)?;
        let scaled = leave_out_unfit(&listing, &options, &target, &probed, &mut found)?;
        let mut set = Self {
            native: probed[0].size,
            target,
            all: listing.backing.len(),
            pixels: Pixels::OnDemand(Kept::default()),
            broken_count: AtomicUsize::new(found.len()),
            broken: Mutex::new(found),
            attributes: None,
            some: None,
            listing,
            options,
        };
        let scaled = target.before_crop(scaled);
        let memory = set.options.memory;
        let fits = usize::try_from(memory / scaled.bytes() as u64).unwrap_or(usize::MAX);
        if let Some(every) = set.options.every()
            && set.all < every
        {
            let why = format!(
                "one of {every} of {}'s {} images is none: hold out a larger share",
                set.name(),
                set.all
            );
            return Err(Error::config("holdout", why));
        }
        set.some = set.first_of_each_class()?;
        set.attributes = set.listing.attributes.take().map(|all| {
            match set.options.every().is_none() && set.some.is_none() {
                true => all,
                false => all.select((0..set.len()).map(|index| set.place_of(index))),
            }
        });
        set.pixels = if matches!(set.listing.backing, Backing::Raw(_)) && set.all <= fits {
            let pixels = set.take_whole(&scaled)?;
            Pixels::Whole { pixels, size: scaled.size(), each: scaled.bytes() }
        } else {
            // Images of several sizes are kept until there is no more room.
            let slots = if scaled.fit == target.fit { set.all.min(fits) } else { set.all };
            Pixels::OnDemand(Kept::new(if memory == 0 { 0 } else { slots }, memory))
        };
        Ok((set, probed))
    }

    /// Number of images, the broken ones included, without those held out (or only those).
    pub fn len(&self) -> usize {
        let all = self.all;
        if let Some(some) = &self.some {
            return some.len();
        }
        match (self.options.every(), self.options.held_out) {
            (None, _) => all,
            (Some(every), false) => all - all / every,
            (Some(every), true) => all / every,
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
        let mut text = format!("{}: {} images, {}", self.name(), self.len(), self.shape_words());
        match self.classes().len() {
            0 => text += ", no classes",
            classes => text += &format!(", {classes} classes"),
        }
        if let Some(attributes) = &self.attributes {
            text += &format!(", {}", attributes.summary());
        }
        text + &self.share_words()
    }

    /// What every image is and how it got there.
    pub(crate) fn shape_words(&self) -> String {
        let Target { channels, height, width, .. } = self.target;
        format!("{width} x {height} x {channels}{}", self.target.words(self.native))
    }

    /// Whether images are mirrored, and how many more there are.
    pub(crate) fn share_words(&self) -> String {
        let mirrored = if self.options.mirror { ", mirrored at random" } else { "" };
        let more = match (self.all - self.len(), self.options.held_out) {
            _ if self.some.is_some() => {
                format!(", the first {} of each of {}", self.options.per_class, self.all)
            }
            (0, _) => String::new(),
            (others, false) => format!(", {others} more held out"),
            (others, true) => format!(", held out of {}", others + self.len()),
        };
        format!("{mirrored}{more}")
    }

    /// Image `index` as `[C, H, W]` bytes, never mirrored; of a fit that cuts out pieces at random, the centre.
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
        self.place_one(&Pick::plain(place), &mut Scratch::default(), &mut image)
            .map_err(|why| Error::data(self.listing.backing.image_name(place), why))?;
        Ok(image)
    }

    /// Up to `count` images spread evenly over the set, each as `[C, H, W]` bytes, never mirrored; of a fit that
    /// cuts out pieces at random, the centre. The next readable image takes the place of one that cannot be read; none is given twice, so there are fewer where
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
            let pick = Pick::plain(sample * self.len() / count);
            let index = self.place(&pick, &mut scratch, &mut image)?;
            if taken.insert(index) {
                samples.push(image);
            }
        }
        Ok(samples)
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether a batch is no more than a copy.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.pixels, Pixels::Whole { .. })
    }

    /// Writes the picked image, or the next readable one after it, into `out`; says which it was. Which one that
    /// is depends on the files alone, so the order of images does not depend on threads.
    pub(crate) fn place(&self, pick: &Pick, scratch: &mut Scratch, out: &mut [u8]) -> Result<usize> {
        for step in 0..self.len() {
            let pick = Pick { index: (pick.index + step) % self.len(), ..*pick };
            if self.place_this(&pick, scratch, out)?.is_some() {
                return Ok(pick.index);
            }
        }
        Err(Error::data(self.name(), "has no image that can be read"))
    }

    /// Writes the picked image into `out` and says its own width and height; nothing where it cannot be read, which
    /// is remembered.
    pub(crate) fn place_this(
        &self,
        pick: &Pick,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<Option<[u32; 2]>> {
        if self.is_broken(pick.index) {
            return Ok(None);
        }
        let (index, flip) = (self.place_of(pick.index), pick.flip && self.options.mirror);
        match self.place_one(&Pick { index, flip, ..*pick }, scratch, out) {
            Ok(own) => Ok(Some(own)),
            Err(why) => self.refuse(pick.index, why).map(|()| None),
        }
    }

    /// Of the image at place `pick.index`; says its own width and height.
    fn place_one(&self, pick: &Pick, scratch: &mut Scratch, out: &mut [u8]) -> Result<[u32; 2], String> {
        let kept = match &self.pixels {
            Pixels::Whole { pixels, size, each } => {
                self.target.show(&pixels[pick.index * each..][..*each], *size, pick, out);
                return Ok(self.native);
            }
            Pixels::OnDemand(kept) => kept,
        };
        if let Some(image) = kept.get(pick.index) {
            self.target.show(&image.planes, image.size, pick, out);
            return Ok(image.own);
        }
        let Scratch { desk, native, fitter, image } = scratch;
        self.listing.backing.decode(pick.index, self.options.max_pixels, desk, native)?;
        image.own = [native.width, native.height];
        image.size = self.target.scaled(image.own)?;
        let target = self.target.before_crop(image.size);
        image.planes.resize(target.bytes(), 0);
        fitter.fit(native, &target, &mut image.planes)?;
        self.target.show(&image.planes, image.size, pick, out);
        kept.put(pick.index, image);
        Ok(image.own)
    }

    /// Strict sets stop at a broken image; others remember it.
    pub(crate) fn refuse(&self, index: usize, why: String) -> Result<()> {
        let place = self.place_of(index);
        if self.options.strict {
            return Err(probe::strict_error(&self.listing, place, &why));
        }
        let mut broken = self.broken_guard();
        broken.insert(place, why);
        self.broken_count.store(broken.len(), Ordering::Release);
        Ok(())
    }

    pub(crate) fn is_broken(&self, index: usize) -> bool {
        self.broken_count.load(Ordering::Acquire) > 0
            && self.broken_guard().contains_key(&self.place_of(index))
    }

    /// What image `index` is called in messages.
    pub(crate) fn image_name(&self, index: usize) -> PathBuf {
        self.listing.backing.image_name(self.place_of(index))
    }

    /// The image at a place among all, if this set has it.
    pub(crate) fn index_of(&self, place: usize) -> Option<usize> {
        // Places keep the order of images.
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            match self.place_of(middle).cmp(&place) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    fn broken_guard(&self) -> MutexGuard<'_, BTreeMap<usize, String>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A raw set in its final form, with the raw pixels given back.
    fn take_whole(&mut self, target: &Target) -> Result<Vec<u8>> {
        let empty = Raw { channels: 1, height: 1, width: 1, pixels: Vec::new() };
        let Backing::Raw(raw) = &mut self.listing.backing else { return Ok(Vec::new()) };
        let raw = std::mem::replace(raw, empty);
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
                fitter.fit(&mut native, target, out)?;
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

/// Leaves out the images looked at that cannot become what is asked for, of which there must be others; the scaled size
/// of the first of these.
fn leave_out_unfit(
    listing: &Listing,
    options: &Options,
    target: &Target,
    probed: &[Probed],
    broken: &mut BTreeMap<usize, String>,
) -> Result<[u32; 2]> {
    let (mut first, mut unfit) = (None, None);
    for Probed { index, size, .. } in probed {
        match target.scaled(*size) {
            Ok(scaled) => first = first.or(Some(scaled)),
            Err(why) if options.strict => return Err(probe::strict_error(listing, *index, &why)),
            Err(why) => {
                unfit.get_or_insert((*index, why.clone()));
                broken.insert(*index, why);
            }
        }
    }
    first.ok_or_else(|| {
        let (index, why) = unfit.unwrap_or_default();
        match listing.backing {
            Backing::Raw(_) => Error::data(&listing.name, format!("every image {why}")),
            _ => Error::data(listing.backing.image_name(index), why),
        }
    })
}
