//! A checkpoint: a folder with `meta.json`, `watch.json`, safetensors files and `SHA256SUMS` over all of them.
//!
//! `PLAYER.safetensors` holds weights and buffers under the reference implementation's names, so other
//! programs read it directly; `PLAYER.adam.safetensors` the optimiser, `PLAYER.average.safetensors` the
//! moving average, `extra.safetensors` the rest; `watch.json` is what was watched over the run (absent in
//! checkpoints of versions before it). `sha256sum -c SHA256SUMS` checks it by hand.

use crate::clock::Clock;
use crate::device::DevicePolicy;
use crate::error::{Error, Result};
use crate::nn::{Parameters, Scope};
use crate::player::Player;
use crate::tensor::file::{self, Named};
use crate::trainer::state::{Loader, Saver};
use crate::trainer::watch::Watch;
use crate::variant::{StateVisitor, Variant, Weights};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;
const SUMS: &str = "SHA256SUMS";
const WATCH: &str = "watch.json";
/// The player whose network makes images from noise, in every variant that has one.
const GENERATOR: &str = "generator";

/// Who a run is: carried by every checkpoint, so that sampling needs no flags repeated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// The variant's word.
    pub variant: String,
    /// The run's whole configuration, as the program that trains understands it.
    pub config: serde_json::Value,
}

impl Identity {
    /// The identity of a variant with a configuration, which is what checkpoints are asked for later; `&()` for none.
    ///
    /// # Errors
    /// A configuration that JSON cannot hold.
    pub fn of<B>(variant: &dyn Variant<Batch = B>, config: &impl Serialize) -> Result<Self> {
        let config = serde_json::to_value(config)
            .map_err(|error| Error::config("configuration", format!("cannot be saved ({error})")))?;
        Ok(Self { variant: variant.name().to_owned(), config })
    }
}

/// `meta.json`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Meta {
    /// The version of this layout.
    pub format: u32,
    /// The variant's word.
    pub variant: String,
    /// The run's configuration.
    pub config: serde_json::Value,
    /// Where the run stood.
    pub clock: Clock,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Batches drawn from the source so far.
    pub source_position: u64,
    /// The run's seed.
    pub seed: u64,
    /// What wrote it.
    pub versions: Versions,
}

/// Versions of what wrote a checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Versions {
    /// This crate.
    pub gan_core: String,
    /// The tensor library.
    pub libtorch: String,
}

impl Meta {
    pub(super) fn new(
        identity: &Identity,
        seed: u64,
        clock: Clock,
        seconds: f64,
        source_position: u64,
    ) -> Self {
        Self {
            format: FORMAT,
            variant: identity.variant.clone(),
            config: identity.config.clone(),
            clock,
            seconds,
            source_position,
            seed,
            versions: Versions {
                gan_core: env!("CARGO_PKG_VERSION").to_owned(),
                libtorch: "2.11.0".to_owned(),
            },
        }
    }
}

/// Which parts of a checkpoint to put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// All of it, to go on training.
    Everything,
    /// Weights, buffers and averages: the networks as they were, without what trains them.
    Weights,
}

/// What a player took over from another run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// Which player.
    pub player: &'static str,
    /// Tensors that it took over.
    pub taken: usize,
    /// Names of those that it found nothing for, which begin as in a new run.
    pub left: Vec<String>,
}

/// A checkpoint in memory, ready to be written.
pub(super) struct Bundle {
    pub(super) name: String,
    pub(super) files: Vec<(String, Vec<u8>)>,
}

impl Bundle {
    /// Copies a variant's whole state off the device.
    pub(super) fn of<B>(variant: &mut dyn Variant<Batch = B>, meta: Meta, watch: &Watch) -> Result<Self> {
        let mut files = Vec::new();
        for player in variant.players() {
            for (part, tensors) in parts_of(player) {
                files.push((part, file::encode(&tensors)?));
            }
        }
        let mut saver = Saver::default();
        variant.extra_state(&mut saver)?;
        files.push(("extra.safetensors".to_owned(), file::encode(&saver.tensors)?));
        let text = serde_json::to_vec_pretty(&meta)
            .map_err(|error| Error::config("meta.json", error.to_string()))?;
        files.push(("meta.json".to_owned(), text));
        let text = serde_json::to_vec(watch).map_err(|error| Error::config(WATCH, error.to_string()))?;
        files.push((WATCH.to_owned(), text));
        Ok(Self { name: format!("{:09}", meta.clock.images), files })
    }

    /// Adds the checksums; done off the training thread.
    pub(super) fn seal(&mut self) {
        let lines: String =
            self.files.iter().map(|(name, bytes)| format!("{}  {name}\n", hex(bytes))).collect();
        self.files.push((SUMS.to_owned(), lines.into_bytes()));
    }
}

fn parts_of(player: &Player) -> Vec<(String, Named)> {
    let name = player.name();
    let names = player.parameters().trainable_names();
    let mut parts = vec![
        (format!("{name}.safetensors"), player.parameters().named()),
        (format!("{name}.adam.safetensors"), player.adam().named(&names)),
    ];
    if let Some(average) = player.average() {
        parts.push((average_of(name), average.parameters.named()));
    }
    parts
}

/// The file of a player's average.
fn average_of(player: &str) -> String {
    format!("{player}.average.safetensors")
}

/// A checkpoint on the disk, verified.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its folder.
    pub path: PathBuf,
    /// What it says about itself.
    pub meta: Meta,
    sums: Vec<(String, String)>,
}

impl Checkpoint {
    /// Opens a checkpoint and verifies every file of it.
    ///
    /// # Errors
    /// A folder that is no checkpoint, a damaged file (named), or a layout of another version.
    pub fn open(path: &Path) -> Result<Self> {
        let sums = read_sums(path)?;
        for (name, sum) in &sums {
            read_verified(path, name, sum)?;
        }
        let (_, sum) = sums.iter().find(|(name, _)| name == "meta.json").ok_or_else(|| {
            Error::checkpoint(path, format!("{SUMS} is damaged: it does not name meta.json"))
        })?;
        let text = read_verified(path, "meta.json", sum)?;
        let value: serde_json::Value = serde_json::from_slice(&text)
            .map_err(|error| Error::checkpoint(path, format!("meta.json is not readable ({error})")))?;
        let format = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if format != u64::from(FORMAT) {
            let why = format!(
                "was written in layout {format}; this program reads layout {FORMAT}: use the version that wrote it"
            );
            return Err(Error::checkpoint(path, why));
        }
        let meta = serde_json::from_value(value)
            .map_err(|error| Error::checkpoint(path, format!("meta.json lacks something ({error})")))?;
        Ok(Self { path: path.to_owned(), meta, sums })
    }

    /// Opens what a user named: a checkpoint's folder, or a run's (its newest checkpoint).
    ///
    /// # Errors
    /// Neither of the two; a run without a checkpoint; a damaged one.
    pub fn find(path: &Path) -> Result<Self> {
        if path.join(SUMS).is_file() || path.join("meta.json").is_file() {
            return Self::open(path);
        }
        if !path.exists() {
            return Err(Error::file(path, std::io::ErrorKind::NotFound.into()));
        }
        super::RunDir::latest(path)?.ok_or_else(|| Error::run(path, "has no checkpoint yet"))
    }

    /// Puts the checkpoint's values into a variant that was built from the same configuration.
    ///
    /// # Errors
    /// A checkpoint of another variant or with other shapes; a damaged file.
    pub fn restore<B>(&self, variant: &mut dyn Variant<Batch = B>, parts: Parts) -> Result<()> {
        self.check_variant(variant.name())?;
        let explain = |error| self.explained(error);
        for player in variant.players_mut() {
            let name = player.name();
            player.parameters().load(&self.tensors(&format!("{name}.safetensors"))?).map_err(explain)?;
            if let Some(average) = player.average() {
                let values = self.tensors(&average_of(name))?;
                average.parameters.load(&values).map_err(explain)?;
            }
            if parts == Parts::Everything {
                let values = self.tensors(&format!("{name}.adam.safetensors"))?;
                let names: Vec<String> =
                    player.parameters().trainable_names().iter().map(|&n| n.to_owned()).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                player.adam_mut().load(&names, &values).map_err(explain)?;
            }
        }
        let extra = self.tensors("extra.safetensors")?;
        let players = variant.players();
        let first =
            players.first().and_then(|player| player.parameters().trainable().first().map(|t| t.device()));
        let device = first.unwrap_or(tch::Device::Cpu);
        variant.extra_state(&mut Loader { tensors: &extra, device }).map_err(explain)
    }

    /// Takes over the weights and averages of a run of the same variant, as far as names and shapes are the same: the beginning
    /// of a run on other data. Optimisers, averages of training and the clock begin anew.
    ///
    /// # Errors
    /// A checkpoint of another variant, or with nothing in it that fits; a damaged file.
    pub fn transfer<B>(&self, variant: &mut dyn Variant<Batch = B>) -> Result<Vec<Transferred>> {
        self.check_variant(variant.name())?;
        let mut all = Vec::new();
        for player in variant.players_mut() {
            let name = player.name();
            let weights = self.tensors(&format!("{name}.safetensors"))?;
            let left = player.parameters().take(&weights)?;
            if let Some(average) = player.average() {
                let values = if self.has_average(name) { self.tensors(&average_of(name))? } else { weights };
                // What was not found has just begun, as in the weights.
                let _ = average.parameters.take(&values)?;
            }
            let of = player.parameters().entries().len();
            all.push(Transferred { player: name, taken: of - left.len(), left });
        }
        if all.iter().all(|player| player.taken == 0) {
            let why = "has no tensor with a name and shape of this network's; its settings are others";
            return Err(Error::checkpoint(&self.path, why));
        }
        Ok(all)
    }

    /// The configuration of a run of this variant: the one that its [`Identity`] was given, or the part of it under the variant's
    /// word, as the `gan` command writes it.
    ///
    /// # Errors
    /// A checkpoint of another variant; something else in its place.
    pub fn config<C: DeserializeOwned>(&self, variant: &str) -> Result<C> {
        self.check_variant(variant)?;
        let whole = &self.meta.config;
        C::deserialize(whole.get(variant).unwrap_or(whole)).map_err(|error| {
            Error::checkpoint(&self.path, format!("holds no configuration of `{variant}` ({error})"))
        })
    }

    /// The network of the player `generator` alone, without what trains it: `new` makes it, and it takes over the player's
    /// weights or their average. It is not trained any further.
    ///
    /// # Errors
    /// Other names or shapes; a damaged file.
    pub fn generator<N>(
        &self,
        weights: Weights,
        policy: &DevicePolicy,
        new: impl FnOnce(Scope) -> Result<N>,
    ) -> Result<N> {
        let mut parameters = Parameters::blank(policy);
        let network = new(parameters.root().frozen(true))?;
        let file = match self.generator_weights(weights) {
            Weights::Averaged => average_of(GENERATOR),
            Weights::Raw => format!("{GENERATOR}.safetensors"),
        };
        parameters.load(&self.tensors(&file)?).map_err(|error| self.explained(error))?;
        Ok(network)
    }

    /// What [`Checkpoint::generator`] gives who asks for some weights: raw ones, where there is no average.
    pub fn generator_weights(&self, asked: Weights) -> Weights {
        if self.has_average(GENERATOR) { asked } else { Weights::Raw }
    }

    fn has_average(&self, player: &str) -> bool {
        let file = average_of(player);
        self.sums.iter().any(|(name, _)| *name == file)
    }

    /// A number that [`Variant::extra_state`] has saved.
    ///
    /// # Errors
    /// A name that it does not have; a damaged file.
    pub fn extra_number(&self, name: &str) -> Result<f64> {
        let mut value = 0.0;
        let tensors = self.tensors("extra.safetensors")?;
        let mut loader = Loader { tensors: &tensors, device: tch::Device::Cpu };
        loader.number(name, &mut value).map_err(|error| self.explained(error))?;
        Ok(value)
    }

    /// What does not fit, as a fault of this checkpoint.
    fn explained(&self, error: Error) -> Error {
        match error {
            Error::Config { why, .. } => Error::checkpoint(&self.path, why),
            other => other,
        }
    }

    fn check_variant(&self, name: &str) -> Result<()> {
        if self.meta.variant == name {
            return Ok(());
        }
        let why = format!("is one of variant `{}`, not `{name}`", self.meta.variant);
        Err(Error::checkpoint(&self.path, why))
    }

    /// What was watched over the run until then; fresh for a checkpoint of a version that did not watch.
    ///
    /// # Errors
    /// A damaged file.
    pub fn watch(&self) -> Result<Watch> {
        let Some((_, sum)) = self.sums.iter().find(|(name, _)| name == WATCH) else {
            return Ok(Watch::default());
        };
        serde_json::from_slice(&read_verified(&self.path, WATCH, sum)?)
            .map_err(|error| Error::checkpoint(&self.path, format!("{WATCH} is not readable ({error})")))
    }

    /// The tensors of one file, verified again as they are read.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn tensors(&self, name: &str) -> Result<Named> {
        let (_, sum) = self
            .sums
            .iter()
            .find(|(other, _)| other == name)
            .ok_or_else(|| Error::checkpoint(&self.path, format!("has no {name}")))?;
        file::decode(&read_verified(&self.path, name, sum)?, &self.path.join(name))
    }
}

fn read_sums(path: &Path) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path.join(SUMS)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::checkpoint(path, format!("is no checkpoint (there is no {SUMS} in it)"))
        }
        std::io::ErrorKind::InvalidData => Error::checkpoint(path, format!("{SUMS} is damaged")),
        _ => Error::file(path.join(SUMS), error),
    })?;
    text.lines()
        .map(|line| line.split_once("  ").map(|(sum, name)| (name.to_owned(), sum.to_owned())))
        .collect::<Option<Vec<_>>>()
        .filter(|sums| !sums.is_empty())
        .ok_or_else(|| Error::checkpoint(path, format!("{SUMS} is damaged")))
}

fn read_verified(path: &Path, name: &str, sum: &str) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path.join(name)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::checkpoint(path, format!("{name} is missing")),
        _ => Error::file(path.join(name), error),
    })?;
    if hex(&bytes) == sum {
        Ok(bytes)
    } else {
        Err(Error::checkpoint(path, format!("{name} is damaged (its checksum differs)")))
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
