//! Images that belong together, two and two: what pix2pix learns from.

use crate::attributes::Attributes;
use crate::dataset::{Broken, DataSet, Scratch};
use crate::domains::check_sizes;
use crate::error::{Error, Result};
use crate::fit;
use crate::layout::Whole;
use crate::loader::Stock;
use crate::matching::by_stem;
use crate::options::Options;
use crate::order::Pick;
use crate::probe::Probed;
use crate::reader::Listing;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pairs of images, side A and side B, each of its own number of channels. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PairedSet {
    pub(crate) sides: Arc<Sides>,
}

/// Both sides, in the same order.
#[derive(Debug)]
pub(crate) struct Sides {
    name: String,
    a: DataSet,
    b: DataSet,
    notes: Vec<String>,
}

impl PairedSet {
    /// Opens two folders or zips whose images are matched by file stem: `1.png` of A belongs to `1.jpg` of B. `channels`
    /// are those of A and of B, or what `options` says where they are `None`. Both share `options.memory`.
    ///
    /// # Errors
    /// No names in common; names without a partner under `strict`; two sides whose images come to different sizes;
    /// otherwise as [`DataSet::open`].
    pub fn open(a: &str, b: &str, options: &Options, channels: [Option<u32>; 2]) -> Result<Self> {
        let wholes = [Whole::open(a, options, "pairs")?, Whole::open(b, options, "pairs")?];
        let matched = by_stem(&wholes[0].all(), &wholes[1].all(), options.strict)?;
        let mut notes: Vec<String> = matched.note.into_iter().collect();
        for listing in wholes.iter().map(|whole| &whole.listing) {
            notes.extend(listing.notes.iter().map(|note| format!("{}: {note}", listing.name)));
        }
        Ok(Self::of(format!("{a} and {b}"), matched.sides, notes, options, channels)?.0)
    }

    /// Of listings in the same order; says too which images of A were looked at.
    pub(crate) fn of(
        name: String,
        [a, b]: [Listing; 2],
        notes: Vec<String>,
        options: &Options,
        channels: [Option<u32>; 2],
    ) -> Result<(Self, Vec<Probed>)> {
        let open = |listing: Listing, channels: Option<u32>| {
            let (memory, channels) = (options.memory / 2, channels.or(options.channels));
            DataSet::from_listing_probed(listing, Options { memory, channels, ..options.clone() })
        };
        let ((a, probed), (b, probed_b)) = (open(a, channels[0])?, open(b, channels[1])?);
        check_sizes(&a, &b)?;
        let sides = Sides { name, a, b, notes };
        sides.leave_out_unlike(&probed, &probed_b)?;
        Ok((Self { sides: Arc::new(sides) }, probed))
    }

    /// The same pairs with something said about them; of a set that is not yet shared.
    pub(crate) fn with_notes(mut self, notes: Vec<String>) -> Self {
        if let Some(sides) = Arc::get_mut(&mut self.sides) {
            sides.notes = notes;
        }
        self
    }

    /// Number of pairs, the broken ones included, without those held out (or only those).
    pub fn len(&self) -> usize {
        self.sides.a.len()
    }

    /// Never true: a set without pairs cannot be opened.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The folder or folders as they were given.
    pub fn name(&self) -> &str {
        &self.sides.name
    }

    /// Side A: image k is that of pair k.
    pub fn a(&self) -> &DataSet {
        &self.sides.a
    }

    /// Side B.
    pub fn b(&self) -> &DataSet {
        &self.sides.b
    }

    /// What the user should know about how the pairs were read.
    pub fn notes(&self) -> &[String] {
        &self.sides.notes
    }

    /// Images found so far whose pairs are left out. Files are only read when they are needed.
    pub fn broken(&self) -> Vec<Broken> {
        let mut broken = self.sides.a.broken();
        broken.extend(self.sides.b.broken());
        broken
    }

    /// One line for a log: how many pairs, of what.
    pub fn describe(&self) -> String {
        let Sides { name, a, b, .. } = &*self.sides;
        let (count, of_a, of_b, share) = (a.len(), a.shape_words(), b.shape_words(), a.share_words());
        format!("{name}: {count} pairs, A {of_a}, B {of_b}{share}")
    }

    /// Up to `count` pairs spread evenly over the set, each as `[C, H, W]` bytes of A and of B, never mirrored; of a fit
    /// that cuts out pieces at random, the centre. The next readable pair takes the place of one that cannot be read;
    /// none is given twice, so there are fewer where fewer can be read.
    ///
    /// # Errors
    /// No pair can be read; under `strict`, one of those looked at cannot.
    pub fn samples(&self, count: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let count = count.min(self.len());
        let (mut scratch, mut taken) = (Scratch::default(), BTreeSet::new());
        let mut samples = Vec::with_capacity(count);
        for sample in 0..count {
            let mut a = vec![0; self.sides.item_bytes()];
            let index = self.sides.place(&Pick::plain(sample * self.len() / count), &mut scratch, &mut a)?;
            if taken.insert(index) {
                let b = a.split_off(self.sides.a.image_bytes());
                samples.push((a, b));
            }
        }
        Ok(samples)
    }
}

impl Sides {
    /// Leaves out the pairs looked at whose sides do not go together, of which there must be others.
    fn leave_out_unlike(&self, a: &[Probed], b: &[Probed]) -> Result<()> {
        let sizes: BTreeMap<usize, [u32; 2]> = b.iter().map(|probed| (probed.index, probed.size)).collect();
        let (mut good, mut first) = (0, None);
        for probed in a {
            let (Some(index), Some(size)) = (self.a.index_of(probed.index), sizes.get(&probed.index)) else {
                continue;
            };
            match self.go_together(index, probed.size, *size) {
                Ok(()) => good += 1,
                Err(why) => {
                    first.get_or_insert((index, why.clone()));
                    self.b.refuse(index, why)?;
                }
            }
        }
        match first {
            Some((index, why)) if good == 0 => Err(Error::data(self.b.image_name(index), why)),
            _ => Ok(()),
        }
    }

    /// Whether images of these sizes show the same once they are fitted, to about a pixel.
    fn go_together(&self, index: usize, own_a: [u32; 2], own_b: [u32; 2]) -> Result<(), String> {
        let ([wa, ha], [wb, hb]) = (own_a.map(u64::from), own_b.map(u64::from));
        let (target, name) = (self.a.target(), self.a.image_name(index));
        let is = || format!("is {wb} x {hb}, and its partner {} is {wa} x {ha}", name.display());
        if (wa * hb).abs_diff(wb * ha) > wa.max(ha).max(wb).max(hb) {
            return Err(format!("{}: both sides of a pair must have the same proportions", is()));
        }
        let lies = |own: [u32; 2]| (target.scaled(own), fit::shown_in(own, target));
        if lies(own_a) != lies(own_b) {
            return Err(format!(
                "{}: with {} both sides of a pair must have the same size",
                is(),
                target.fit
            ));
        }
        Ok(())
    }
}

impl Stock for Sides {
    const NOUN: &str = "pairs";

    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.a.len()
    }

    /// Side A, then side B.
    fn item_bytes(&self) -> usize {
        self.a.image_bytes() + self.b.image_bytes()
    }

    fn is_whole(&self) -> bool {
        self.a.is_whole() && self.b.is_whole()
    }

    /// A broken image of either side leaves out the pair.
    fn place(&self, pick: &Pick, scratch: &mut Scratch, out: &mut [u8]) -> Result<usize> {
        let (out_a, out_b) = out.split_at_mut(self.a.image_bytes());
        for step in 0..self.len() {
            let pick = Pick { index: (pick.index + step) % self.len(), ..*pick };
            if self.a.is_broken(pick.index) || self.b.is_broken(pick.index) {
                continue;
            }
            let Some(own_a) = self.a.place_this(&pick, scratch, out_a)? else { continue };
            let Some(own_b) = self.b.place_this(&pick, scratch, out_b)? else { continue };
            match self.go_together(pick.index, own_a, own_b) {
                Ok(()) => return Ok(pick.index),
                Err(why) => self.b.refuse(pick.index, why)?,
            }
        }
        Err(Error::data(&self.name, "has no pair that can be read"))
    }

    fn label(&self, _: usize) -> Option<u32> {
        None
    }

    fn attributes(&self) -> Option<&Attributes> {
        None
    }
}
