//! The layers of a configuration, each over the one before.

use super::tree::Tree;
use super::{DataConfig, DeviceConfig, RunConfig, TaskSetting};
use crate::failure::usage;
use crate::variants::{VariantConfig, VariantName};
use anyhow::{Result, anyhow};
use gan_core::error::Error;
use gan_data::Task;
use serde_json::Value;
use std::path::Path;

/// A configuration in the making.
#[derive(Clone, Debug)]
pub struct Layers {
    variant: VariantName,
    tree: Tree,
    /// The length of the preset's own run.
    images: u64,
}

impl Layers {
    /// The first two layers: the preset (the flag's, else the file's, else the variant's default) and the file.
    ///
    /// # Errors
    /// An unknown preset; a file that cannot be read, is for another variant or holds an unknown key.
    pub fn new(variant: VariantName, preset: Option<&str>, file: Option<&Path>) -> Result<Self> {
        let file = file.map(|path| read(path, variant)).transpose()?;
        let in_file = match file.as_ref().and_then(|(value, name)| Some((value.get("preset")?, name))) {
            Some((Value::String(preset), _)) => Some(preset.clone()),
            Some((other, name)) => {
                return Err(usage(format!("{name}: preset = {other}: expected a name in quotes")));
            }
            None => None,
        };
        let preset =
            preset.map(str::to_owned).or(in_file).unwrap_or_else(|| variant.default_preset().to_owned());
        let gan = VariantConfig::preset(variant, &preset)?;
        let first = RunConfig {
            from: String::new(),
            gan,
            train: variant.train(&preset),
            data: DataConfig::of_preset(&preset),
            preset,
            device: DeviceConfig::default(),
        };
        let images = first.train.images;
        let mut layers = Self { variant, tree: Tree::new(first.to_value()), images };
        if let Some((mut value, name)) = file {
            if let Some(kind) = value.pointer("/data/task/kind").and_then(Value::as_str) {
                layers.task(Some(kind)).map_err(|error| anyhow!("{name}: {error}"))?;
            }
            if let Some(fields) = value.as_object_mut() {
                fields.retain(|key, _| key != "variant" && key != "preset");
            }
            layers.tree.merge(&value, &name)?;
        }
        Ok(layers)
    }

    /// The first layer, of a run that begins with another's weights: that run's settings of the variant and of its length. Data
    /// and device are a new run's; so are classes and attributes, which data brings along.
    pub fn like(other: RunConfig) -> Self {
        let (variant, images) = (other.gan.variant(), other.train.images);
        let first = RunConfig { data: DataConfig::default(), device: DeviceConfig::default(), ..other };
        let mut value = first.to_value();
        if let Some(section) = value.get_mut(variant.word()).and_then(Value::as_object_mut) {
            for key in ["classes", "attributes"] {
                section.entry(key).and_modify(|labels| *labels = Value::Array(Vec::new()));
            }
        }
        Self { variant, tree: Tree::new(value), images }
    }

    /// A task with its own settings, at their defaults.
    ///
    /// # Errors
    /// There is no such task.
    pub fn task(&mut self, word: Option<&str>) -> Result<()> {
        let Some(word) = word else { return Ok(()) };
        let task = Task::named(word);
        if task.is_none() && word != TaskSetting::NONE {
            return Err(usage(format!("task: `{word}` is none of {}", Task::NAMES.join(", "))));
        }
        self.tree.replace("data.task", serde_json::to_value(TaskSetting(task))?);
        Ok(())
    }

    /// A flag of the variant's section, such as `batch`.
    ///
    /// # Errors
    /// The variant has no such setting.
    pub fn gan_flag(&mut self, key: &str, value: Option<impl Into<Value>>) -> Result<()> {
        self.flag(&format!("{}.{key}", self.variant.word()), value)
    }

    /// A flag, if it was given.
    ///
    /// # Errors
    /// There is no such setting.
    pub fn flag(&mut self, path: &str, value: Option<impl Into<Value>>) -> Result<()> {
        match value {
            Some(value) => self.tree.put(path, &value.into()).map_err(|why| usage(format!("{path}: {why}"))),
            None => Ok(()),
        }
    }

    /// `--set key=value`
    ///
    /// # Errors
    /// An unknown key or a value that does not fit, with what would.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let key = assignment.split('=').next().unwrap_or_default().trim();
        if matches!(key, "variant" | "preset") {
            return Err(usage(format!(
                "--set {key}: cannot be set here; it is chosen by `gan train VARIANT --preset P`"
            )));
        }
        self.tree.assign(assignment)
    }

    /// Whether a setting of the variant was given by anything but the preset.
    pub fn is_given(&self, key: &str) -> bool {
        self.tree.is_given(&format!("{}.{key}", self.variant.word()))
    }

    /// The preset's schedules, of rates and of penalties, made as long as the run is; those that were given stay.
    fn fit_schedules(&mut self) {
        let wanted = self.tree.value("train.images").and_then(Value::as_u64).unwrap_or(self.images);
        let is_moment = |path: &str| {
            let mut parts = path.rsplit('.');
            matches!(parts.next(), Some("begin" | "end"))
                && parts.next().is_some_and(|part| part.ends_with("schedule"))
        };
        for path in self.tree.paths().into_iter().filter(|path| is_moment(path)) {
            if let Some(moment) = self.tree.value(&path).and_then(Value::as_u64)
                && !self.tree.is_given(&path)
            {
                let fitted = u128::from(moment) * u128::from(wanted) / u128::from(self.images.max(1));
                self.tree.replace(&path, u64::try_from(fitted).unwrap_or(u64::MAX).into());
            }
        }
    }

    /// The configuration.
    ///
    /// # Errors
    /// A value that cannot be.
    pub fn resolve(mut self) -> Result<RunConfig> {
        self.fit_schedules();
        RunConfig::from_value(&self.tree.into_value())
    }
}

fn read(path: &Path, variant: VariantName) -> Result<(Value, String)> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::file(path, source))?;
    let name = path.display().to_string();
    let value: Value = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
        let place = line.map(|line| format!(", line {line}")).unwrap_or_default();
        usage(format!("{name}{place}: {}", error.message().replace('\n', "; ")))
    })?;
    match value.get("variant").map(|word| word.as_str().ok_or_else(|| anyhow!("{name}: variant is no text")))
    {
        Some(word) if word.as_ref().is_ok_and(|word| *word != variant.word()) => {
            Err(usage(format!("{name}: is for variant `{}`, not `{}`", word?, variant.word())))
        }
        Some(Err(error)) => Err(error),
        _ => Ok((value, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(file: Option<&str>) -> Result<Layers> {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("c.toml");
        std::fs::write(&path, file.unwrap_or_default()).expect("file");
        Layers::new(VariantName::Dcgan, None, file.map(|_| path.as_path()))
    }

    #[test]
    fn a_preset_named_after_data_takes_them() {
        for (variant, preset, source) in [
            (VariantName::Vanilla, "grid25", "grid25"),
            (VariantName::Dcgan, "stacked-digits", "stacked-digits"),
            (VariantName::Dcgan, "dcgan-64", gan_data::DEFAULT),
        ] {
            let layers = Layers::new(variant, Some(preset), None).expect("a preset");
            let config = layers.resolve().expect("settings");
            assert_eq!(config.data.source, source);
        }
    }

    #[test]
    fn schedules_are_as_long_as_the_run() {
        let resolved = |settings: &[&str]| {
            let mut layers = Layers::new(VariantName::Cyclegan, None, None).expect("layers");
            settings.iter().for_each(|setting| layers.set(setting).expect("set"));
            let config = layers.resolve().expect("config");
            let tree = config.to_value();
            let moment = |path: &str| tree.pointer(path).and_then(Value::as_u64).expect("a moment");
            let [begin, end] = ["begin", "end"]
                .map(|word| moment(&format!("/cyclegan/generator_optimizer/lr_schedule/{word}")));
            (begin, end, config.rates_end())
        };
        assert_eq!(resolved(&[]), (15_000, 30_000, Some(30_000)));
        assert_eq!(resolved(&["train.images=8k"]), (4_000, 8_000, Some(8_000)));
        let given = ["train.images=8k", "generator_optimizer.lr_schedule.end=9k"];
        assert_eq!(resolved(&given), (4_000, 9_000, Some(8_000)), "the discriminator's ends first");
    }

    #[test]
    fn later_layers_win() {
        let file = "preset = \"dcgan-64\"\n[dcgan]\nbatch = 32\nlatent = 50\n[train]\nimages = \"500k\"\n";
        let mut layers = layers(Some(file)).expect("layers");
        layers.gan_flag("batch", Some(16)).expect("flag");
        layers.gan_flag("size", None::<i64>).expect("no flag");
        layers.set("latent=25").expect("set");
        assert!(layers.is_given("latent") && !layers.is_given("channels"));
        let config = layers.resolve().expect("config");
        assert_eq!((config.preset.as_str(), config.gan.size(), config.gan.batch()), ("dcgan-64", 64, 16));
        assert_eq!(config.train.images, 500_000);
        assert_eq!(config.to_value()["dcgan"]["latent"], 25);
    }

    #[test]
    fn a_run_s_record_is_a_config_file() {
        let mut first = layers(None).expect("layers");
        first.set("loss=hinge").expect("set");
        let config = first.resolve().expect("config");
        let text = config.to_toml().expect("toml");
        assert_eq!(RunConfig::from_toml(&text).expect("read"), config);
        assert_eq!(layers(Some(&text)).expect("layers").resolve().expect("config"), config);
    }

    #[test]
    fn files_that_do_not_fit_are_refused_in_one_sentence() {
        let refused = |text: &str| {
            let error = layers(Some(text)).and_then(Layers::resolve).expect_err(text);
            crate::failure::sentence(&error)
        };
        assert!(refused("variant = \"stylegan\"").contains("is for variant `stylegan`"));
        assert!(refused("[dcgan]\nlos = \"hinge\"").contains("did you mean dcgan.loss?"));
        let sentence = refused("[dcgan]\nloss = \"hing\"");
        assert!(
            sentence.starts_with("dcgan.loss: ") && sentence.ends_with("did you mean hinge?"),
            "{sentence}"
        );
        assert!(refused("[dcgan\n").contains("line 1"));
        assert!(refused("preset = \"none\"").contains("fashion-mnist-32"));
    }
}
