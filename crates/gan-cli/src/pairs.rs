//! The data of a run that translates images: two domains, given pairs, or pairs made of plain images.

use crate::config::{DataConfig, RunConfig};
use crate::failure::usage;
use crate::pictures;
use anyhow::Result;
use gan_core::data::{PairBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::settings::PairShape;
use gan_core::tensor::grid::side_by_side;
use gan_core::variant::Panel;
use gan_data::Pairs as Folder;
use gan_data::{
    Broken, DataSet, DomainSource, Domains, ImageSource, Options, PairSource, PairedSet, Sampling, Task,
    TaskSource,
};
use gan_report::Picture;
use std::sync::Arc;
use tch::{Tensor, no_grad};

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

/// Opens what a resolved configuration names.
///
/// # Errors
/// There is no such thing, it holds no image that can be read, or the settings do not go with it.
pub fn open(config: &RunConfig) -> Result<Pairs> {
    open_as_is(config, [true, true])
}

/// The same, with channels as the data has them where the configuration's are not `given`.
///
/// # Errors
/// As [`open`].
pub fn open_as_is(config: &RunConfig, given: [bool; 2]) -> Result<Pairs> {
    open_part(&config.data, &shape(config)?, given, false)
}

/// What training never shows: what is held out, or the test images of sets that are known to have some.
///
/// # Errors
/// As [`open`].
pub fn open_held_out(config: &RunConfig) -> Result<Option<Pairs>> {
    let (data, shape) = (&config.data, shape(config)?);
    if data.holdout > 0.0 {
        return Ok(Some(open_part(data, &shape, [true, true], true)?));
    }
    let known = |name: &str| gan_data::held_out_of(name).map(str::to_owned);
    if let (Some(domain_a), Some(domain_b)) = (known(&data.domain_a), known(&data.domain_b)) {
        let data = DataConfig { domain_a, domain_b, ..data.clone() };
        return Ok(Some(open_part(&data, &shape, [true, true], false)?));
    }
    if let Some(source) = known(&data.source)
        && data.domain_a.is_empty()
    {
        let data = DataConfig { source, ..data.clone() };
        return Ok(Some(open_part(&data, &shape, [true, true], false)?));
    }
    if data.domain_a.is_empty() && data.task.of().is_none() {
        let (options, channels) = (options(data, &shape, 0, false), shape.channels.map(known_channels));
        if shape.belong_together {
            let folder = Folder::open(&data.source, &options, channels).map_err(Error::from)?;
            return Ok(folder.test.or(folder.val).map(Pairs::Given));
        }
        let Domains { test_a, test_b, .. } =
            Domains::open_folder(&data.source, &options, channels).map_err(Error::from)?;
        return Ok(test_a.zip(test_b).map(|(a, b)| Pairs::Domains([a, b], Vec::new())));
    }
    Ok(None)
}

/// As the data have them where they are 0.
fn known_channels(channels: i64) -> Option<u32> {
    u32::try_from(channels).ok().filter(|channels| *channels > 0)
}

fn shape(config: &RunConfig) -> Result<PairShape> {
    config.gan.pairs().ok_or_else(|| usage("this variant makes images from noise and learns from no pairs"))
}

fn options(data: &DataConfig, shape: &PairShape, channels: i64, held_out: bool) -> Options {
    let known = |number: i64| u32::try_from(number).ok();
    Options {
        size: known(shape.image[0]),
        width: known(shape.image[1]),
        channels: known_channels(channels),
        fit: data.fit,
        load_size: known(data.load_size as i64).filter(|size| *size > 0),
        mirror: data.mirror,
        strict: data.strict,
        memory: data.cache_mb.saturating_mul(1_000_000),
        max_pixels: data.max_pixels,
        holdout: data.holdout,
        per_class: data.per_class,
        held_out,
        ..Options::default()
    }
}

fn open_part(data: &DataConfig, shape: &PairShape, given: [bool; 2], held_out: bool) -> Result<Pairs> {
    let channels = [0, 1].map(|side| if given[side] { shape.channels[side] } else { 0 });
    let refuse = |field: &str, why: &str| Err(Error::config(field, why).into());
    if let Some(task) = data.task.of() {
        if !shape.belong_together {
            return refuse("data.task", "makes pairs, which cyclegan does not want; use `gan train pix2pix`");
        }
        if !data.domain_a.is_empty() || !data.domain_b.is_empty() {
            return refuse("data.task", "makes pairs of plain images; name them by --data, and no domains");
        }
        task.validate(shape.image)?;
        // Colourisation knows what it wants; all others take pictures as they are.
        let wanted = match &task {
            Task::Colorize {} => 3,
            _ => channels[1],
        };
        let set =
            DataSet::open(&data.source, &options(data, shape, wanted, held_out)).map_err(Error::from)?;
        let made = Pairs::Made(Arc::new(set), task);
        made.channels()?;
        return Ok(made);
    }
    let both = [&data.domain_a, &data.domain_b].map(|place| !place.is_empty());
    let (options, channels) = (options(data, shape, 0, held_out), channels.map(known_channels));
    match (both, shape.belong_together) {
        ([true, true], true) => {
            let set = PairedSet::open(&data.domain_a, &data.domain_b, &options, channels);
            Ok(Pairs::Given(set.map_err(Error::from)?))
        }
        ([true, true], false) => {
            let domains = Domains::open(&data.domain_a, &data.domain_b, &options, channels);
            Ok(of_domains(domains.map_err(Error::from)?))
        }
        ([false, false], _) if data.source == gan_data::DEFAULT => match shape.belong_together {
            true => refuse(
                "data",
                "names no pairs: --data FOLDER of A|B pictures or with folders A and B, --domain-a and --domain-b with equal \
                 file names, or --task with any images (inpaint, superres, colorize, denoise, edges)",
            ),
            false => refuse(
                "data",
                "names no domains: --domain-a and --domain-b, or --data FOLDER with trainA and trainB",
            ),
        },
        ([false, false], true) => {
            let folder = Folder::open(&data.source, &options, channels).map_err(Error::from)?;
            Ok(Pairs::Given(folder.train))
        }
        ([false, false], false) => {
            Ok(of_domains(Domains::open_folder(&data.source, &options, channels).map_err(Error::from)?))
        }
        _ => refuse("data", "names one domain of two: --domain-a and --domain-b go together"),
    }
}

fn of_domains(domains: Domains) -> Pairs {
    Pairs::Domains([domains.a, domains.b], domains.notes)
}

impl Pairs {
    /// Whether the sides of a pair belong together.
    pub fn are_pairs(&self) -> bool {
        !matches!(self, Self::Domains(..))
    }

    /// Whether domains are known to show the same under the same names, as test sets do.
    pub fn are_aligned(&self) -> bool {
        match self {
            Self::Domains([a, b], _) => {
                gan_data::aligned_with(a.name()) == Some(b.name()) && a.len() == b.len()
            }
            _ => true,
        }
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
            let why = format!(
                "{batch} is more than the {count} images that there are; use --batch {count} or less"
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

    /// The first pairs on a sheet: what is given beside what is wanted.
    ///
    /// # Errors
    /// Nothing that can be read; LibTorch's.
    pub fn sheet(&self) -> Result<Picture> {
        let of = |set: &DataSet, images: Vec<Vec<u8>>| -> Result<Tensor> {
            let size = [images.len() as i64, set.channels().into(), set.height().into(), set.width().into()];
            let bytes = Tensor::f_from_data_size(&images.concat(), &size, tch::Kind::Uint8)?;
            Ok(gan_core::tensor::range::to_signed(&bytes)?)
        };
        let columns = match self {
            Self::Domains(domains, _) => {
                let count = SHOWN.min(domains[0].len()).min(domains[1].len());
                let side = |set: &DataSet| of(set, set.samples(count).map_err(Error::from)?);
                let (a, b) = (side(&domains[0])?, side(&domains[1])?);
                let count = a.size()[0].min(b.size()[0]);
                vec![a.f_narrow(0, 0, count)?, b.f_narrow(0, 0, count)?]
            }
            Self::Given(set) => {
                let (a, b): (Vec<_>, Vec<_>) = set.samples(SHOWN).map_err(Error::from)?.into_iter().unzip();
                vec![of(set.a(), a)?, of(set.b(), b)?]
            }
            Self::Made(set, task) => {
                let images = of(set, set.samples(SHOWN).map_err(Error::from)?)?;
                let noise = gan_core::random::Streams::new(0, 0, 0, tch::Device::Cpu);
                let PairBatch { a, b, .. } = task.pairs(&images, &noise)?;
                vec![task.show(&a)?, task.finish(&a, &b)?]
            }
        };
        pictures::sheet(&pictures::of_images(&side_by_side(&columns)?)?, columns.len() * 2)
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
