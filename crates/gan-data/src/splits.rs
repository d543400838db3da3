//! Where pairs are in a folder or archive: subfolders of both sides, or pictures that show A and B side by side.

use crate::domains::like_training;
use crate::error::{Error, Result};
use crate::layout::{Part, Whole};
use crate::matching::by_stem;
use crate::options::Options;
use crate::pairs::PairedSet;
use crate::probe::Probed;

/// Proportions of pictures of A beside B differ by less than this factor; those of a single image by more.
const ALIKE: f64 = 1.5;

/// Pairs to learn from, and pairs that are only for looking at, where there are some.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// Those to learn from.
    pub train: PairedSet,
    /// Those of the folder `val`.
    pub val: Option<PairedSet>,
    /// Those of the folder `test`, or of `testA` and `testB`.
    pub test: Option<PairedSet>,
}

impl Pairs {
    /// Opens one folder or zip. It may hold subfolders `trainA` and `trainB` (and `testA` and `testB`), or `A` and `B`
    /// (optionally with `train`, `val` and `test` in each), whose images are matched by file stem. Otherwise its
    /// pictures, or those of its subfolders `train`, `val` and `test`, show A on the left and B on the right.
    /// `channels` are those of A and of B, or what `options` says where they are `None`.
    ///
    /// # Errors
    /// Names without a partner under `strict`; one of two folders is missing; pictures that cannot be two sides;
    /// otherwise as [`crate::DataSet::open`].
    pub fn open(folder: &str, options: &Options, channels: [Option<u32>; 2]) -> Result<Self> {
        let whole = Whole::open(folder, options, "pairs")?;
        let opening = Opening { whole: Some(&whole), options: options.clone(), channels };
        let top = whole.top();
        if let Some(train) = top.both(["trainA", "trainB"])? {
            let test = top.both(["testA", "testB"])?;
            let note = top.rest(&train.iter().chain(test.iter().flatten()).collect::<Vec<_>>());
            let train = opening.matched(&train, note)?;
            let test = test.map(|test| opening.like(&train).matched(&test, None)).transpose()?;
            return Ok(Self { train, val: None, test });
        }
        if let Some([a, b]) = top.both(["A", "B"])? {
            let note = top.rest(&[&a, &b]);
            let Some(train) = of_both(&a, &b, "train")? else {
                return Ok(Self { train: opening.matched(&[a, b], note)?, val: None, test: None });
            };
            let [val, test] = [of_both(&a, &b, "val")?, of_both(&a, &b, "test")?];
            let train = opening.matched(&train, note)?;
            let other = |sides: Option<[Part<'_>; 2]>| {
                sides.map(|sides| opening.like(&train).matched(&sides, None)).transpose()
            };
            let [val, test] = [other(val)?, other(test)?];
            return Ok(Self { train, val, test });
        }
        let Some(train) = top.sub("train") else {
            return Ok(Self { train: opening.part(&top, None)?, val: None, test: None });
        };
        let [val, test] = ["val", "test"].map(|name| top.sub(name));
        let note =
            top.rest(&[Some(&train), val.as_ref(), test.as_ref()].into_iter().flatten().collect::<Vec<_>>());
        let train = opening.part(&train, note)?;
        let other =
            |part: Option<Part<'_>>| part.map(|part| opening.like(&train).part(&part, None)).transpose();
        let [val, test] = [other(val)?, other(test)?];
        Ok(Self { train, val, test })
    }
}

/// The same split of both sides, if both have it.
fn of_both<'a>(a: &Part<'a>, b: &Part<'a>, split: &str) -> Result<Option<[Part<'a>; 2]>> {
    let lonely = |there: &Part<'_>, missing: &Part<'_>| {
        let why = format!("has images in {split}, but {} has none there; both are needed", missing.name());
        Error::data(there.name(), why)
    };
    match (a.sub(split), b.sub(split)) {
        (Some(a), Some(b)) => Ok(Some([a, b])),
        (None, None) => Ok(None),
        (Some(_), None) => Err(lonely(a, b)),
        (None, Some(_)) => Err(lonely(b, a)),
    }
}

/// How parts become pairs.
#[derive(Debug)]
struct Opening<'a> {
    /// Whose notes are to be said.
    whole: Option<&'a Whole>,
    options: Options,
    channels: [Option<u32>; 2],
}

impl Opening<'_> {
    /// For pairs that are looked at beside those trained on.
    fn like(&self, train: &PairedSet) -> Self {
        let channels = [train.a(), train.b()].map(|side| Some(side.channels()));
        Self { whole: None, options: like_training(&self.options, train.a()), channels }
    }

    /// A part with subfolders for both sides, or with pictures side by side.
    fn part(&self, part: &Part<'_>, note: Option<String>) -> Result<PairedSet> {
        match part.both(["A", "B"])? {
            Some(sides) => self.matched(&sides, note),
            None => self.side_by_side(part, note),
        }
    }

    fn matched(&self, [a, b]: &[Part<'_>; 2], note: Option<String>) -> Result<PairedSet> {
        let matched = by_stem(a, b, self.options.strict)?;
        let notes = self.notes(matched.note.into_iter().chain(note));
        let name = format!("{} and {}", a.name(), b.name());
        Ok(PairedSet::of(name, matched.sides, notes, &self.options, self.channels)?.0)
    }

    fn side_by_side(&self, part: &Part<'_>, note: Option<String>) -> Result<PairedSet> {
        let listing = part.listing();
        let name = |probed: &Probed| listing.backing.image_name(probed.index).display().to_string();
        let mut notes = self.notes(note.into_iter());
        let halves = part.listing().halves();
        let (pairs, probed) = PairedSet::of(part.name(), halves, Vec::new(), &self.options, self.channels)?;
        let wide = |probed: &Probed| f64::from(probed.size[0]) / f64::from(probed.size[1]);
        let by_width = |a: &&Probed, b: &&Probed| wide(a).total_cmp(&wide(b));
        let (least, most) = (probed.iter().min_by(by_width), probed.iter().max_by(by_width));
        if let (Some(least), Some(most)) = (least, most) {
            let whole = |probed: &Probed| format!("{} x {}", 2 * probed.size[0], probed.size[1]);
            if wide(most) > ALIKE * wide(least) {
                let why = format!(
                    "is {} and {} is {}: not all of these pictures can be two sides, A left and B right; give the sides \
                     as two folders, or remove what is no pair",
                    whole(least),
                    name(most),
                    whole(most)
                );
                return Err(Error::data(name(least), why));
            }
            if ALIKE * wide(most) < 1.0 {
                notes.push(format!(
                    "each side is taller than wide, of pictures of {}; if these are not A and B side by side, give the \
                     sides as two folders",
                    whole(most)
                ));
            }
        }
        Ok(pairs.with_notes(notes))
    }

    /// What is said about a part, then what is said about everything, which is only said of the part trained on.
    fn notes(&self, part: impl Iterator<Item = String>) -> Vec<String> {
        let whole = self.whole.map_or(&[][..], |whole| &whole.listing.notes);
        part.chain(whole.iter().cloned()).collect()
    }
}
