//! A run's whole configuration and how it comes about: preset < config file < flags < `--set`.

pub mod amount;
mod layers;
pub mod suggest;
mod tree;

pub use layers::Layers;

use crate::failure::usage;
use crate::say::{note, thousands};
use crate::variants::{VariantConfig, VariantName};
use anyhow::{Context, Result, anyhow};
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::trainer::TrainConfig;
use gan_data::{Fit, Task};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a run is, resolved: nothing is left to be decided. It is written as `config.toml` and travels in
/// every checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct RunConfig {
    /// The preset it began from.
    pub preset: String,
    /// The checkpoint whose weights it began with; empty: new ones.
    pub from: String,
    /// The variant and its settings; a section named after the variant.
    pub gan: VariantConfig,
    /// Length and cadences.
    pub train: TrainConfig,
    /// Where images come from.
    pub data: DataConfig,
    /// Where and how numbers are computed.
    pub device: DeviceConfig,
}

/// Where images come from and how they are brought to size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// A built-in data set's name, or a folder or file.
    pub source: String,
    /// Of a variant that translates: images of the first domain, or the first images of pairs, instead of `source`.
    pub domain_a: String,
    /// The second.
    pub domain_b: String,
    /// What pairs are made of plain images for; `none`: pairs are given.
    pub task: TaskSetting,
    /// A CSV with numbers for every image; empty: the `attributes.csv` beside the images, if it is there.
    pub attributes: String,
    /// How an image of another size becomes one of the right size: auto, crop, pad, pad-edge, stretch, resize-and-crop,
    /// random-crop, scale-width-and-crop, scale-width, none.
    pub fit: Fit,
    /// What images are scaled to before a piece is cut out of them, for the fits that do so; 0: 286 for 256, in proportion.
    pub load_size: u64,
    /// Whether every image is mirrored left to right in half of its draws.
    pub mirror: bool,
    /// Whether a broken image stops the run instead of being left out.
    pub strict: bool,
    /// Threads that decode images; 0 chooses.
    pub workers: usize,
    /// Memory for decoded images in megabytes; beyond it they are decoded anew.
    pub cache_mb: u64,
    /// Images with more pixels are refused undecoded.
    pub max_pixels: u64,
    /// The share of images that is held out of training, to see whether the discriminator overfits; 0 for none.
    pub holdout: f64,
    /// Only the first so many images of each class, to see what few are enough for; 0: all.
    pub per_class: u64,
    /// Points of a set such as `ring8`, drawn once and shown in a new order every epoch; 0: fresh ones in every batch.
    pub points: u64,
    /// How many images there were when the run began; found, not chosen. A resume compares.
    pub images: u64,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            source: gan_data::DEFAULT.to_owned(),
            domain_a: String::new(),
            domain_b: String::new(),
            task: TaskSetting(None),
            attributes: String::new(),
            fit: Fit::Auto,
            load_size: 0,
            mirror: false,
            strict: false,
            workers: 0,
            cache_mb: 2000,
            max_pixels: gan_data::Options::default().max_pixels,
            holdout: 0.0,
            per_class: 0,
            points: gan_data::FIXED,
            images: 0,
        }
    }
}

impl DataConfig {
    /// Refuses what no machine has room for.
    ///
    /// # Errors
    /// The setting, with the most that it may be.
    pub fn validate(&self) -> Result<()> {
        let bounds = [("workers", self.workers as u64, 1024), ("points", self.points, 100_000_000)];
        match bounds.into_iter().find(|(_, count, most)| count > most) {
            Some((field, count, most)) => {
                Err(Error::config(format!("data.{field}"), format!("{count} is more than {most}")).into())
            }
            None => Ok(()),
        }
    }

    /// Where images come from, in words.
    pub fn words(&self) -> String {
        match (self.domain_a.as_str(), &self.task.0) {
            ("", None) => self.source.clone(),
            ("", Some(task)) => format!("{} of {}", task.word(), self.source),
            (a, _) => format!("A: {a}; B: {}", self.domain_b),
        }
    }

    /// The default for a preset: the domains, points or stacked images that it is named after, or the built-in images.
    pub fn of_preset(preset: &str) -> Self {
        if preset.starts_with("emoji") {
            let [a, b] = ["emoji-google", "emoji-twitter"].map(str::to_owned);
            return Self { domain_a: a, domain_b: b, mirror: true, ..Self::default() };
        }
        let made = gan_data::PointSet::named(preset).is_some() || gan_data::Stacked::is_name(preset);
        if made { Self { source: preset.to_owned(), ..Self::default() } } else { Self::default() }
    }
}

/// A task or none. In files and on the command line `task.kind` says which, and its settings stand beside it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskSetting(pub Option<Task>);

impl TaskSetting {
    /// The word for no task.
    pub const NONE: &str = "none";

    /// The task, if there is one.
    pub fn of(&self) -> Option<Task> {
        self.0.clone()
    }
}

impl Serialize for TaskSetting {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(task) => task.serialize(serializer),
            None => serde_json::json!({"kind": Self::NONE}).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TaskSetting {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.get("kind").and_then(Value::as_str) == Some(Self::NONE) {
            return Ok(Self(None));
        }
        serde_json::from_value(value).map(|task| Self(Some(task))).map_err(serde::de::Error::custom)
    }
}

/// Where and how numbers are computed, as a user says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceConfig {
    /// `auto`, `cpu` or `cuda:N`.
    pub device: String,
    /// `auto`, `f32` or `bf16`.
    pub precision: String,
    /// CPU threads; 0 for all cores.
    pub threads: usize,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self { device: "auto".to_owned(), precision: "auto".to_owned(), threads: 0 }
    }
}

impl DeviceConfig {
    /// The words for a policy, with nothing left open.
    pub fn of(policy: &DevicePolicy) -> Self {
        let precision = match policy.precision {
            gan_core::device::Precision::F32 => "f32",
            gan_core::device::Precision::Bf16 => "bf16",
        };
        Self {
            device: gan_core::device::device_name(policy.device),
            precision: precision.to_owned(),
            threads: policy.threads,
        }
    }
}

impl RunConfig {
    /// Finds out what `auto` means here. Points are computed in f32: near 4 bf16 has no two numbers closer than 0.016.
    ///
    /// # Errors
    /// A device that is not there or a word that is none.
    pub fn policy(&self) -> Result<DevicePolicy> {
        let DeviceConfig { device, precision, threads } = &self.device;
        let precision = if self.gan.size() == 1 && precision == "auto" { "f32" } else { precision };
        Ok(DevicePolicy::resolve(device, precision, *threads)?)
    }

    /// Images shown when the first player's rate has fallen to 0, where one does: nothing is learned from then on.
    pub fn rates_end(&self) -> Option<u64> {
        let section = self.gan.section();
        let schedules = section.as_object()?.values().filter_map(|part| part.get("lr_schedule"));
        let ends = schedules.filter(|schedule| schedule.get("to").and_then(Value::as_f64) == Some(0.0));
        ends.filter_map(|schedule| schedule.get("end")?.as_u64()).filter(|end| *end > 0).min()
    }

    /// What is to be said of a run that is longer than its rates.
    pub fn warn_of_rates(&self) {
        if let Some(end) = self.rates_end().filter(|end| *end < self.train.images) {
            note(format_args!(
                "warning: a learning rate is 0 after {} of {} images (lr_schedule.end): nothing is learned from then on; a \
                 longer run is a new one: gan train {} --images {}",
                thousands(end),
                thousands(self.train.images),
                self.gan.variant().word(),
                self.train.images
            ));
        }
    }

    /// Everything as one tree: `variant`, `preset`, `from`, a section named after the variant, `train`, `data`, `device`.
    pub fn to_value(&self) -> Value {
        let variant = self.gan.variant().word();
        let section = |value: serde_json::Result<Value>| value.expect("a configuration is plain data");
        let mut tree = Map::new();
        tree.insert("variant".to_owned(), variant.into());
        tree.insert("preset".to_owned(), self.preset.as_str().into());
        tree.insert("from".to_owned(), self.from.as_str().into());
        tree.insert(variant.to_owned(), self.gan.section());
        tree.insert("train".to_owned(), section(serde_json::to_value(&self.train)));
        tree.insert("data".to_owned(), section(serde_json::to_value(&self.data)));
        tree.insert("device".to_owned(), section(serde_json::to_value(&self.device)));
        Value::Object(tree)
    }

    /// Reads what [`RunConfig::to_value`] made.
    ///
    /// # Errors
    /// What is missing or does not fit, with its path.
    pub fn from_value(value: &Value) -> Result<Self> {
        let text = |key: &str| {
            value.get(key).and_then(Value::as_str).ok_or_else(|| anyhow!("the configuration names no {key}"))
        };
        let word = text("variant")?;
        let variant = VariantName::of(word).ok_or_else(|| {
            anyhow!("this program knows no variant `{word}`; it was made by another version")
        })?;
        let section = |key: &str| value.get(key).unwrap_or(&Value::Null);
        Ok(Self {
            preset: text("preset")?.to_owned(),
            // Absent in runs of versions before it.
            from: text("from").unwrap_or_default().to_owned(),
            gan: VariantConfig::read(variant, section(variant.word()))?,
            train: read_section("train", section("train"))?,
            data: read_section("data", section("data"))?,
            device: read_section("device", section("device"))?,
        })
    }

    /// `config.toml`, with what a reader should know in front.
    ///
    /// # Errors
    /// A value that TOML has no words for.
    pub fn to_toml(&self) -> Result<String> {
        let body =
            toml::to_string(&self.to_value()).context("the configuration cannot be written as TOML")?;
        Ok(format!(
            "# What this run is, with nothing left open. It is a record: a resume\n\
             # takes the length (train.images), train.guard and [device] from it, the rest from the checkpoint.\n\
             # A new run like it: gan train {} --config THIS_FILE --out ANOTHER_FOLDER\n\
             # Times (images, report_images, ...) are counted in images shown to the discriminator.\n\n{body}",
            self.gan.variant().word()
        ))
    }

    /// Reads a run's `config.toml`.
    ///
    /// # Errors
    /// A file that cannot be read or is no run's configuration.
    pub fn from_toml(text: &str) -> Result<Self> {
        let value: Value = toml::from_str(text).map_err(|error| anyhow!("{}", error.message()))?;
        Self::from_value(&value)
    }
}

/// Reads one section; a complaint begins with the path of what it is about.
///
/// # Errors
/// A key or value that does not fit.
pub fn read_section<T: DeserializeOwned>(name: &str, section: &Value) -> Result<T> {
    if section.is_null() {
        return Err(usage(format!("{name}: the section is missing")));
    }
    serde_path_to_error::deserialize(section).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { name.to_owned() } else { format!("{name}.{path}") };
        usage(format!("{path}: {}", suggest::in_words(&error.inner().to_string())))
    })
}
