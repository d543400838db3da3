//! Scores of pairs: images of two sets whose files have the same names but for their endings.

use super::images::{self, Images};
use super::side::Side;
use crate::failure::usage;
use crate::labels;
use crate::progress;
use crate::say::note;
use anyhow::Result;
use gan_core::error::Error;
use gan_data::Original;
use gan_metrics::extract::Extract;
use gan_metrics::paired::{PairScore, PairScores, Paired};
use std::collections::HashMap;
use std::sync::mpsc::sync_channel;

/// Pairs that are scored together.
const AT_A_TIME: usize = 16;
/// Pairs that are decoded ahead.
const AHEAD: usize = 64;
/// Names that a sentence lists.
const LISTED: usize = 3;

/// Which image of one set belongs to which of the other.
pub struct Pairs<'a> {
    generated: &'a Images,
    targets: &'a Images,
    /// Their numbers.
    places: Vec<(usize, usize)>,
}

impl<'a> Pairs<'a> {
    /// Finds partners by name; says which images have none.
    ///
    /// # Errors
    /// A side that is no set of images; two of one name; no pairs.
    pub fn find(generated: &'a Side, targets: &'a Side, count: Option<u64>) -> Result<Self> {
        let (Side::Images(generated), Side::Images(targets)) = (generated, targets) else {
            let side = if matches!(generated, Side::Images(_)) { targets } else { generated };
            return Err(usage(format!(
                "--metrics: pairs are found by their files' names; {} is no folder or zip of images",
                side.name()
            )));
        };
        let (ours, theirs) = (named(generated)?, named(targets)?);
        let mut places: Vec<(usize, usize)> =
            ours.iter().filter_map(|(name, place)| Some((*place, *theirs.get(name)?))).collect();
        places.sort_unstable();
        for (set, names, others) in [(generated, &ours, &theirs), (targets, &theirs, &ours)] {
            let mut alone: Vec<String> =
                names.keys().filter(|name| !others.contains_key(*name)).cloned().collect();
            alone.sort_unstable();
            if places.is_empty() {
                let what = listed(&alone);
                return Err(usage(format!(
                    "--metrics: no file of {} has the name of one of {} (endings apart): {what}",
                    generated.name(),
                    targets.name()
                )));
            }
            if !alone.is_empty() {
                note(format_args!(
                    "note: {} of {} have no partner and are left out of pairs: {}",
                    alone.len(),
                    set.name(),
                    listed(&alone)
                ));
            }
        }
        let all = places.len() as u64;
        let count = count.unwrap_or(all).min(all);
        let spread = |index: u64| places[(u128::from(index) * u128::from(all) / u128::from(count)) as usize];
        Ok(Self { generated, targets, places: (0..count).map(spread).collect() })
    }

    /// Scores all of them.
    ///
    /// # Errors
    /// Partners of two sizes; what a score refuses; none that can be read.
    pub fn score(&self, wanted: &[PairScore], extractor: Option<&dyn Extract>) -> Result<PairScores> {
        let mut paired = Paired::new(wanted, extractor)?;
        let bar = progress::counted(&format!("pairs of {}", self.generated.name()), self.places.len() as u64);
        let mut broken: Vec<String> = Vec::new();
        std::thread::scope(|scope| -> Result<()> {
            let (send, receive) = sync_channel(AHEAD);
            scope.spawn(move || self.places.iter().all(|place| send.send(self.load(*place)).is_ok()));
            let mut waiting: [Vec<Original>; 2] = Default::default();
            let mut push = |waiting: &mut [Vec<Original>; 2]| -> Result<()> {
                let [ours, theirs] = waiting.each_mut().map(std::mem::take);
                if !ours.is_empty() {
                    paired.push(&images::tensor(&ours)?, &images::tensor(&theirs)?)?;
                    bar.inc(ours.len() as u64);
                }
                Ok(())
            };
            for loaded in receive {
                match loaded {
                    Ok(pair) => {
                        let shape = |image: &Original| [image.channels, image.height, image.width];
                        let differs = waiting[0].first().is_some_and(|first| shape(first) != shape(&pair[0]));
                        if differs || waiting[0].len() == AT_A_TIME {
                            push(&mut waiting)?;
                        }
                        waiting.iter_mut().zip(pair).for_each(|(side, image)| side.push(image));
                    }
                    Err(Unfit::Unreadable(why)) => broken.push(why),
                    Err(Unfit::OtherSize(why)) => return Err(usage(why)),
                }
            }
            push(&mut waiting)
        })?;
        bar.finish_and_clear();
        if let Some(first) = broken.first() {
            note(format_args!(
                "warning: {} pairs that cannot be read left out, such as {first}",
                broken.len()
            ));
        }
        Ok(paired.scores()?)
    }

    /// A pair of one shape: where one is grey and the other in colour, grey is the same in all channels.
    fn load(&self, (ours, theirs): (usize, usize)) -> Result<[Original; 2], Unfit> {
        let read = |set: &Images, index| {
            set.image(index).map_err(|error| Unfit::Unreadable(crate::failure::sentence(&error)))
        };
        let mut pair = [read(self.generated, ours)?, read(self.targets, theirs)?];
        let [a, b] = &pair;
        if [a.height, a.width] != [b.height, b.width] {
            return Err(Unfit::OtherSize(format!(
                "--metrics: {} is {} x {} and its partner {} {} x {}; pairs must have one size",
                self.generated.image_name(ours).display(),
                a.width,
                a.height,
                self.targets.image_name(theirs).display(),
                b.width,
                b.height
            )));
        }
        if a.channels != b.channels {
            for image in pair.iter_mut().filter(|image| image.channels == 1) {
                *image = Original { channels: 3, pixels: image.pixels.repeat(3), ..*image };
            }
        }
        Ok(pair)
    }
}

/// Why a pair is not scored.
enum Unfit {
    Unreadable(String),
    OtherSize(String),
}

/// Numbers of images by their files' names within the set, without endings.
fn named(set: &Images) -> Result<HashMap<String, usize>> {
    let mut names = HashMap::new();
    for index in 0..set.len() as usize {
        let path = set.image_name(index);
        let name = path.strip_prefix(set.name()).unwrap_or(&path).with_extension("");
        let name = name.to_string_lossy().into_owned();
        if let Some(other) = names.insert(name, index) {
            let why = format!(
                "has the name of {} but for its ending; pairs must have names of their own",
                set.image_name(other).display()
            );
            return Err(Error::data(path, why).into());
        }
    }
    Ok(names)
}

fn listed(names: &[String]) -> String {
    let first = labels::listed(&names[..names.len().min(LISTED)]);
    if names.len() > LISTED { format!("{first}, ...") } else { first }
}
