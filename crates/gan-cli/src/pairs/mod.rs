//! The data of a run that translates images: two domains, given pairs, or pairs made of plain images.

mod open;

pub use open::{open, open_as_is, open_held_out};

use crate::config::RunConfig;
use crate::pictures;
use anyhow::Result;
use gan_core::data::{PairBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::random::Streams;
use gan_core::tensor::grid::side_by_side;
use gan_core::tensor::range;
use gan_core::variant::Panel;
use gan_data::{
    Broken, DataSet, DomainSource, ImageSource, PairSource, PairedSet, Sampling, Task, TaskSource,
};
use gan_report::Picture;
use std::ops::Range;
use std::sync::Arc;
use tch::{Device, Kind, Tensor, no_grad};

/// Pairs that are looked at: on the first sheet and in previews.
const SHOWN: usize = 8;
/// Images that are translated at a time.
const AT_A_TIME: i64 = 8;

/// What pairs are drawn from.
#[derive(Debug, Clone)]
pub enum Pairs {
    /// Images of two domains that do not belong together.
    Domains([Arc<DataSet>; 2], Vec<String>),
    /// Images that do.
    Given(PairedSet),
    /// Images that are spoilt on the fly, to be restored.
    Made(Arc<DataSet>, Task),
}

/// A run's batches.
#[derive(Debug)]
pub enum DrawnPairs {
    /// Of two domains.
    Domains(Box<DomainSource>),
    /// Of given pairs.
    Given(Box<PairSource>),
    /// Of pairs that are made.
    Made(Box<TaskSource<ImageSource>>),
}

impl Pairs {
    /// Whether the sides of a pair belong together.
    pub fn are_pairs(&self) -> bool {
        !matches!(self, Self::Domains(..))
    }

    /// What pairs are made for, where they are made.
    pub fn task(&self) -> Option<&Task> {
        match self {
            Self::Made(_, task) => Some(task),
            _ => None,
        }
    }

    /// Channels of both sides.
    ///
    /// # Errors
    /// Images that the task is not for.
    pub fn channels(&self) -> Result<[i64; 2]> {
        Ok(match self {
            Self::Domains([a, b], _) => [a.channels().into(), b.channels().into()],
            Self::Given(set) => [set.a().channels().into(), set.b().channels().into()],
            Self::Made(set, task) => task.channels(set.channels().into())?,
        })
    }

    /// How much larger the second image of a pair is.
    pub fn scale(&self) -> i64 {
        self.task().map_or(1, Task::scale)
    }

    /// What it is, in a line.
    pub fn summary(&self) -> String {
        match self {
            Self::Domains([a, b], _) => format!("A: {}; B: {}", a.describe(), b.describe()),
            Self::Given(set) => set.describe(),
            Self::Made(set, task) => format!("{} of {}", task.word(), set.describe()),
        }
    }

    /// What the user should know about how it was read.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Domains(_, notes) => notes.clone(),
            Self::Given(set) => set.notes().to_vec(),
            Self::Made(set, _) => set.notes().to_vec(),
        }
    }

    /// Images that cannot be read.
    pub fn broken(&self) -> Vec<Broken> {
        match self {
            Self::Domains([a, b], _) => [a.broken(), b.broken()].concat(),
            Self::Given(set) => set.broken(),
            Self::Made(set, _) => set.broken(),
        }
    }

    /// Pairs, or images of the smaller domain; broken ones included.
    pub fn count(&self) -> u64 {
        let count = match self {
            Self::Domains([a, b], _) => a.len().min(b.len()),
            Self::Given(set) => set.len(),
            Self::Made(set, _) => set.len(),
        };
        count as u64
    }

    /// Whether a run's batches can be drawn from it.
    ///
    /// # Errors
    /// A batch larger than the data; nothing that can be read.
    pub fn check(&self, config: &RunConfig) -> Result<()> {
        let (batch, count) = (config.gan.batch(), self.count());
        if batch as u64 > count {
            let field = format!("{}.batch", config.gan.variant().word());
            let of = match self {
                Self::Domains([a, b], _) if a.len() <= b.len() => format!(" of {}", a.name()),
                Self::Domains([_, b], _) => format!(" of {}", b.name()),
                _ => String::new(),
            };
            let why = format!(
                "{batch} is more than the {count} images{of} that there are; use --batch {count} or less"
            );
            return Err(Error::config(field, why).into());
        }
        let readable = |set: &DataSet| set.samples(1).map(|_| ()).map_err(Error::from);
        match self {
            Self::Domains(domains, _) => domains.iter().try_for_each(|set| readable(set))?,
            Self::Given(set) => set.samples(1).map(|_| ()).map_err(Error::from)?,
            Self::Made(set, _) => readable(set)?,
        }
        Ok(())
    }

    /// The run's batches.
    ///
    /// # Errors
    /// A batch larger than the data.
    pub fn source(&self, config: &RunConfig, policy: &DevicePolicy) -> Result<DrawnPairs> {
        let batch = usize::try_from(config.gan.batch()).unwrap_or(usize::MAX);
        self.batches(config, config.train.seed, batch, policy)
    }

    fn batches(
        &self,
        config: &RunConfig,
        seed: u64,
        batch: usize,
        policy: &DevicePolicy,
    ) -> Result<DrawnPairs> {
        let sampling = Sampling { workers: config.data.workers, ..Sampling::new(batch, seed) };
        let device = policy.device;
        Ok(match self {
            Self::Domains([a, b], _) => DrawnPairs::Domains(Box::new(DomainSource::new(
                Arc::clone(a),
                Arc::clone(b),
                sampling,
                device,
            )?)),
            Self::Given(set) => DrawnPairs::Given(Box::new(PairSource::new(set, sampling, device)?)),
            Self::Made(set, task) => {
                let images = ImageSource::new(Arc::clone(set), sampling, device)?;
                DrawnPairs::Made(Box::new(TaskSource::new(images, task.clone(), seed, 0)))
            }
        })
    }

    /// So many pairs, or as many as there are; the seed decides which.
    ///
    /// # Errors
    /// Data that cannot be read; no memory.
    pub fn drawn(
        &self,
        config: &RunConfig,
        seed: u64,
        count: usize,
        policy: &DevicePolicy,
    ) -> Result<PairBatch> {
        let count = count.min(self.count() as usize).max(1);
        Ok(self.batches(config, seed, count, policy)?.next()?)
    }

    /// What previews show: held-out pairs, where there are some.
    ///
    /// # Errors
    /// As [`Pairs::drawn`].
    pub fn shown(
        &self,
        config: &RunConfig,
        held_out: Option<&Self>,
        policy: &DevicePolicy,
    ) -> Result<PairBatch> {
        held_out.unwrap_or(self).drawn(config, config.train.seed, SHOWN, policy)
    }

    /// What a network answers, as pictures in [-1, 1]; of a task they are put together with what was given.
    ///
    /// # Errors
    /// Tensors that do not belong together; LibTorch's.
    pub fn finished(&self, given: &Tensor, answers: &Tensor) -> Result<Tensor> {
        match self.task() {
            Some(task) => Ok(task.finish(given, answers)?),
            None => Ok(answers.shallow_clone()),
        }
    }

    /// Pairs by their numbers, in the order of their files, neither cut nor mirrored at random.
    ///
    /// # Errors
    /// An image that cannot be read; no memory.
    pub fn numbered(&self, numbers: Range<usize>, device: Device) -> Result<PairBatch> {
        let seed = numbers.start as u64;
        let load = |set: &DataSet| -> Result<Tensor> {
            let images = numbers.clone().map(|index| set.load(index)).collect::<gan_data::Result<Vec<_>>>();
            // Who compares one by one can leave out none.
            let images = images.map_err(|error| anyhow::anyhow!("{error}; repair it or take it away"))?;
            tensor(set, &images, device)
        };
        self.paired(seed, load(self.first())?, || load(self.second()))
    }

    /// Pairs spread over the set on a sheet: what is given beside what is wanted.
    ///
    /// # Errors
    /// Nothing that can be read; LibTorch's.
    pub fn sheet(&self) -> Result<Picture> {
        let samples = |set: &DataSet| set.samples(SHOWN).map_err(Error::from);
        let (mut first, mut second) = match self {
            Self::Given(set) => set.samples(SHOWN).map_err(Error::from)?.into_iter().unzip(),
            Self::Domains([a, b], _) => (samples(a)?, samples(b)?),
            Self::Made(set, _) => (samples(set)?, Vec::new()),
        };
        if !matches!(self, Self::Made(..)) {
            // Domains may differ in how many there are to be seen.
            let count = first.len().min(second.len());
            first.truncate(count);
            second.truncate(count);
        }
        let side = |set: &DataSet, images: &[Vec<u8>]| tensor(set, images, Device::Cpu);
        let PairBatch { a, b, .. } =
            self.paired(0, side(self.first(), &first)?, || side(self.second(), &second))?;
        let shown = self.task().map_or_else(|| Ok(a.shallow_clone()), |task| task.show(&a))?;
        let columns = [shown, self.finished(&a, &b)?];
        pictures::sheet(&pictures::of_images(&side_by_side(&columns)?)?, columns.len() * 2)
    }

    /// The images that are given, or of which pairs are made.
    fn first(&self) -> &DataSet {
        match self {
            Self::Domains([a, _], _) => a,
            Self::Given(set) => set.a(),
            Self::Made(set, _) => set,
        }
    }

    /// The images that are wanted.
    fn second(&self) -> &DataSet {
        match self {
            Self::Domains([_, b], _) => b,
            Self::Given(set) => set.b(),
            Self::Made(set, _) => set,
        }
    }

    /// First images with their second ones, which a task makes of them itself; `seed` decides how they are spoilt.
    fn paired(&self, seed: u64, first: Tensor, second: impl FnOnce() -> Result<Tensor>) -> Result<PairBatch> {
        match self.task() {
            Some(task) => Ok(task.pairs(&first, &Streams::new(seed, 0, 0, Device::Cpu))?),
            None => Ok(PairBatch { a: first, b: second()?, weight: None }),
        }
    }

    /// A preview's panels as pictures: those of pairs as one sheet of what was given, made and wanted.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn pictures_of(&self, panels: &[Panel]) -> Result<Vec<(String, Picture)>> {
        let named = |name: &str| panels.iter().find(|panel| panel.name == name).map(|panel| &panel.images);
        let (Some(given), Some(made), Some(wanted)) = (named("given"), named("made"), named("wanted")) else {
            return panels.iter().map(|panel| Ok((panel.name.clone(), pictures::of_panel(panel)?))).collect();
        };
        let shown = match self.task() {
            Some(task) => task.show(given)?,
            None => given.shallow_clone(),
        };
        let columns = [shown, self.finished(given, made)?, self.finished(given, wanted)?];
        let sheet = pictures::sheet(&pictures::of_images(&side_by_side(&columns)?)?, 6)?;
        Ok(vec![("given, made, wanted".to_owned(), sheet)])
    }
}

/// Images of a set as the networks see them.
fn tensor(set: &DataSet, images: &[Vec<u8>], device: Device) -> Result<Tensor> {
    let size = [images.len() as i64, set.channels().into(), set.height().into(), set.width().into()];
    let bytes = Tensor::f_from_data_size(&images.concat(), &size, Kind::Uint8)?;
    Ok(range::to_signed(&bytes.f_to_device(device)?)?)
}

/// Images through a network, a few at a time.
///
/// # Errors
/// The network's.
pub fn chunks(images: &Tensor, network: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let parts = images.f_split(AT_A_TIME, 0)?;
    let made = no_grad(|| parts.iter().map(network).collect::<Result<Vec<Tensor>>>())?;
    Ok(Tensor::f_cat(&made, 0)?)
}

impl DrawnPairs {
    fn source(&mut self) -> &mut dyn Source<PairBatch> {
        match self {
            Self::Domains(source) => source.as_mut(),
            Self::Given(source) => source.as_mut(),
            Self::Made(source) => source.as_mut(),
        }
    }
}

impl Source<PairBatch> for DrawnPairs {
    fn next(&mut self) -> gan_core::error::Result<PairBatch> {
        self.source().next()
    }

    fn position(&self) -> u64 {
        match self {
            Self::Domains(source) => source.position(),
            Self::Given(source) => source.position(),
            Self::Made(source) => source.position(),
        }
    }

    fn seek(&mut self, position: u64) -> gan_core::error::Result<()> {
        self.source().seek(position)
    }
}
