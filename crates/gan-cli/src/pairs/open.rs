//! From a configuration to the data that it names.

use super::Pairs;
use crate::config::{DataConfig, RunConfig};
use crate::failure::usage;
use anyhow::Result;
use gan_core::error::Error;
use gan_core::settings::PairShape;
use gan_data::Pairs as Folder;
use gan_data::{DataSet, Domains, Options, PairedSet, Task};
use std::sync::Arc;

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
        // Training without pairs can be tested with them.
        let shape = PairShape {
            belong_together: shape.belong_together || gan_data::are_aligned(&domain_a, &domain_b),
            ..shape
        };
        let data = DataConfig { domain_a, domain_b, ..data.clone() };
        return Ok(Some(open_part(&data, &shape, [true, true], false)?));
    }
    if let Some(source) = known(&data.source)
        && data.domain_a.is_empty()
    {
        let data = DataConfig { source, ..data.clone() };
        return Ok(Some(open_part(&data, &shape, [true, true], false)?));
    }
    if data.domain_a.is_empty() && data.task.of().is_none() && data.source != gan_data::DEFAULT {
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
        // Colourisation takes pictures as they have colours or not; it refuses grey ones.
        let wanted = match &task {
            Task::Colorize {} => 0,
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
    if both == [true, true] && data.source != gan_data::DEFAULT {
        return refuse(
            "data",
            "names images twice: by --data, and by --domain-a and --domain-b; leave one out",
        );
    }
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
